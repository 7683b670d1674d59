"""Checkpoints as people have them, from files on disk to the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from reportgen.cli import main
from tests.data.layouts import write_folder
from tests.engine.subjects import NET, RIGHT, pictures

NETS = (
    NET
    + """

class Part(nn.Module):
    def __init__(self, num_classes=3):
        super().__init__()
        self.body = Net(num_classes)

    def forward(self, x):
        return self.body(x)

class Versioned(Net):
    _version = 2

    def _load_from_state_dict(self, state, prefix, metadata, *rest):
        if (metadata.get("version") or 1) < 2:
            state[f"{prefix}conv.weight"] = -state[f"{prefix}conv.weight"]
        super()._load_from_state_dict(state, prefix, metadata, *rest)
"""
)
WRONG = {"conv.weight": torch.zeros(3, 3, 1, 1)}


def write_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "nets.py").write_text(NETS)
    write_folder(folder / "images", pictures())
    monkeypatch.syspath_prepend(str(folder))
    from nets import Net, Part, Versioned  # type: ignore[import-not-found]

    averaged, part, versioned = AveragedModel(Net()), Part(), Versioned()
    for net in (averaged.module, part.body, versioned):
        net.conv.weight.data = RIGHT["conv.weight"].clone()
    part.body = torch.compile(part.body)
    checkpoints = {
        "plain": ("Net", RIGHT),
        "wrapped": ("Net", {"epoch": 3, "model": RIGHT, "optimizer": {}}),
        "ema": ("Net", {"state_dict": WRONG, "state_dict_ema": RIGHT}),
        "params_ema": ("Net", {"params": RIGHT, "params_ema": RIGHT}),
        "weights": ("Net", {"weights": RIGHT}),
        "averaged": ("Net", averaged.state_dict()),
        "lightning": ("Net", {"state_dict": {f"model.{k}": v for k, v in RIGHT.items()}}),
        "compiled_part": ("Part", part.state_dict()),
        "versioned": ("Versioned", versioned.state_dict()),
    }
    lines = [
        "reportgen: 1",
        "title: Checkpoints",
        "datasets: {images: {source: folder, path: images, shape: [3, 8, 8], classes: 3}}",
        "measure: {accuracy: {}}",
        "models:",
    ]
    for name, (network, content) in checkpoints.items():
        torch.save(content, folder / f"{name}.pt")
        lines.append(f"  {name}: {{source: 'nets.py:{network}', weights: {{file: {name}.pt}}}}")
    lines.append("  raw: {source: 'nets.py:Net', weights: {file: ema.pt, key: state_dict}}")
    (folder / "spec.yaml").write_text("\n".join(lines) + "\n")


@pytest.mark.slow
def test_checkpoints_as_people_have_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path, monkeypatch)
    out = tmp_path / "out"
    assert main([str(tmp_path / "spec.yaml"), "--allow-code", "--offline", "--out", str(out)]) == 0
    builds = json.loads((out / "spec.json").read_text())["builds"]
    assert {name: build["figures"]["top1"]["correct"] for name, build in builds.items()} == {
        **dict.fromkeys(("plain", "wrapped", "ema", "params_ema", "weights", "averaged"), 12),
        **dict.fromkeys(("lightning", "compiled_part", "versioned"), 12),
        "raw": 4,
    }
    document = (out / "spec.md").read_text()
    for words in (
        ", from 'state_dict_ema' (averaged); the file holds 'state_dict' too\n",
        ", from 'params_ema' (averaged); the file holds 'params' too\n",
        ", from 'state_dict'\n",
    ):
        assert words in document
