"""Columns by convention in the main job: counted once, from the ledger of the one pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reportgen.cli import main

SPEC = """\
reportgen: 1
title: Small
datasets:
  images: {source: synthetic, shape: [3, 64, 64], classes: 32, count: 1}
models:
  One: {source: zoo/conv}
  Four: {source: zoo/conv, batch_size: 4}
  Heads:
    source: zoo/keras_resnet50
    args: {blocks: [1, 1]}
    heads: {to: 1}
    freeze: backbone
report:
  formats: [md]
  columns: [flops.keras, params.keras, params.keras-non-trainable, macs]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def run(*words: str) -> dict[str, Any]:
    assert main(["s.yaml", "--quiet", "--offline", *words]) == 0
    return json.loads(Path("out/s.json").read_text(encoding="utf-8"))["builds"]


def values(build: dict[str, Any]) -> dict[str, int]:
    return {key: figure["value"] for key, figure in build["figures"].items()}


def test_figures_by_convention(folder: Path) -> None:
    builds = run()
    one, four = values(builds["One"]), values(builds["Four"])
    # 62·62 pixels, 32 channels, 27 products each
    assert (one["flops.keras"], four["flops.keras"]) == (3_321_216, 4 * 3_321_216)
    assert one["params.keras"] == four["params.keras"] == 896
    assert one["activations"] == 62 * 62 * 32
    assert builds["Four"]["batch_size"] == 4
    assert "batch_size" not in builds["One"]
    figure = builds["One"]["figures"]["flops.keras"]
    assert (figure["convention"], figure["provenance"]) == ("keras", "measured")


def test_heads_and_frozen_parts_are_in_the_record_and_the_report(folder: Path) -> None:
    build = run()["Heads"]
    assert (build["heads"], build["frozen"]) == ("taps 1 to 1", "backbone")
    found = values(build)
    # the head at 256 channels and the last layer at 512
    assert found["trainable_params"] == 256 * 32 + 32 + 512 * 32 + 32
    assert found["params.keras"] - found["params.keras-non-trainable"] == found["trainable_params"]
    report = Path("out/s.md").read_text(encoding="utf-8")
    about = "zoo/keras_resnet50; input 3×64×64; heads: taps 1 to 1; frozen: backbone"
    assert f"- **Heads**: {about}" in report
    assert "| Four | 4 | 13.28 M | 896 | 0 | 13.28 M |" in report
    assert "- Work is counted for a batch of 1 or 4." in report
    assert (
        "- **FLOPs (keras)**: products of convolutions, but not of depthwise ones, and of dense "
        "layers; as in count_ops for Keras, 2018; except that " in report
    )


def test_another_column_is_counted_and_the_others_stay(folder: Path) -> None:
    before = run()
    Path("s.yaml").write_text(SPEC.replace("macs]", "macs, flops.thop]"), encoding="utf-8")
    after = run()
    for name, build in before.items():
        assert {key: after[name]["figures"][key] for key in build["figures"]} == build["figures"]
    assert after["One"]["figures"]["flops.thop"]["value"] == 3_321_216


def test_what_changes_a_build(folder: Path) -> None:
    before = run()
    Path("s.yaml").write_text(
        SPEC.replace("heads: {to: 1}", "heads: all").replace("batch_size: 4", "batch_size: 2"),
        encoding="utf-8",
    )
    after = run()
    assert after["One"] == before["One"]
    assert after["Four"]["dependencies"] != before["Four"]["dependencies"]
    assert values(after["Four"])["macs"] == 2 * 3_321_216
    more = values(after["Heads"])["params"] - values(before["Heads"])["params"]
    assert more == 512 * 32 + 32


def test_a_tap_that_is_not_there_leaves_cells_that_say_so(folder: Path) -> None:
    Path("s.yaml").write_text(SPEC.replace("{to: 1}", "[add_3]"), encoding="utf-8")
    assert main(["s.yaml", "--quiet", "--offline"]) == 1
    report = Path("out/s.md").read_text(encoding="utf-8")
    assert "]: KerasResNet has no tap 'add_3'. Did you mean 'add_2'?\n" in report


KEEPING = """
import functools
from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes=32):
        super().__init__()
        self.fc = nn.Linear(3, num_classes)

    def forward(self, x):
        return self.fc(x.mean((2, 3))) if float(x.sum()) < 1e30 else None


@functools.cache
def cached(num_classes=32):
    return Net(num_classes)


made = None


def kept(num_classes=32):
    global made
    made = made or Net(num_classes)
    return made
"""


def test_models_that_their_factories_keep_are_counted_on_the_cpu_where_they_must(
    folder: Path,
) -> None:
    (folder / "nets.py").write_text(KEEPING, encoding="utf-8")
    text = SPEC.partition("models:")[0]
    text += 'models: {A: {source: "nets.py:cached"}, B: {source: "nets.py:kept"}}\n'
    (folder / "s.yaml").write_text(text + "report: {formats: [md], columns: [macs]}\n", "utf-8")
    builds = run("--allow-code")
    assert [values(builds[name])["macs"] for name in "AB"] == [96, 96]


def test_a_forward_that_ends_the_program_costs_the_parameters_nothing(folder: Path) -> None:
    code = "import sys\nfrom torch import nn\n\nclass Exits(nn.Linear):\n"
    code += "    def __init__(self):\n        super().__init__(2, 3)\n\n"
    code += "    def forward(self, x):\n        sys.exit(3)\n"
    (folder / "nets.py").write_text(code, encoding="utf-8")
    text = SPEC.partition("models:")[0] + 'models: {A: {source: "nets.py:Exits"}}\n'
    (folder / "s.yaml").write_text(text + "report: {formats: [md], columns: [macs, params]}\n")
    assert main(["s.yaml", "--quiet", "--offline", "--allow-code"]) == 1
    record = json.loads(Path("out/s.json").read_text(encoding="utf-8"))
    figures = record["builds"]["A"]["figures"]
    assert figures["params"]["value"] == 2 * 3 + 3
    assert figures["macs"]["reason"] == "its forward pass ends the program (exit code 3)"
