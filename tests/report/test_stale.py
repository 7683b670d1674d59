"""A figure that is stale is shown as stale, wherever it is shown, and decides nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from reportgen.record.budgets import verdicts
from reportgen.record.ledger import Ledger
from reportgen.record.record import Figure, Record
from reportgen.report import build as make
from reportgen.report import render, write_for_terminal
from reportgen.report.comparison import comparison_tables, exact_table, spread_table
from reportgen.report.explanation import explain
from reportgen.report.modules import module_tables
from reportgen.report.tables import STALE
from tests.report.examples import build, counted, record_of, scored, timed

WHY = "the model's code changed, and measuring it again failed: ValueError: no"
SAID = f"Stale: T{WHY[1:]}."
LITE = Path(__file__).parent / "lite_ledger.json"


def two(key: str, old: Figure, other: Figure, third: Figure) -> Record:
    builds = [
        build("Old", figures={key: replace(old, stale=WHY)}),
        build("Other", figures={key: other}),
        build("Third", figures={key: third}),
    ]
    return record_of(*builds, columns=(key,), batch_sizes=(1,))


def test_it_is_never_the_best_and_has_a_mark_and_a_footnote() -> None:
    (table,) = comparison_tables(two("macs", counted(9), counted(2), counted(3)))
    old, other, _ = (row.cells[1] for row in table.rows)
    assert old.signed == f"9 {STALE}"
    assert (old.marks, other.marks) == ({"stale"}, {"best"})
    assert [note.text for note in old.notes] == [SAID]
    assert table.marks == {"best", "stale"}


def test_nothing_else_is_said_of_another_machine() -> None:
    elsewhere = timed(1, environment="elsewhere", spread=0.1)
    record = two("latency@1", elsewhere, timed(2, spread=0.1), timed(3, spread=0.1))
    (table,) = comparison_tables(record)
    assert [note.text for note in table.rows[0].cells[1].notes] == [SAID]
    spread = spread_table(record)
    assert spread is not None
    assert [row.cells[1].signed for row in spread.rows] == [
        f"0.10 ms {STALE}",
        "0.10 ms",
        "0.10 ms",
    ]


def test_exact_counts_are_marked_too() -> None:
    table = exact_table(two("macs", counted(1_000), counted(2), counted(3)))
    assert table is not None
    assert [row.cells[1].signed for row in table.rows] == [f"1,000 {STALE}", "2", "3"]


def test_documents_explain_the_mark() -> None:
    record = two("top1", scored(90), scored(80), scored(70))
    documents = render(record)
    assert f"| Old | 0.90 % {STALE}[^stale-" in documents["md"]
    assert "- †: stale. Something that it was measured on has changed since" in documents["md"]
    assert f"Test Accuracy: 0.90% (stale: {WHY})" in documents["txt"]
    assert "† stale" in write_for_terminal(make(record))
    assert "†" not in render(record_of(build("A", figures={"top1": scored(1)})))["md"]


def test_what_is_read_off_a_stale_count_is_marked() -> None:
    ledger = Ledger.from_json(json.loads(LITE.read_text(encoding="utf-8")))
    figures = {key: replace(counted(5), stale=WHY) for key in ("params", "macs", "flops")}
    one = build("Net", figures=figures, ledger=ledger.to_json())
    record = record_of(one, columns=("macs",), module_depth=1, module_columns=("macs",))
    (table,) = module_tables(record)
    first, second = (row.cells[1] for row in table.rows[:2])
    assert first.signed.endswith(STALE)
    assert [note.text for note in first.notes] == [SAID]
    assert not second.signed.endswith(STALE)
    explained = explain(record, one, "Net")
    assert explained is not None
    assert explained.notes[0] == SAID
    text = render(record)["txt"]
    (macs,) = (line for line in text.splitlines() if line.startswith("fwd MACs: "))
    assert macs.endswith(f" 5 MACs (stale: {WHY})")
    assert f"Note on Net: {SAID}" in text
    assert "MACs:5 MACs (stale)" in text


def test_a_budget_is_not_decided_by_it() -> None:
    one = build("Net", figures={"macs": replace(counted(5), stale=WHY)}, budgets={"macs": "< 3"})
    (verdict,) = verdicts(record_of(one))
    assert (verdict.state, verdict.why) == ("undecided", f"5 is stale: {WHY}")
