"""The modules' shares of the CPU time: when they are due, what is measured, what is made of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reportgen.common.errors import MeasureError
from reportgen.data.search import Search
from reportgen.engine import estimate, module_shares
from reportgen.engine.journal import Journal
from reportgen.plan.plan import Plan
from reportgen.plan.resolve import plan
from reportgen.plan.selection import Selection
from reportgen.plan.staleness import Due, State, compare
from reportgen.record import record as records
from reportgen.record.merge import merge
from reportgen.record.record import BuildRecord, Figure, Record
from reportgen.review.changes import compare as changes
from reportgen.spec import loads
from reportgen.spec.model import Timing

HERE = Search((), True, Path())

SPEC = """\
reportgen: 1
title: T
datasets: {noise: {source: synthetic, shape: [1, 8, 8], classes: 10, count: 4}}
models:
  CNN: {source: zoo/digits_cnn}
  Quantised: {source: zoo/digits_cnn, quantize: {scheme: int8-static}}
  Tapped: {source: zoo/digits_cnn, heads: ["0"]}
measure: {complexity: {}, timing: {batch_sizes: [2, 1], threads: 1, rounds: 3, total: false}}
report:
  columns: [macs]
  modules: {columns: [params, macs, time.share]}
"""

GROUP = "module times"


def of(text: str = SPEC) -> Plan:
    return plan(loads(text), name="t", spec_dir=Path())


def due(planned: Plan, old: Record | None, *again: str) -> dict[str, Due]:
    found = compare(planned, old, HERE, Selection(frozenset(again)))
    return {entry.build.id: entry for entry in found.due if entry.group == GROUP}


def played(planned: Plan, path: Path) -> Record:
    """Bring a record up to date in what is due of times of modules, and in nothing else."""
    state = compare(planned, records.read(path), HERE, Selection())
    journal = Journal(planned, path, state.record)
    for entry in state.due:
        if entry.group == GROUP:
            timing = planned.measure.timing
            assert timing is not None
            shares = module_shares.measure(entry.build, timing, HERE)
            journal.note_environment(shares.environment)
            journal.put(entry, shares.figures)
    return journal.record


def test_only_what_a_table_asks_for_is_due() -> None:
    assert due(of(SPEC.replace(", time.share", "")), None) == {}
    found = due(of(), None)
    assert list(found) == ["CNN", "Quantised", "Tapped"]
    assert found["CNN"].keys == ("time.share",)


def test_what_other_times_depend_on_stays_as_it_is() -> None:
    plain, asked = (of(text).builds["CNN"] for text in (SPEC.replace(", time.share", ""), SPEC))
    assert GROUP not in plain.dependencies
    assert {**plain.dependencies, GROUP: asked.dependencies[GROUP]} == asked.dependencies


def test_what_is_measured(tmp_path: Path) -> None:
    record = played(of(), tmp_path / "t.json")
    figure = record.builds["CNN"].figures["time.share"]
    assert (figure.provenance, figure.value, figure.samples) == ("measured", None, 5)
    assert figure.note == "for a batch of 1"
    assert record.environments[figure.environment]["threads"] == "1"
    assert figure.shares is not None
    assert sum(figure.shares.values()) == 10_000
    assert {"0.0", "1.0", "4"} <= figure.shares.keys()
    # What runs in the int8 model goes by the paths of the float model; fused norms do not run.
    quantised = record.builds["Quantised"].figures["time.share"].shares
    assert quantised is not None
    assert {"0.0", "1.0", "4"} <= quantised.keys()
    assert "0.1" not in quantised
    heads = record.builds["Tapped"].figures["time.share"].shares
    assert heads is not None
    assert "heads.0.fc" in heads
    # It is written, and read again.
    assert records.read(tmp_path / "t.json") == record


def test_it_is_kept_until_something_changes(tmp_path: Path) -> None:
    record = played(of(), tmp_path / "t.json")
    assert due(of(), record) == {}
    assert due(of(SPEC.replace("[2, 1]", "[1, 64]")), record) == {}
    assert due(of(SPEC.replace("rounds: 3", "rounds: 4")), record) == {}
    assert due(of(SPEC.replace("threads: 1", "threads: 2")), record).keys() == {
        *("CNN", "Quantised", "Tapped")
    }
    assert due(of(SPEC.replace("[2, 1]", "[2]")), record).keys() == {"CNN", "Quantised", "Tapped"}
    changed = due(of(SPEC.replace('["0"]', '["0", "1"]')), record)
    assert {name: entry.why for name, entry in changed.items()} == {
        "Tapped": "the model's part of the spec changed"
    }


@pytest.mark.parametrize("again", ["timing", "all", "CNN"])
def test_it_is_taken_again_where_times_are(tmp_path: Path, again: str) -> None:
    record = played(of(), tmp_path / "t.json")
    found = due(of(), record, again)
    assert list(found) == (["CNN"] if again == "CNN" else ["CNN", "Quantised", "Tapped"])
    assert due(of(), record, "accuracy") == {}


def test_no_longer_asked_for_it_goes_from_the_record(tmp_path: Path) -> None:
    record = played(of(), tmp_path / "t.json")
    without = of(SPEC.replace(", time.share", ""))
    state = compare(without, record, HERE, Selection())
    assert "time.share" not in state.record.dumps()


def test_a_failure_says_why(tmp_path: Path) -> None:
    journal = Journal(of(), tmp_path / "t.json", of().empty_record())
    journal.fail(due(of(), None)["CNN"], MeasureError("no memory"))
    assert journal.record.builds["CNN"].figures["time.share"].reason == "no memory"
    assert due(of(), journal.record).keys() == {"Quantised", "Tapped"}
    assert due(of(), journal.record, "unavailable").keys() == {"CNN", "Quantised", "Tapped"}


def shares_of(**shares: int) -> Record:
    figure = Figure("measured", environment="m", samples=5, shares=shares)
    build = BuildRecord(
        "CNN",
        "d",
        10,
        "zoo/x",
        (1, 8, 8),
        figures={"time.share": figure},
        dependencies={GROUP: {"a": "b"}},
    )
    return Record("t", "T", environments={"m": {"cpu": "x"}}, builds={"CNN": build})


@pytest.mark.parametrize("new", [shares_of(a=6_000, b=4_000), Record("t", "T", builds={
    "CNN": BuildRecord("CNN", "d", 10, "zoo/x", (1, 8, 8), dependencies={GROUP: {"a": "b"}}),
})])  # fmt: skip
def test_noise_in_it_is_no_change(new: Record) -> None:
    assert changes("t", shares_of(a=5_000, b=5_000), new).quiet


def test_of_two_branches_ours_stays_where_both_hold() -> None:
    ours, theirs = shares_of(a=5_000, b=5_000), shares_of(a=6_000, b=4_000)
    assert merge(ours, theirs, {}).builds["CNN"] == ours.builds["CNN"]
    now: Any = {"CNN": {GROUP: {"a": "c"}}}
    stale = shares_of(a=1)
    fresh = Record("t", "T", builds={
        "CNN": BuildRecord("CNN", "d", 10, "zoo/x", (1, 8, 8), dependencies={GROUP: {"a": "c"}},
            figures={"time.share": Figure("measured", shares={"a": 2})}),
    })  # fmt: skip
    assert merge(stale, fresh, now).builds["CNN"].figures["time.share"].shares == {"a": 2}


@pytest.mark.parametrize(
    ("figures", "expected"),
    [({"latency@1": Figure("measured", 100.0)}, (0.7, 0)), ({}, (0, 1))],
)
def test_how_long_it_will_take(figures: dict[str, Figure], expected: tuple[float, int]) -> None:
    build = BuildRecord("A", "d", 2, "zoo/x", (1, 2, 3), figures=figures)
    any_build: Any = SimpleNamespace(id="A")
    state = State(
        Record("s", "T", builds={"A": build}), (Due(any_build, GROUP, ("time.share",), {}, "why"),)
    )
    # Seven passes of 0.1 s.
    assert estimate.seconds(state, Timing(batch_sizes=[8, 1], rounds=7)) == pytest.approx(expected)
