"""From a spec to its report: counts that are not verified, and models whose forward pass fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reportgen.cli import main

NETS = '''\
import functools
import torch
from torch import nn


class Net(nn.Module):
    """A linear layer of 27·27 weights, and an operation after it."""

    def __init__(self, operation):
        super().__init__()
        self.fc = nn.Linear(27, 27)
        self.operation = operation

    def forward(self, x):
        return self.operation(self.fc(x.flatten(1)))


def seen(num_classes):
    return Net(torch.relu)


@torch.library.custom_op("own::hidden", mutates_args=())
def hidden(x: torch.Tensor) -> torch.Tensor:
    return x @ x.T


@hidden.register_fake
def _(x):
    return x.new_empty(len(x), len(x))


def unseen(num_classes):
    return Net(lambda x: hidden(x))


class Fails(Net):
    def forward(self, x):
        raise FileNotFoundError("no such file: table.bin")


def fails(num_classes):
    return Fails(None)


def late(num_classes):
    model = Fails(None)
    model.head = nn.LazyLinear(3)
    return model


@functools.cache
def kept(num_classes):
    model = nn.Sequential(nn.Flatten(), nn.Linear(27, 27), nn.Linear(27, 27))
    model[2].weight = model[1].weight
    return model
'''
SPEC = """\
reportgen: 1
title: Unverified
datasets:
  images: {source: synthetic, shape: [3, 3, 3], classes: 27, count: 1}
models:
  seen: {source: "nets.py:seen"}
  unseen: {source: "nets.py:unseen"}
  fails: {source: "nets.py:fails"}
  late: {source: "nets.py:late"}
  kept: {source: "nets.py:kept"}
measure: {complexity: {}}
report: {columns: [macs, flops, flops.thop, macs_fwd_bwd, params, params.keras]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the spec has been run."""
    folder = tmp_path_factory.mktemp("unverified")
    (folder / "nets.py").write_text(NETS, encoding="utf-8")
    (folder / "s.yaml").write_text(SPEC, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["s.yaml", "--quiet", "--offline", "--allow-code"]) == 1
    return folder


def figures(folder: Path, name: str) -> dict[str, Any]:
    record = json.loads((folder / "out/s.json").read_text(encoding="utf-8"))
    return record["builds"][name]["figures"]


WORK = ("macs", "flops", "activations", "flops.thop", "macs_fwd_bwd", "flops_fwd_bwd")
SIZES = {"params": 27 * 28, "params.keras": 27 * 28, "trainable_params": 27 * 28}


def test_what_a_count_may_leave_out_is_in_the_record(folder: Path) -> None:
    found = figures(folder, "unseen")
    assert found["macs"]["value"] == 27 * 27
    for key in WORK:
        assert found[key]["unverified"] == "own.hidden in the model itself"
    for key in SIZES:
        assert "unverified" not in found[key]
    assert not any("unverified" in figure for figure in figures(folder, "seen").values())


def test_cells_say_so_and_no_unverified_figure_is_bold(folder: Path) -> None:
    report = (folder / "out/s.md").read_text(encoding="utf-8")
    row = next(line for line in report.splitlines() if line.startswith("| unseen |"))
    assert "| 729 ?[^unverified-" in row
    assert "**" not in row.replace("**756**", "")
    assert (
        "]: Not verified: these cannot be counted for sure: own.hidden in the model itself.\n"
        in report
    )
    assert "- ?: not verified; the footnote says why.\n" in report
    text = (folder / "out/s.txt").read_text(encoding="utf-8")
    assert "729 MACs (not verified)\n" in text
    assert (
        "Note on unseen: Not verified: these cannot be counted for sure: own.hidden in the model "
        "itself.\n" in text
    )


def test_check_reports_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    capsys.readouterr()
    assert main(["check", "s.yaml"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  unseen: 6 figures not verified: own.hidden in the model itself" in lines
    assert main(["check", "s.yaml", "--recount", "--allow-code"]) == 1
    assert capsys.readouterr().out.splitlines() == lines
    assert main(["check", "s.yaml", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["s.yaml"]["findings"]
    assert {finding["kind"] for finding in found} == {"unverified"}


def test_explain_never_says_that_counters_agree_on_what_they_do_not_know(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    for name, agree in (("seen", True), ("unseen", False)):
        assert main(["explain", "s.yaml", "--model", name]) == 0
        said = capsys.readouterr().out
        assert ("Two counters agree" in said) == agree
        assert ("Not verified: these cannot be counted for sure: own.hidden" in said) != agree


def test_parameters_are_shown_though_no_forward_pass_runs(folder: Path) -> None:
    found = figures(folder, "fails")
    assert {key: found[key]["value"] for key in SIZES} == SIZES
    for key in WORK:
        assert found[key]["provenance"] == "unavailable"
        assert found[key]["reason"] == "FileNotFoundError: no such file: table.bin"
    report = (folder / "out/s.md").read_text(encoding="utf-8")
    assert "]: FileNotFoundError: no such file: table.bin.\n" in report


def test_parameters_that_are_not_initialised_are_named(folder: Path) -> None:
    found = figures(folder, "late")["params"]
    assert found["value"] == 27 * 28
    assert found["unverified"] == "head.weight (not initialised), head.bias (not initialised)"


def test_a_model_that_its_factory_keeps_has_its_ties(folder: Path) -> None:
    found = figures(folder, "kept")
    assert (found["params"]["value"], found["macs"]["value"]) == (27 * 28 + 27, 2 * 27 * 27)
