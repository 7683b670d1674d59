"""What is said of two records: exact, noisy, missing, renamed, not comparable."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.record.record import BuildRecord, Figure
from reportgen.review.cells import CellChange
from reportgen.review.changes import compare, compare_all
from tests.review.records import build, count, latency, percent, record, speedup, timed


def only_cell(old: BuildRecord, new: BuildRecord, key: str) -> CellChange:
    found = compare("small", record(old), record(new))
    (cell,) = (cell for _, cell in found.cells(*VERDICTS) if cell.key == key)
    return cell


VERDICTS = ("same", "changed", "noise", "incomparable", "gained", "lost")


@pytest.mark.parametrize(
    ("key", "old", "new", "verdict", "why"),
    [
        ("params", count(100), count(100), "same", ""),
        ("params", count(100), count(101), "changed", ""),
        ("top1", percent(90.0), percent(90.01), "changed", ""),
        (
            "params",
            count(100),
            count(50, "packed"),
            "incomparable",
            "other convention: all → packed",
        ),
        ("top1", percent(90), Figure("unavailable", reason="no data"), "lost", "no data"),
        ("top1", Figure("unavailable", cause="missing"), percent(90), "gained", ""),
        (
            "top1",
            Figure("unavailable", cause="missing", reason="a"),
            Figure("unavailable", cause="failed", reason="b"),
            "same",
            "",
        ),
        (
            "latency@1",
            latency(10),
            latency(20, at="there"),
            "incomparable",
            "other machine: cpu Xeon → EPYC",
        ),
        # Before there was a choice, it was the system's allocator.
        (
            "latency@1",
            latency(10),
            latency(20, at="steady"),
            "incomparable",
            "other allocator: system → steady",
        ),
        ("speedup@1", speedup(1.0), speedup(2.0, at="system"), "changed", ""),
        # Another version of PyTorch on the same machine is what somebody may want to know about.
        ("speedup@1", speedup(1.0), speedup(2.0, at="newer"), "changed", ""),
        ("speedup@1", speedup(1.0), speedup(1.03), "noise", ""),
        (
            "time.total",
            Figure("measured", 1.0, "s", samples=1, environment="here"),
            Figure("measured", 9.0, "s", samples=1, environment="here"),
            "noise",
            "measured once: its spread is unknown",
        ),
        (
            "latency@1",
            latency(10, samples=3),
            latency(90),
            "noise",
            "3 rounds are too few: 20 are needed",
        ),
    ],
)
def test_one_figure(key: str, old: Figure, new: Figure, verdict: str, why: str) -> None:
    cell = only_cell(build("A", figures={key: old}), build("A", figures={key: new}), key)
    assert (cell.verdict, cell.why) == (verdict, why)


def test_accuracy_on_other_data_is_not_compared() -> None:
    sides = [
        build("A", figures={"top1": percent(value)}, dependencies={"accuracy": {"data": data}})
        for value, data in ((90, "d1"), (80, "d2"))
    ]
    cell = only_cell(*sides, "top1")
    assert (cell.verdict, cell.why, cell.delta) == ("incomparable", "other data", None)


def test_a_figure_that_is_not_asked_for_any_more_is_lost() -> None:
    cell = only_cell(build("A", figures={"top1": percent(90)}), build("A"), "top1")
    assert (cell.verdict, cell.why) == ("lost", "no longer requested")


@pytest.mark.parametrize(
    ("old", "new", "better"),
    [(count(100), count(90), True), (count(100), count(110), False)],
)
def test_the_direction_of_a_change(old: Figure, new: Figure, better: bool) -> None:
    cell = only_cell(build("A", figures={"macs": old}), build("A", figures={"macs": new}), "macs")
    assert cell.better is better
    assert cell.relative == pytest.approx(-0.1 if better else 0.1)


def statuses(old: list[BuildRecord], new: list[BuildRecord]) -> list[tuple[str, str]]:
    found = compare("small", record(*old), record(*new))
    return [(row.build.model, row.status) for row in found.rows]


def test_rows_that_came_went_and_are_called_otherwise() -> None:
    a = build("A", figures={"params": count(1)}, dependencies={"complexity": {"model": "a"}})
    b = build("B", figures={"params": count(2)}, dependencies={"complexity": {"model": "b"}})
    c = build("C", figures={"params": count(3)}, dependencies={"complexity": {"model": "c"}})
    assert statuses([a, b], [b, c]) == [("B", "same"), ("C", "added"), ("A", "removed")]
    assert statuses([a, b], [replace(a, model="Z"), b]) == [("Z", "renamed"), ("B", "same")]
    # Two that are alike under two names are two pairs, not one.
    twins = [replace(a, model="A2"), replace(a, model="A1")]
    assert statuses([a, replace(a, model="B")], twins) == [("A2", "renamed"), ("A1", "renamed")]
    # Nothing in common.
    assert statuses([a], [b]) == [("B", "added"), ("A", "removed")]
    # Without figures and dependencies there is nothing to know a build by.
    assert statuses([build("A")], [build("B")]) == [("B", "added"), ("A", "removed")]


def test_a_second_data_set_renames_no_build() -> None:
    old = record(build("A", figures={"params": count(1)}))
    new = replace(old, builds={"another key": next(iter(old.builds.values()))})
    assert compare("small", old, new).quiet


def test_records_are_paired_by_name_unless_they_are_alone() -> None:
    one = record(build("A"))
    assert [found.name for found in compare_all({"old": one}, {"new": one})] == ["new"]
    found = compare_all({"a": one, "b": one}, {"b": one, "c": one})
    assert [(entry.name, entry.base is None, entry.head is None) for entry in found] == [
        ("a", False, True),
        ("b", False, False),
        ("c", True, False),
    ]


def test_a_slower_machine_slows_no_model() -> None:
    # Everything takes half as long again: A against the baseline is what it was.
    before = record(timed("Base", 10, 1), timed("A", 5, 2.0), timed("B", 20, 0.5))
    after = record(timed("Base", 15, 1), timed("A", 7.6, 1.97), timed("B", 30, 0.51))
    found = compare("small", before, after)
    assert found.quiet
    assert {
        (row.build.model, cell.key, cell.why) for row, cell in found.cells("noise") if cell.why
    } == {
        ("Base", "latency@1", "perhaps the machine's drift"),
        ("A", "latency@1", "the machine's drift: the speed-up did not change"),
        ("B", "latency@1", "the machine's drift: the speed-up did not change"),
    }


def test_a_slower_model_on_a_slower_machine_is_found() -> None:
    before = record(timed("Base", 10, 1), timed("A", 5, 2.0), timed("B", 20, 0.5))
    after = record(timed("Base", 12, 1), timed("A", 6.9, 1.74, code="new"), timed("B", 24, 0.5))
    found = compare("small", before, after)
    changed = {(row.build.model, cell.key) for row, cell in found.cells("changed")}
    assert changed == {("A", "latency@1"), ("A", "speedup@1")}


def test_a_slower_baseline_is_found_by_what_all_others_gain() -> None:
    before = record(timed("Base", 10, 1), timed("A", 5, 2.0), timed("B", 20, 0.5))
    after = record(timed("Base", 13, 1), timed("A", 5, 2.6), timed("B", 20, 0.65))
    found = compare("small", before, after)
    changed = {(row.build.model, cell.key) for row, cell in found.cells("changed")}
    assert changed == {("Base", "latency@1"), ("A", "speedup@1"), ("B", "speedup@1")}


@pytest.mark.parametrize(
    ("slower", "code", "verdict", "why"),
    [
        (1.09, "new", "noise", ""),
        (1.11, "new", "changed", ""),
        # Nobody changed anything: it takes more to say that something did.
        (1.11, "old", "noise", "none of its dependencies changed"),
        (1.24, "old", "noise", "none of its dependencies changed"),
        (1.26, "old", "changed", ""),
    ],
)
def test_what_is_a_change_depends_on_whether_there_is_a_reason_for_one(
    slower: float, code: str, verdict: str, why: str
) -> None:
    old, new = timed("A", 5, 2.0), timed("A", 5 * slower, 2.0 / slower, code=code)
    for key in ("latency@1", "speedup@1"):
        cell = only_cell(old, new, key)
        assert (cell.verdict, cell.why) == (verdict, why)


def test_another_version_is_a_reason_for_a_change() -> None:
    old, new = timed("A", 5, 2.0), timed("A", 6, 1.667, at="newer")
    assert only_cell(old, new, "latency@1").verdict == "changed"


def test_without_a_baseline_nothing_tells_drift_from_change() -> None:
    cell = only_cell(
        build("A", figures={"latency@1": latency(10)}),
        build("A", figures={"latency@1": latency(20)}),
        "latency@1",
    )
    assert (cell.verdict, cell.why) == (
        "noise",
        "no speed-up against the same baseline excludes the machine's drift",
    )


def test_against_another_baseline_a_speed_up_is_not_compared() -> None:
    old, new = timed("A", 5, 2.0), timed("A", 5, 3.0)
    new = replace(
        new, dependencies={**new.dependencies, "speedup": {"model": "A", "baseline": "other"}}
    )
    cell = only_cell(old, new, "speedup@1")
    assert (cell.verdict, cell.why) == ("incomparable", "other baseline")


def test_where_the_fastest_calls_are_hardly_known_nothing_is_said() -> None:
    def side(ms: float, against: float, unsure: float) -> BuildRecord:
        made = timed("A", ms, against)
        figures = {"latency@1": latency(ms, unsure), "speedup@1": speedup(against, unsure)}
        return replace(made, figures=figures)

    # 2 · (1.6 + 0.01) / √20 = 0.72, and the fastest call takes twice as long: ln 2 = 0.6931.
    why = "too noisy: its fastest calls are uncertain by 72%"
    for key in ("latency@1", "speedup@1"):
        cell = only_cell(side(5, 2.0, 0.01), side(10, 1.0001, 1.6), key)
        assert (cell.verdict, cell.why) == ("noise", why)
        assert only_cell(side(5, 2.0, 0.01), side(10, 1.0001, 1), key).verdict == "changed"


def test_a_median_that_moved_alone_is_no_change() -> None:
    # Something else was at work nearly all the time, and not in some moments.
    disturbed = replace(timed("A", 5, 2.0), figures={"latency@1": replace(latency(5), value=9.0)})
    cell = only_cell(timed("A", 5, 2.0), disturbed, "latency@1")
    assert (cell.verdict, cell.why, cell.fastest) == ("noise", "", 0)


def test_a_median_that_went_the_other_way_is_no_change() -> None:
    old, new = timed("A", 5, 2.0), timed("A", 10, 1.1)
    figures = {**new.figures, "latency@1": replace(new.figures["latency@1"], value=4.0)}
    cell = only_cell(old, replace(new, figures=figures), "latency@1")
    assert (cell.verdict, cell.why) == ("noise", "its fastest calls went the other way")


def test_throughput_goes_with_the_latency() -> None:
    def side(ms: float, against: float) -> BuildRecord:
        made = timed("A", ms, against)
        throughput = Figure("derived", 1e3 / ms, "images/s", environment="here")
        return replace(made, figures={**made.figures, "throughput@1": throughput})

    assert only_cell(side(5, 2.0), side(7, 1.4), "throughput@1").verdict == "changed"
    assert only_cell(side(5, 2.0), side(7, 2.0), "throughput@1").verdict == "noise"


names = st.sampled_from("ABCDE")
figures = st.dictionaries(
    st.sampled_from(["params", "macs", "top1", "latency@1", "speedup@1", "latency@8"]),
    st.one_of(
        st.builds(count, st.integers(0, 3), st.sampled_from(["all", "packed"])),
        st.builds(latency, st.floats(0, 9), at=st.sampled_from(["here", "there", "gone"])),
        st.just(Figure("unavailable", cause="failed", reason="r")),
    ),
)
builds = st.lists(
    st.builds(lambda name, some, base: build(name, figures=some, baseline=base),
              names, figures, st.booleans()),
    max_size=4,
    unique_by=lambda entry: entry.model,
)  # fmt: skip


@given(builds, builds)
def test_every_build_is_in_one_row_and_the_same_is_quiet(
    before: list[BuildRecord], after: list[BuildRecord]
) -> None:
    old, new = record(*before), record(*after)
    rows = compare("small", old, new).rows
    assert sorted(row.old.model for row in rows if row.old) == sorted(b.model for b in before)
    assert sorted(row.new.model for row in rows if row.new) == sorted(b.model for b in after)
    assert compare("small", old, old).quiet
    back = compare("small", new, old).rows
    assert sorted(r.status for r in rows if r.status == "added") == sorted(
        "added" for r in back if r.status == "removed"
    )


def test_a_stale_figure_is_lost_until_it_is_measured_again() -> None:
    stale = replace(count(100), stale="the model's code changed, and measuring it again failed: no")
    good, stale_one, new = (
        build("A", figures={"params": figure}) for figure in (count(100), stale, count(90))
    )
    cell = only_cell(good, stale_one, "params")
    assert (cell.verdict, cell.why) == ("lost", stale.stale)
    assert only_cell(stale_one, stale_one, "params").verdict == "same"
    assert only_cell(stale_one, new, "params").verdict == "changed"
