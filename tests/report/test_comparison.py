"""Which columns there are, which figures may be compared, and which of them is the best."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reportgen.common.errors import RecordError
from reportgen.record.metrics import METRICS
from reportgen.record.record import Figure, Record
from reportgen.report.background import dataset_table
from reportgen.report.comparison import columns, comparison_tables, spread_table
from reportgen.report.tables import Cell
from tests.report.examples import (
    build,
    cifar10_record,
    counted,
    headers,
    missing,
    quoted,
    record_of,
    scored,
    timed,
)


def column(record: Record, number: int = 1) -> list[Cell]:
    """Return the cells of one column of the first table."""
    return [row.cells[number] for row in comparison_tables(record)[0].rows]


def marked(key: str, *figures: Figure) -> list[bool]:
    builds = [build(str(row), figures={key: figure}) for row, figure in enumerate(figures)]
    cells = column(record_of(*builds, columns=(key,)))
    return ["best" in cell.marks for cell in cells]


def test_columns_expand_over_the_batch_sizes() -> None:
    record = record_of(columns=("top1", "latency", "speedup@8", "latency@8"), batch_sizes=(1, 8))
    assert [column.key for column in columns(record)] == [
        "top1",
        "latency@1",
        "latency@8",
        "speedup@8",
    ]
    assert [column.header for column in columns(record)] == [
        "Top-1 ↑",
        "Latency, batch 1 ↓",
        "Latency, batch 8 ↓",
        "Speed-up, batch 8 ↑",
    ]


def test_without_columns_all_figures_are_shown() -> None:
    one = build("One", figures={"top1": scored(1), "latency@16": timed(1), "latency@2": timed(1)})
    two = build("Two", reported={"macs": quoted("1 G", 10**9, "")})
    assert [column.key for column in columns(record_of(one, two))] == [
        "macs",
        "latency@2",
        "latency@16",
        "top1",
    ]


def test_an_unknown_column_is_an_error() -> None:
    with pytest.raises(RecordError) as caught:
        columns(record_of(columns=("macs", "macs@8")))
    assert str(caught.value) == "the record of example asks for an unknown column: 'macs@8'"


def test_a_metric_without_direction_has_no_arrow_and_no_best() -> None:
    assert METRICS["trainable_params"].better is None
    assert marked("trainable_params", counted(1), counted(2)) == [False, False]
    assert columns(record_of(columns=("trainable_params",)))[0].header == "Trainable"


def test_lower_or_higher_is_better() -> None:
    assert marked("macs", counted(5), counted(3), counted(4)) == [False, True, False]
    assert marked("top1", scored(5_000), scored(9_000)) == [False, True]


def test_one_figure_is_not_the_best() -> None:
    assert marked("macs", counted(5)) == [False]
    assert marked("macs", counted(5), missing("failed", "no")) == [False, False]


def test_equal_figures_share_the_mark_or_none_has_it() -> None:
    assert marked("macs", counted(3), counted(3), counted(4)) == [True, True, False]
    assert marked("macs", counted(3), counted(3)) == [False, False]
    # 1,000,001 and 1,000,002 both read 1.000 M: one of them in bold would puzzle.
    assert marked("macs", counted(1_000_001), counted(1_000_002), counted(2_000_000)) == [
        True,
        True,
        False,
    ]


def test_figures_within_the_interval_of_the_best_share_the_mark() -> None:
    slow = timed(1.1, "×", interval=(1.05, 1.15))
    fast = timed(2.0, "×", interval=(1.9, 2.1))
    about = timed(1.95, "×", interval=(1.92, 1.97))
    assert marked("speedup@1", slow, fast, about) == [False, True, True]
    # One slow round of the baseline widens an interval upwards: no reason to share.
    unsure = timed(1.1, "×", interval=(1.05, 4.0))
    assert marked("speedup@1", unsure, fast, about) == [False, True, True]


def test_quoted_figures_are_never_the_best() -> None:
    builds = (
        build("A", figures={"top1": scored(8_000)}),
        build("B", figures={"top1": scored(7_000)}),
        build("C", reported={"top1": quoted("99 %", 99.0)}),
    )
    cells = column(record_of(*builds, columns=("top1",)))
    assert [cell.marks for cell in cells] == [{"best"}, set(), {"quoted"}]


def test_nan_is_not_the_best() -> None:
    figures = [Figure("measured", value) for value in (float("nan"), 0.5, 0.7)]
    assert marked("loss", *figures) == [False, True, False]


def test_another_convention_is_not_compared() -> None:
    builds = [
        build("A", figures={"macs": counted(30)}),
        build("B", figures={"macs": counted(20)}),
        build("C", figures={"macs": counted(10, "thop")}),
    ]
    cells = column(record_of(*builds, columns=("macs",)))
    assert ["best" in cell.marks for cell in cells] == [False, True, False]
    assert [note.text for note in cells[2].notes] == [
        "Counted by the convention 'thop', the others by 'macs'."
    ]


def test_times_of_another_machine_are_not_compared() -> None:
    builds = [
        build("A", figures={"latency@1": timed(3, spread=0.1, environment="one")}),
        build("B", figures={"latency@1": timed(1, spread=0.1, environment="two")}),
        build("C", figures={"latency@1": timed(2, spread=0.1, environment="one")}),
    ]
    record = replace(
        record_of(*builds, columns=("latency",), batch_sizes=(1,)),
        environments={
            "one": {"cpu": "fast", "torch": "2.15.0"},
            "two": {"cpu": "fast", "torch": "2.14.0"},
        },
    )
    cells = column(record)
    assert ["best" in cell.marks for cell in cells] == [False, False, True]
    assert [len(cell.notes) for cell in cells] == [0, 1, 0]
    assert cells[1].notes[0].text == "Measured elsewhere than the others: torch 2.14.0."


def test_exact_figures_are_compared_across_machines() -> None:
    assert marked("macs", counted(2, environment="one"), counted(1, environment="two")) == [
        False,
        True,
    ]


def test_a_ratio_that_may_be_one_says_so() -> None:
    undecided = timed(1.01, "×", interval=(0.98, 1.04))
    decided = timed(1.83, "×", interval=(1.79, 1.88))
    cells = column(
        record_of(
            build("A", baseline=True),
            build("B", figures={"speedup@1": undecided}),
            build("C", figures={"speedup@1": decided}),
            columns=("speedup@1",),
        )
    )
    assert [cell.signed for cell in cells] == ["1×", "≈1.01×", "1.83×"]


def test_two_counters_that_disagree_are_both_told() -> None:
    figure = counted(4_089_184_256, check=4_089_000_000, checked_by="FlopCounterMode")
    (cell,) = column(record_of(build("A", figures={"macs": figure}), columns=("macs",)))
    assert cell.signed == "4.089 G ?"
    assert [note.text for note in cell.notes] == [
        "Two counters disagree: deepspeed 0.19.8 counts 4,089,184,256, FlopCounterMode counts "
        "4,089,000,000."
    ]


def of_cifar10(*figures: Figure, key: str = "top1", **data: object) -> list[Cell]:
    builds = [build(str(row), figures={key: figure}) for row, figure in enumerate(figures)]
    cifar10 = cifar10_record().datasets["cifar10"]
    record = replace(
        record_of(*builds, columns=(key,)),
        datasets={"cifar10": replace(cifar10, **data)},  # type: ignore[arg-type]
    )
    return column(record)


@pytest.mark.parametrize("key", ["top1", "time.total"])
def test_a_figure_of_a_part_says_of_how_much(key: str) -> None:
    part = replace(scored(19, 20), unit="s" if key == "time.total" else "%")
    said = "On 20 of the 10,000 images of CIFAR-10's test split."
    for cells in (of_cifar10(part, key=key), of_cifar10(part, part, key=key)):
        assert all([note.text for note in cell.notes] == [said] for cell in cells)


def test_a_figure_of_all_images_says_nothing() -> None:
    assert [cell.notes for cell in of_cifar10(scored(9_500), scored(9_173))] == [(), ()]
    assert [cell.notes for cell in of_cifar10(scored(19, 20), count=None)] == [()]


def test_a_figure_of_more_images_than_were_published() -> None:
    (cell,) = of_cifar10(scored(9_500, 10_001))
    assert [note.text for note in cell.notes] == [
        "On 10,001 images, and CIFAR-10's test split has 10,000."
    ]
    (cell,) = of_cifar10(scored(19, 20), source="synthetic", count=30)
    assert [note.text for note in cell.notes] == ["On 20 of the 30 images of cifar10's test split."]


def test_figures_of_other_numbers_of_images_are_not_compared() -> None:
    full, better, part = scored(9_000), scored(9_100), scored(20, 20)
    cells = of_cifar10(full, better, part)
    assert ["best" in cell.marks for cell in cells] == [False, True, False]
    assert [note.text for note in cells[2].notes] == [
        "On 20 of the 10,000 images of CIFAR-10's test split.",
        "On 20 images, the others on 10,000.",
    ]


@pytest.mark.parametrize(
    ("read", "count", "shown"),
    [
        (None, 10_000, "10,000"),
        (10_000, 10_000, "10,000"),
        (20, 10_000, "20 of 10,000"),
        (10_001, 10_000, "10,001 (published: 10,000)"),
        (18, None, "18"),
    ],
)
def test_the_data_sets_say_how_many_images_were_read(
    read: int | None, count: int | None, shown: str
) -> None:
    record = cifar10_record()
    data = replace(record.datasets["cifar10"], read=read, count=count)
    table = dataset_table(replace(record, datasets={"cifar10": data}))
    assert table is not None
    cells = dict(zip(headers(table), table.rows[0].cells, strict=True))
    assert cells["Images"].text == shown
    assert "Left out" not in cells


def test_a_data_set_that_could_not_be_read_has_no_images() -> None:
    record = cifar10_record()
    lost = Figure("unavailable", cause="missing", reason="it is not here")
    builds = {key: replace(build, figures={"top1": lost}) for key, build in record.builds.items()}
    data = replace(record.datasets["cifar10"], read=None, count=10_000)
    table = dataset_table(replace(record, builds=builds, datasets={"cifar10": data}))
    assert table is not None
    cells = dict(zip(headers(table), table.rows[0].cells, strict=True))
    assert cells["Images"].text == "none of 10,000"


def test_the_data_sets_say_which_files_were_left_out() -> None:
    record = cifar10_record()
    data = replace(record.datasets["cifar10"], left_out="2 files: a.txt, b.csv")
    table = dataset_table(replace(record, datasets={"cifar10": data}))
    assert table is not None
    cells = dict(zip(headers(table), table.rows[0].cells, strict=True))
    assert cells["Left out"].text == "2 files: a.txt, b.csv"


UNVERIFIED = "aten.addbmm in blocks.0"


def test_a_figure_that_is_not_verified_says_so_in_its_cell() -> None:
    figure = counted(1_000, unverified=UNVERIFIED)
    record = record_of(build("A", figures={"macs": figure}), columns=("macs",))
    (cell,) = column(record)
    assert cell.signed == "1,000 ?"
    assert [note.text for note in cell.notes] == [
        "Not verified: these cannot be counted for sure: aten.addbmm in blocks.0."
    ]
    assert "unverified" in comparison_tables(record)[0].marks


@pytest.mark.parametrize(
    "doubt", [{"unverified": UNVERIFIED}, {"check": 900, "checked_by": "FlopCounterMode"}]
)
def test_no_figure_that_is_not_verified_is_the_best(doubt: dict[str, Any]) -> None:
    # Where one would be, nobody knows which is.
    ours = counted(2_000), counted(2_500)
    assert marked("macs", counted(1_000, **doubt), *ours) == [False, False, False]
    assert marked("macs", counted(2_000, **doubt), *ours) == [False, False, False]
    assert marked("macs", counted(3_000, **doubt), *ours) == [False, True, False]


def test_columns_that_tell_builds_apart_appear_when_needed() -> None:
    same = record_of(build("A"), build("B"), columns=("macs",))
    assert headers(comparison_tables(same)[0]) == ("Model", "MACs ↓")
    classes = record_of(build("A"), build("A", classes=100), columns=("macs",))
    assert headers(comparison_tables(classes)[0]) == ("Model", "Classes", "MACs ↓")


def test_the_baseline_and_the_data_type_are_named() -> None:
    record = record_of(build("A", baseline=True), build("B", dtype="int8"), columns=("macs",))
    assert [cell.text for cell in column(record, 0)] == ["A (baseline)", "B (int8)"]


def test_builds_that_the_order_forgets_come_last() -> None:
    record = record_of(build("A"), build("B"), columns=("macs",))
    builds = {"zz": build("C"), **record.builds}
    table = comparison_tables(Record("x", "x", record.report, builds=builds))[0]
    assert [row.cells[0].text for row in table.rows] == ["A", "B", "C"]


def test_a_reason_is_told_once_in_a_row() -> None:
    figures = {
        "top1": missing("missing", "no data"),
        "top5": missing("missing", "no data"),
        "loss": missing("failed", "out of memory"),
    }
    one, two = (build(name, figures=figures) for name in "AB")
    table = comparison_tables(record_of(one, two, columns=("top1", "top5", "loss", "f1_macro")))[0]
    for row in table.rows:
        assert [[note.text for note in cell.notes] for cell in row.cells] == [
            [],
            ["No data."],
            [],
            ["Out of memory."],
            [],
        ]


def test_spread_has_rows_where_there_is_one() -> None:
    record = record_of(
        build("A", figures={"latency@1": timed(3.0, spread=0.0512), "top1": scored(1)}),
        build("B", figures={"latency@1": timed(3.0)}),
        columns=("top1", "latency@1"),
    )
    table = spread_table(record)
    assert table is not None
    assert headers(table) == ("Model", "Latency, batch 1")
    assert [[cell.text for cell in row.cells] for row in table.rows] == [["A", "0.051 ms"]]
