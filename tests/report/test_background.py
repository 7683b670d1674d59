"""The table of machines: what was measured where, and with which allocator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from reportgen.record.record import Figure
from reportgen.report.background import environment_table
from tests.report.examples import build, record_of

BARE: Mapping[str, str] = {"cpu": "EPYC", "threads": "1"}
STEADY = {**BARE, "allocator": "steady"}
SYSTEM = {**BARE, "allocator": "system"}
OTHER = {**BARE, "cpu": "Xeon"}


def rows(environments: Mapping[str, Mapping[str, str]], **figures: str) -> list[list[str]]:
    """Return the table for figures by key, each with the name of its environment."""
    named = {key: Figure("measured", 1.0, environment=at) for key, at in figures.items()}
    record = replace(record_of(build("A", figures=named)), environments=environments)
    table = environment_table(record)
    assert table is not None
    return [[cell.text for cell in row.cells] for row in table.rows]


@pytest.mark.parametrize(
    ("environments", "figures", "expected"),
    [
        # Accuracies name no allocator: none changes them.
        (
            {"a": BARE, "b": STEADY},
            {"top1": "a", "latency": "b"},
            [["timing, accuracy", "EPYC", "1", "steady"]],
        ),
        # Memory is that of a process as it is.
        (
            {"b": STEADY, "c": SYSTEM},
            {"latency": "b", "speedup": "b", "memory": "c", "cold_start": "c"},
            [
                ["Latency, Speed-up", "EPYC", "1", "steady"],
                ["Cold start, Peak memory", "EPYC", "1", "system"],
            ],
        ),
        # Two that might be meant: neither is.
        (
            {"a": BARE, "b": STEADY, "c": SYSTEM},
            {"top1": "a", "latency": "b", "memory": "c"},
            [
                ["accuracy", "EPYC", "1", ""],
                ["Latency", "EPYC", "1", "steady"],
                ["Peak memory", "EPYC", "1", "system"],
            ],
        ),
        # Times from before there was a choice are not said to be steady.
        (
            {"a": BARE, "b": STEADY},
            {"latency": "a", "speedup": "b"},
            [["Latency", "EPYC", "1", ""], ["Speed-up", "EPYC", "1", "steady"]],
        ),
        (
            {"a": BARE, "d": OTHER},
            {"top1": "a", "latency": "d"},
            [["accuracy", "EPYC", "1"], ["timing", "Xeon", "1"]],
        ),
    ],
)
def test_it_says_what_was_measured_where(
    environments: Mapping[str, Mapping[str, str]],
    figures: dict[str, str],
    expected: list[list[str]],
) -> None:
    assert rows(environments, **figures) == expected
