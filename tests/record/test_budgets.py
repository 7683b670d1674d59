"""Budgets: how they are read, judged, planned, and told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.common.errors import RecordError, SpecError
from reportgen.plan.resolve import plan
from reportgen.record.budgets import broken_budgets, verdicts
from reportgen.record.limits import parse
from reportgen.record.record import BuildRecord, Figure, Record, loads
from reportgen.report import build as make
from reportgen.report import render, write_for_terminal
from reportgen.spec import loads as load_spec
from tests.report.examples import build, counted, missing, quoted, record_of, timed


@pytest.mark.parametrize(
    ("key", "text", "relation", "limit", "shown"),
    [
        ("params", "≤ 2 M", "≤", 2_000_000, "≤ 2 M"),
        ("params", "<=2M", "≤", 2_000_000, "≤ 2M"),
        ("macs", " < 110 MMACs ", "<", 110_000_000, "< 110 MMACs"),
        ("top1", ">= 90 %", "≥", 90, "≥ 90 %"),
        ("top1", "> 89.5", ">", 89.5, "> 89.5"),
        ("latency@8", "≤ 0.02 s", "≤", 20, "≤ 0.02 s"),
        ("speedup", "≥ 2×", "≥", 2, "≥ 2×"),
    ],
)
def test_a_budget_is_read(key: str, text: str, relation: str, limit: float, shown: str) -> None:
    budget = parse(key, text)
    assert (budget.relation, budget.limit, budget.text) == (relation, limit, shown)


@given(
    st.sampled_from(["≤", "≥", "<", ">", "<=", ">="]),
    st.integers(0, 10**6),
    st.sampled_from(["", " ", " K", " M", "G"]),
)
def test_any_relation_and_amount_is_read(relation: str, number: int, prefix: str) -> None:
    budget = parse("params", f"{relation}{number}{prefix}")
    factor = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}[prefix.strip()]
    assert budget.limit == number * factor
    assert budget.holds(budget.limit) == ("=" in relation or relation in "≤≥")
    assert parse("params", budget.text) == budget


SPEC = """\
reportgen: 1
title: T
datasets: {cifar10: {}}
models:
  A: {source: zoo/resnet_lite}
  B: {source: zoo/resnet_lite, budgets: {params: null, macs: ≤ 1 G}}
budgets: {params: ≤ 2 M, macs: < 110 M}
"""


def complaint(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        load_spec(text, "s.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "≤ 2 M",
            "2 M",
            "s.yaml:7:19: 'params' cannot have the budget '2 M'\n"
            "  7 | budgets: {params: 2 M, macs: < 110 M}\n"
            "    |                   ^\n"
            "  Begin with ≤ or ≥ (<=, >=, < and > do too): '≤ 2 M'.",
        ),
        (
            "≤ 2 M",
            "≤ 2 s",
            "s.yaml:7:19: 'params' cannot have the budget '≤ 2 s'\n"
            "  7 | budgets: {params: ≤ 2 s, macs: < 110 M}\n"
            "    |                   ^\n"
            "  '2 s' is in s: write a count of params, such as '2.6073 G'.",
        ),
        (
            "≤ 2 M",
            "2000000",
            "s.yaml:7:19: 'params' must be text (quote it)\n"
            "  7 | budgets: {params: 2000000, macs: < 110 M}\n"
            "    |                   ^",
        ),
        (
            "{params: ≤",
            "{parms: ≤",
            "s.yaml:7:11: unknown metric 'parms'\n"
            "  7 | budgets: {parms: ≤ 2 M, macs: < 110 M}\n"
            "    |           ^\n"
            "  Did you mean 'params'? `reportgen list metrics` lists all.",
        ),
        (
            "macs: ≤ 1 G",
            "top1: ≥ 90 %",
            "s.yaml:6:56: nothing here gives the budget 'top1'\n"
            "  6 |   B: {source: zoo/resnet_lite, budgets: {params: null, top1: ≥ 90 %}}\n"
            "    |                                                        ^\n"
            "  Add `accuracy: {}` to `measure`, or remove the budget.",
        ),
        (
            "budgets: {params: ≤ 2 M, macs: < 110 M}",
            "budgets:\n  params: > 2 M",
            "s.yaml:8:13: not YAML: expected a comment or a line break, but found '2'\n"
            "  8 |   params: > 2 M\n"
            "    |             ^\n"
            '  Text that begins with > or | is quoted: ">= 90 %".',
        ),
    ],
)
def test_a_budget_that_cannot_be_meant(old: str, new: str, expected: str) -> None:
    assert old in SPEC
    assert complaint(SPEC.replace(old, new)) == expected


def test_a_model_has_the_budgets_of_all_and_its_own_before_them() -> None:
    planned = plan(load_spec(SPEC), name="s", spec_dir=Path())
    budgets = {name: build.budgets for name, build in planned.empty_record().builds.items()}
    assert budgets == {"A": {"params": "≤ 2 M", "macs": "< 110 M"}, "B": {"macs": "≤ 1 G"}}


def of(figure: Figure | None, text: str, key: str = "params", **more: Any) -> BuildRecord:
    return build("Net", figures={key: figure} if figure else {}, budgets={key: text}, **more)


def told(build: BuildRecord) -> list[str]:
    return [f"{verdict.state}: {verdict.message}" for verdict in verdicts(record_of(build))]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (of(counted(2_000_000), "≤ 2 M"), "kept: params: 2,000,000 keeps the budget ≤ 2 M"),
        (of(counted(2_000_001), "≤ 2 M"), "broken: params: 2,000,001 breaks the budget ≤ 2 M"),
        (of(counted(2_000_000), "< 2 M"), "broken: params: 2,000,000 breaks the budget < 2 M"),
        (
            of(Figure("measured", 89.996, "%"), "≥ 90 %", "top1"),
            "broken: top1: 89.996 % breaks the budget ≥ 90 %",
        ),
        (
            of(None, "≥ 90 %", "top1", reported={"top1": quoted("91 %", 91.0, source="a paper")}),
            "undecided: top1: budget ≥ 90 % not decided: the figure is only quoted, from a paper",
        ),
        (
            of(missing("missing", "the weights are not here"), "≥ 90 %", "top1"),
            "undecided: top1: budget ≥ 90 % not decided: the weights are not here",
        ),
        (of(None, "≤ 9 K"), "undecided: params: budget ≤ 9 K not decided: not measured"),
        # 1.82 · 0.8 ms / √7 = 0.55 ms to either side of the median.
        (
            of(timed(20.4, spread=0.8), "≤ 20 ms", "latency@1"),
            "undecided: latency@1: budget ≤ 20 ms not decided: "
            "the limit lies in the 95 % interval of 20.4 ms",
        ),
        (
            of(timed(20.6, spread=0.8), "≤ 20 ms", "latency@1"),
            "broken: latency@1: 20.6 ms breaks the budget ≤ 20 ms",
        ),
        (
            of(timed(2.1, "×", interval=(1.9, 2.3)), "≥ 2×", "speedup@1"),
            "undecided: speedup@1: budget ≥ 2× not decided: "
            "the limit lies in the 95 % interval of 2.1 ×",
        ),
        (
            of(timed(410.0, "MiB", samples=1), "≤ 400 MiB", "memory@1"),
            "broken: memory@1: 410 MiB breaks the budget ≤ 400 MiB",
        ),
        (
            of(timed(410.0, "MiB", samples=1), "≤ 0.5 GB", "memory@1"),
            "kept: memory@1: 410 MiB keeps the budget ≤ 0.5 GB",
        ),
        # Fewer than six rounds give no interval.
        (
            of(timed(20.6, spread=0.8, samples=5), "≤ 20 ms", "latency@1"),
            "undecided: latency@1: budget ≤ 20 ms not decided: "
            "the limit lies in the spread of 5 rounds of 20.6 ms",
        ),
        (
            of(timed(20.9, spread=0.8, samples=5), "≤ 20 ms", "latency@1"),
            "broken: latency@1: 20.9 ms breaks the budget ≤ 20 ms",
        ),
        (
            of(timed(2.1, "×", samples=5, interval=(2.05, 2.3)), "≥ 2×", "speedup@1"),
            "undecided: speedup@1: budget ≥ 2× not decided: "
            "5 rounds are too few to know how sure 2.1 × is",
        ),
        (
            of(Figure("derived", 1, "×"), "≥ 2×", "speedup@1"),
            "broken: speedup@1: 1 × breaks the budget ≥ 2×",
        ),
        (
            of(counted(5, stale="the disk is full"), "≤ 9 K"),
            "undecided: params: budget ≤ 9 K not decided: 5 is stale: the disk is full",
        ),
        (
            of(counted(5, unverified="aten::addbmm"), "≤ 9 K"),
            "undecided: params: budget ≤ 9 K not decided: the figure is not verified: aten::addbmm",
        ),
        (
            of(counted(5, check=9_001), "≤ 9 K", "macs"),
            "undecided: macs: budget ≤ 9 K not decided: two counters disagree: 5 and 9,001",
        ),
        (of(counted(5, check=6), "≤ 9 K", "macs"), "kept: macs: 5 keeps the budget ≤ 9 K"),
    ],
)
def test_verdict(one: BuildRecord, expected: str) -> None:
    assert told(one) == [expected]


def test_a_budget_without_a_batch_size_is_for_all_of_them() -> None:
    figures = {"latency@16": timed(9.0), "latency@2": timed(3.0)}
    one = build("Net", figures=figures, budgets={"latency": "≤ 4 ms"})
    assert told(one) == [
        "kept: latency@2: 3 ms keeps the budget ≤ 4 ms",
        "broken: latency@16: 9 ms breaks the budget ≤ 4 ms",
    ]


def record() -> Record:
    budgets = {"params": "≤ 1.5 M", "top1": "≥ 90 %"}
    return record_of(
        build("Small", figures={"params": counted(269_722)}, budgets=budgets),
        build(
            "Large",
            figures={"params": counted(1_598_378)},
            budgets=budgets,
            reported={"top1": quoted("90.24 %", 90.24)},
        ),
        columns=("top1", "params"),
    )


def test_what_is_broken_is_told_in_a_line() -> None:
    assert [verdict.message for verdict in broken_budgets(record())] == [
        "params: 1,598,378 breaks the budget ≤ 1.5 M"
    ]
    assert str(broken_budgets(record())[0]) == (
        "Large @ cifar10 10: params: 1,598,378 breaks the budget ≤ 1.5 M"
    )


def test_budgets_survive_the_record_file() -> None:
    again = loads(record().dumps())
    assert list(verdicts(again)) == list(verdicts(record()))
    assert render(again) == render(record())


def test_a_budget_that_somebody_broke_in_the_record() -> None:
    with pytest.raises(RecordError) as caught:
        list(verdicts(record_of(of(counted(1), "2 M"))))
    assert str(caught.value) == (
        "Net @ cifar10 10: not a budget: Begin with ≤ or ≥ (<=, >=, < and > do too): '≤ 2 M'."
    )


def test_the_report_shows_budgets_and_marks_what_is_broken() -> None:
    text = render(record())["md"]
    assert "| Large | *90.24 %*[^quoted-" in text
    assert " | 1.598 M ✗[^budget-" in text
    assert "- ✗: breaks its budget.\n" in text
    section = text[text.index("## Budgets") : text.index("## Exact counts")]
    assert re.sub(r"\[\^undecided-[0-9a-f]{8}\]", "[^]", section) == (
        "## Budgets\n\n"
        "| Model | Metric | Budget | Value | Kept |\n"
        "| --- | --- | ---: | ---: | --- |\n"
        "| Small | Params | ≤ 1.5 M | 269,722 | ✓ |\n"
        "| Small | Top-1 | ≥ 90 % | – | not decided[^] |\n"
        "| Large | Params | ≤ 1.5 M | 1,598,378 | ✗ |\n"
        "| Large | Top-1 | ≥ 90 % | *90.24 %* | not decided[^] |\n\n"
    )
    assert "]: Breaks the budget ≤ 1.5 M.\n" in text
    assert "]: The figure is only quoted, from cifar10_demo_gptgenNet README.\n" in text
    assert "]: Not measured.\n" in text
    assert "✗ breaks its budget" in write_for_terminal(make(record()))


def test_a_report_without_budgets_says_nothing_of_them() -> None:
    text = render(record_of(build("Net", figures={"params": counted(1)})))["md"]
    assert "udget" not in text


def test_a_budget_of_a_memory_names_its_unit() -> None:
    text = SPEC.replace("\nbudgets: {", "\nbudgets: {memory@1: LIMIT, ")
    text += "measure: {complexity: {}, timing: {batch_sizes: [1]}}\n"
    load_spec(text.replace("LIMIT", "≤ 400 MiB"), "s.yaml")
    with pytest.raises(SpecError) as caught:
        load_spec(text.replace("LIMIT", "≤ 20 M"), "s.yaml")
    said = str(caught.value).splitlines()
    assert re.fullmatch(r"s\.yaml:\d+:\d+: 'memory@1' cannot have the budget '≤ 20 M'", said[0])
    assert said[-1] == "  '20 M' names no unit. Write '20 MiB'."
