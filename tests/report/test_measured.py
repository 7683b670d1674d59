"""What is said of figures is read off the figures: rounds, turns, dtypes, speed-ups."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import Any

import pytest

from reportgen.record.record import BuildRecord, Figure, Record
from reportgen.report import render
from reportgen.report.comparison import comparison_tables
from reportgen.report.measured import how_measured
from tests.report.examples import MACHINE, build, counted, counts, record_of, scored, timed


def latency(name: str, value: float = 1.0, **more: Any) -> BuildRecord:
    return build(name, figures={"latency@1": timed(value, spread=0.1, **more)})


ARROWS = "↑ higher is better, ↓ lower is better."


def said(*builds: BuildRecord, **settings: Any) -> list[str]:
    """Return what is said besides what the arrows and the batch size of counts mean."""
    defaults: dict[str, Any] = {"columns": ("latency",), "batch_sizes": (1,)}
    arrows, *more = how_measured(record_of(*builds, **defaults | settings))
    assert arrows == ARROWS
    return [text for text in more if not text.startswith("Work is counted for a batch of ")]


def test_work_is_counted_for_a_batch() -> None:
    one, two = build("A", figures=counts(1, 2, 3)), build("B", batch_size=8)
    assert how_measured(record_of(one, two, columns=("macs",))) == [
        ARROWS,
        "Work is counted for a batch of 1 or 8.",
    ]
    assert how_measured(record_of(build("A"))) == []


def test_a_steady_allocator_is_explained() -> None:
    record = record_of(latency("A"), columns=("latency@1",))
    steady = {MACHINE: {"allocator": "steady"}}
    assert how_measured(replace(record, environments=steady))[-1].startswith("Steady allocator: ")
    assert how_measured(record)[-1] == "Latencies are medians of 7 rounds."


def test_rounds_are_those_of_the_figures_not_of_the_settings() -> None:
    assert said(latency("A"), latency("B"), rounds=99) == ["Latencies are medians of 7 rounds."]
    assert said(latency("A"), latency("B", samples=20)) == [
        "Latencies are medians of 7 to 20 rounds."
    ]
    assert said(latency("A", samples=1)) == ["Latencies are medians of 1 round."]
    assert said(latency("A"), columns=("memory",), rounds=20) == []
    assert said(build("A", figures=counts(1, 2, 3)), rounds=20) == []


def test_who_was_timed_in_turn() -> None:
    together: dict[str, Any] = {"session": "one", "in_turn": 2}
    rounds = "Latencies are medians of 7 rounds."
    assert said(latency("A", **together), latency("B", **together)) == [
        rounds,
        "In each round every model has its turn.",
    ]
    alone = latency("C", session="two", in_turn=1)
    assert said(latency("A", **together), latency("B", **together), alone) == [
        rounds,
        "Timed in turn, round by round: A and B.",
        "Timed alone: C.",
    ]
    # Measured later, beside the baseline, whose own times stay those of the first run.
    later = latency("D", session="three", in_turn=2)
    assert said(latency("A", **together), latency("B", **together), later) == [
        rounds,
        "Timed in turn, round by round: A and B.",
        "Timed in turn with models whose own times here are from another run: D.",
    ]
    assert said(latency("A", session="x", in_turn=1), latency("B", session="y", in_turn=1))[1:] == [
        "Timed alone: A, B."
    ]
    other = replace(latency("A", session="two", in_turn=2), dataset="digits")
    both = [other, replace(other, model="B")]
    assert said(latency("A", **together), latency("B", **together), *both)[1:] == [
        "In each round every model of a table has its turn."
    ]


def test_of_what_an_older_record_does_not_say_nothing_is_said() -> None:
    assert len(said(latency("A"), latency("B", session="one", in_turn=2))) == 1


def test_a_backward_pass_is_what_the_figures_say() -> None:
    def one(name: str, factor: int) -> BuildRecord:
        return build(
            name, figures={"macs": counted(10), "macs_fwd_bwd": counted(10 * (1 + factor))}
        )

    columns = {"columns": ("macs_fwd_bwd",), "backward_factor": 5.0}
    assert said(one("A", 2), **columns) == ["A backward pass is taken as 2 forward passes."]
    assert said(one("A", 2), one("B", 3), **columns) == [
        "A backward pass is taken as 2 to 3 forward passes."
    ]


def test_a_dtype_that_was_found_is_in_the_name() -> None:
    one = build("A", figures=counts(1, 2, 3), metadata={"dtype": "bfloat16, float32"})
    text = render(record_of(one, columns=("macs",)))
    assert "| A (bfloat16, float32) | 2 |" in text["md"]
    assert "- **A (bfloat16, float32)**: zoo/cifar_resnet50; input 3×32×32; dtype: bf" in text["md"]
    assert "Model name: A (bfloat16, float32) FLOPs" in text["txt"]
    assert "float32" not in render(record_of(replace(one, metadata={}), columns=("macs",)))["md"]


def speedups(
    figure: Figure, ours: Figure, theirs: Figure, columns: tuple[str, ...] = ("latency", "speedup")
) -> list[str]:
    """Return the footnotes of a speed-up of a model that is beside its baseline."""
    base = build("Base", baseline=True, figures={"latency@1": theirs})
    one = build("One", figures={"latency@1": ours, "speedup@1": figure})
    record = record_of(base, one, columns=columns, batch_sizes=(1,))
    return [note.text for note in comparison_tables(record)[0].rows[1].cells[-1].notes]


RATIO = timed(2.0, "×", interval=(1.9, 2.1))


def test_a_speedup_that_fits_needs_no_note() -> None:
    assert speedups(RATIO, timed(5), timed(10.4)) == []
    assert speedups(RATIO, timed(5), timed(50), ("speedup",)) == []  # nothing beside it
    assert speedups(replace(RATIO, interval=(2.0, 2.0)), timed(5), timed(10.04)) == []


@pytest.mark.parametrize(
    ("ours", "why"),
    [
        (
            {"samples": 20},
            "they were timed in another run than the speed-up, which compares round by round.",
        ),
        (
            {"session": "two"},
            "they were timed in another run than the speed-up, which compares round by round.",
        ),
        (
            {"environment": "other"},
            "they were not all timed on one machine with the same versions.",
        ),
        (
            {},
            "the machine's speed changed in between, and the speed-up compares round by round.",
        ),
    ],
)
def test_a_speedup_that_does_not_fit_says_why(ours: dict[str, Any], why: str) -> None:
    figure, base = replace(RATIO, session="one"), timed(10, session="one")
    own = timed(7, **{"session": "one", **ours})
    assert speedups(figure, own, base) == [f"The latencies give 1.43×: {why}"]


def test_an_older_record_does_not_know_why() -> None:
    (note,) = speedups(RATIO, timed(7), timed(10))
    assert note == (
        "The latencies give 1.43×: the machine's speed changed, or they are of another run than "
        "the speed-up."
    )


def test_without_an_interval_there_is_some_room() -> None:
    few = Figure("measured", 2.0, "×", samples=3, environment=timed(1).environment)
    note = "too few rounds to tell: 6 or more are needed"
    assert speedups(replace(few, note=note), timed(5, samples=3), timed(10.4, samples=3)) == [
        "Too few rounds to tell: 6 or more are needed."
    ]
    assert len(speedups(few, timed(5, samples=3), timed(12, samples=3))) == 1


def cells(record: Record) -> list[tuple[str, Set[str]]]:
    return [
        (row.cells[-1].signed, row.cells[-1].marks) for row in comparison_tables(record)[0].rows
    ]


def emphasised(key: str, *figures: Figure) -> list[bool]:
    builds = (build(str(n), figures={key: figure}) for n, figure in enumerate(figures))
    return ["best" in marks for _, marks in cells(record_of(*builds, columns=(key,)))]


def test_no_interval_from_fewer_than_six_rounds() -> None:
    """Neither ≈ nor bold, nor a range under the table: not even of a record that has one."""
    few = timed(1.01, "×", samples=5, interval=(0.9, 1.2))
    record = record_of(build("A", figures={"speedup@1": few}), columns=("speedup@1",))
    assert cells(record) == [("1.01×", set())]
    assert "0.9" not in render(record)["md"]
    fast = timed(3.0, "×", samples=5, interval=(2.9, 3.1))
    assert emphasised("speedup@1", few, fast) == [False, False]
    sure = timed(2.0, "×", samples=6, interval=(1.9, 2.1))
    slow = timed(1.5, "×", samples=6, interval=(1.4, 1.6))
    assert emphasised("speedup@1", sure, slow) == [True, False]
    # What reads better than the best, and may be: so nobody is.
    assert emphasised("speedup@1", sure, slow, fast) == [False, False, False]
    assert emphasised("speedup@1", sure, slow, few) == [True, False, False]


def test_latencies_that_cannot_be_told_apart_share_the_mark() -> None:
    # Half of an interval is 1.82 · 0.5 / √7 = 0.34 ms, and a hundredth of the time.
    one, near, far = (timed(value, spread=0.5) for value in (10.0, 10.5, 11.0))
    assert emphasised("latency@1", one, near, far) == [True, True, False]
    exact = [timed(value, spread=0.0) for value in (10.0, 10.1, 10.4)]
    assert emphasised("latency@1", *exact) == [True, True, False]
    assert emphasised("latency@1", timed(1, samples=5, spread=0.1), far) == [False, False]
    assert emphasised("memory@1", timed(1, "MiB", samples=1), timed(9, "MiB", samples=1)) == [
        False,
        False,
    ]


def test_a_throughput_is_as_sure_as_its_latency() -> None:
    builds = [
        build(
            str(ms),
            figures={
                "latency@1": timed(ms, spread=spread),
                "throughput@1": Figure("derived", 1000 / ms, "images/s", environment=MACHINE),
            },
        )
        for ms, spread in ((10.0, 0.5), (10.5, 0.5), (11.0, 0.5))
    ]
    record = record_of(*builds, columns=("throughput@1",))
    assert ["best" in marks for _, marks in cells(record)] == [True, True, False]
    # So noisy that it may have taken no time at all.
    figures = {**builds[0].figures, "latency@1": timed(10.0, spread=99.0)}
    noisy = replace(builds[0], figures=figures)
    record = record_of(noisy, *builds[1:], columns=("throughput@1",))
    assert ["best" in marks for _, marks in cells(record)] == [False, False, False]


def test_accuracies_are_told_apart_by_the_standard_error_of_their_difference() -> None:
    # 1.96 · √(0.9173 · 0.0827 / 10,000 + 0.9263 · 0.0737 / 10,000) = 0.74 points.
    assert emphasised("top1", scored(9173), scored(9263)) == [False, True]
    assert emphasised("top1", scored(9200), scored(9263), scored(5000)) == [True, True, False]
    assert emphasised("top1", scored(329, 359), scored(333, 359), scored(30, 359))[:2] == [True] * 2
    f1 = [Figure("measured", value, "%", total=10_000) for value in (92.0, 92.63, 50.0)]
    assert emphasised("f1_macro", *f1) == [True, True, False]


def test_a_loss_is_exact() -> None:
    losses = [Figure("measured", value, total=10_000) for value in (0.3727, 0.3741, 0.37270001)]
    assert emphasised("loss", *losses) == [True, False, True]


@pytest.mark.parametrize(
    "doubt", [{"stale": "the disk is full"}, {"unverified": "aten::addbmm"}, {"check": 7}]
)
def test_what_is_doubted_is_never_the_best(doubt: dict[str, Any]) -> None:
    good, better, worse = counted(30), counted(20, **doubt), counted(40, **doubt)
    assert emphasised("macs", good, worse, counted(35)) == [True, False, False]
    # It may be the best, for all that is known: so nobody is called that.
    assert emphasised("macs", good, better, counted(35)) == [False, False, False]
