"""A figure of a metric that is not installed here is read, kept, and shown as what it is."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reportgen.cli import main
from reportgen.common.errors import SpecError, UsageError
from reportgen.record import record as records
from reportgen.record.budgets import verdicts
from reportgen.record.merge import merge
from reportgen.record.metrics import is_known, is_possible, metric_of, parse_key, rank
from reportgen.record.record import Record
from reportgen.report import build as make
from reportgen.report import render, write_for_terminal
from reportgen.report.comparison import columns
from reportgen.review.thresholds import parse
from reportgen.spec import loads

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
FOREIGN: dict[str, dict[str, Any]] = {
    "robustness": {"provenance": "measured", "unit": "points", "value": 81.23456},
    "robustness@8": {"provenance": "measured", "environment": "a", "value": 12_345},
}


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the benchmarks' module that writes a spec and its report without measuring."""
    spec = importlib.util.spec_from_file_location("project", BENCHMARKS / "project.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def text(project: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a report of three models, two of them with figures of a plugin; return its record."""
    monkeypatch.chdir(tmp_path)
    project.make(tmp_path, 3)
    path = Path("out/many.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    for number, name in enumerate(("Model 0", "Model 1")):
        figures = data["builds"][name]["figures"]
        for key, figure in FOREIGN.items():
            figures[key] = figure | {"value": figure["value"] + number}
        data["builds"][name]["dependencies"]["robustness"] = {"model": "ab12"}
    written = records.loads(json.dumps(data)).dumps()
    path.write_text(written, encoding="utf-8")
    return written


def with_columns(text: str, *keys: str) -> Record:
    data = json.loads(text)
    data["report"]["columns"] = list(keys)
    return records.loads(json.dumps(data))


def test_a_key_may_be_a_plugins() -> None:
    key = parse_key("robustness@8")
    assert (key, key.name, key.batch, key.column) == ("robustness@8", "robustness", 8, "robustness")
    assert is_possible("energy.total")
    assert not is_known("robustness")
    assert is_known("latency@8")
    assert is_known("flops.thop")
    impossible = ("macs@8", "latency@0", "flops.thop@8", "macs.thop", "Robustness", "x@", "a b", "")
    for key in impossible:
        assert not is_possible(key)
        assert not is_known(key)
    metric = metric_of("robustness@8")
    assert (metric.label, metric.unit, metric.better, metric.kind) == (
        *("robustness", "", None, "other"),
    )
    assert sorted(["robustness@8", "loss", "robustness", "params"], key=rank) == [
        *("params", "loss", "robustness", "robustness@8"),
    ]


def test_it_is_written_back_as_it_was(text: str) -> None:
    assert records.loads(text).dumps() == text


def test_a_run_keeps_it(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["many.yaml"]) == 0
    assert Path("out/many.json").read_text(encoding="utf-8") == text


def test_it_is_in_order(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "many.yaml"]) == 0
    assert main(["check", "many.yaml"]) == 0
    assert "many.yaml: in order, 3 builds" in capsys.readouterr().out


def test_it_is_shown_as_the_record_has_it(text: str) -> None:
    record = with_columns(text, "robustness", "macs")
    assert [column.key for column in columns(record)] == ["robustness", "robustness@8", "macs"]
    document = render(record)["md"]
    header, _, *rows = [line for line in document.splitlines() if line.startswith("|")][:5]
    assert [cell.strip() for cell in header.split("|")][2:4] == [
        *("robustness", "robustness, batch 8"),
    ]
    cells = [[cell.strip().partition("[^")[0] for cell in row.split("|")][2:4] for row in rows]
    assert cells == [["81.23 points", "12,345"], ["82.23 points", "12,346"], ["–", "–"]]
    note = "The metric 'robustness' is not installed here: kept as it was."
    assert document.count(note) == 1
    assert "- **robustness**: the metric 'robustness' is not installed here" in document
    assert note in write_for_terminal(make(record))


def test_one_that_no_column_names_is_not_shown(text: str) -> None:
    assert "robustness" not in render(records.loads(text))["md"]


def test_a_change_of_it_is_a_change(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("old.json").write_text(text.replace("81.23456", "80.2"), encoding="utf-8")
    assert main(["diff", "old.json", "out/many.json"]) == 0
    told = capsys.readouterr().out
    assert "| Model 0 | robustness | 80.20 points | 81.23 points | +1.03 points |" in told


def test_two_branches_records_of_it_are_merged(text: str) -> None:
    record = records.loads(text)
    assert merge(record, record, {}) == record


def test_a_budget_of_it_is_decided(text: str) -> None:
    data = json.loads(text)
    data["builds"]["Model 0"]["budgets"] = {"robustness": "≥ 90"}
    (verdict,) = verdicts(records.loads(json.dumps(data)))
    assert str(verdict) == "Model 0: robustness: 81.2346 points breaks the budget ≥ 90"


def test_a_spec_names_only_what_is_installed(text: str) -> None:
    spec = Path("many.yaml").read_text(encoding="utf-8")
    with pytest.raises(SpecError, match="unknown metric 'robustness'"):
        loads(f"{spec}report: {{columns: [robustness]}}\n")
    with pytest.raises(SpecError, match="unknown metric 'robustness'"):
        loads(f"{spec}budgets: {{robustness: ≥ 3}}\n")
    with pytest.raises(UsageError, match="unknown metric 'robustness'"):
        parse("robustness<-3")


def test_a_column_of_modules_that_nothing_here_tells(text: str) -> None:
    data = json.loads((BENCHMARKS.parent / "out/resnet18_modules.json").read_text("utf-8"))
    data["report"]["module_columns"] = ["macs", "energy"]
    document = render(records.loads(json.dumps(data)))["md"]
    assert "Nothing installed here tells 'energy' of modules." in document
