"""Two branches' records become one: the figures that still hold, from whichever side has them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.common.errors import RecordError
from reportgen.record import record as records
from reportgen.record.merge import merge, merge_runs, resolve, sides
from reportgen.record.record import BuildRecord, DatasetRecord, Figure, Record


def build(model: str, **more: Any) -> BuildRecord:
    return BuildRecord(model, "digits", 10, "zoo/digits_cnn", (1, 8, 8), **more)


def counted(value: int, of: str, **more: Any) -> BuildRecord:
    figures = {"params": Figure("measured", value), **more.pop("figures", {})}
    return build("A", figures=figures, dependencies={"complexity": {"model": of}}, **more)


def record(*builds: BuildRecord, **more: Any) -> Record:
    return Record("s", "T", builds={entry.model: entry for entry in builds}, **more)


NOW = {"A": {"complexity": {"model": "now"}, "accuracy": {"weights": "w"}}}


def test_models_of_both_sides_are_there() -> None:
    merged = merge(record(build("A"), build("B")), record(build("A"), build("C")), {})
    assert sorted(merged.builds) == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("now", "old", 1),
        ("old", "now", 2),
        ("now", "now", 1),
        ("old", "older", 1),  # neither holds: it is measured again anyway
    ],
)
def test_the_figure_of_the_current_inputs_wins(ours: str, theirs: str, expected: int) -> None:
    sides = (
        counted(1, ours, metadata={"side": "ours"}, ledger={"side": "ours"}),
        counted(2, theirs, metadata={"side": "theirs", "more": "x"}, ledger={"side": "theirs"}),
    )
    merged = merge(record(sides[0]), record(sides[1]), NOW).builds["A"]
    side = "ours" if expected == 1 else "theirs"
    assert merged.figures["params"].value == expected
    assert merged.dependencies["complexity"] == sides[expected - 1].dependencies["complexity"]
    assert (merged.metadata["side"], merged.metadata["more"]) == (side, "x")
    assert merged.ledger == {"side": side}


def test_groups_are_merged_by_themselves() -> None:
    # We changed the weights' recipe and measured accuracy, they changed the width and counted.
    ours = build(
        "A",
        figures={"params": Figure("measured", 1), "top1": Figure("measured", 91.0)},
        dependencies={"complexity": {"model": "old"}, "accuracy": {"weights": "w", "data": "d"}},
    )
    theirs = build(
        "A",
        figures={"params": Figure("measured", 2), "top1": Figure("measured", 90.0)},
        dependencies={"complexity": {"model": "now"}, "accuracy": {"weights": "v", "data": "d"}},
    )
    for merged in (
        merge(record(ours), record(theirs), NOW).builds["A"],
        merge(record(theirs), record(ours), NOW).builds["A"],
    ):
        assert {key: figure.value for key, figure in merged.figures.items()} == {
            "params": 2,
            "top1": 91.0,
        }


def test_of_one_group_each_side_gives_what_the_other_lacks() -> None:
    gone = Figure("unavailable", cause="missing", reason="no data")
    ours = counted(1, "now", figures={"macs": gone, "flops": Figure("measured", 7)})
    theirs = counted(1, "now", figures={"macs": Figure("measured", 5)})
    merged = merge(record(ours), record(theirs), NOW).builds["A"]
    values = {key: figure.value for key, figure in merged.figures.items()}
    assert values == {"params": 1, "macs": 5, "flops": 7}


def test_data_sets_and_machines_of_both_sides_are_there() -> None:
    read = DatasetRecord("digits", "test", 10, (1, 8, 8), fingerprint="ab")
    unread = replace(read, fingerprint="")
    ours = record(datasets={"d": unread}, environments={"e": {"cpu": "1"}})
    theirs = record(datasets={"d": read, "x": read}, environments={"f": {"cpu": "2"}})
    merged = merge(ours, theirs, {})
    assert merged.datasets == {"d": read, "x": read}
    assert sorted(merged.environments) == ["e", "f"]


CONFLICT = """\
a
<<<<<<< HEAD
b
||||||| 1234567
c
=======
d
>>>>>>> other
e
"""


def test_both_sides_of_a_conflict() -> None:
    assert sides(CONFLICT) == ("a\nb\ne\n", "a\nd\ne\n")
    assert sides(CONFLICT.replace("||||||| 1234567\nc\n", "")) == ("a\nb\ne\n", "a\nd\ne\n")


lines = st.lists(st.text("ab=<>| ", max_size=6).map(lambda text: f"{text}\n"), max_size=5)


@given(lines, lines, lines)
def test_any_text_without_markers_is_split_as_it_was_joined(
    before: list[str], ours: list[str], theirs: list[str]
) -> None:
    text = "".join([*before, "<<<<<<< x\n", *ours, "=======\n", *theirs, ">>>>>>> y\n"])
    same = "".join(before)
    assert sides(text) == (same + "".join(ours), same + "".join(theirs))


def test_a_record_file_in_the_middle_of_a_merge() -> None:
    ours, theirs = record(build("A"), build("B")).dumps(), record(build("A"), build("C")).dumps()
    text = f"<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> other\n"
    assert sorted(resolve(text, {}, "r.json").builds) == ["A", "B", "C"]
    with pytest.raises(RecordError) as caught:
        records.loads(text, "r.json")
    assert "Run the spec: it merges them" in str(caught.value)


def test_sides_that_are_no_records_are_explained() -> None:
    with pytest.raises(RecordError) as caught:
        resolve("<<<<<<< HEAD\n{\n=======\n{}\n>>>>>>> other\n", {}, "r.json")
    assert str(caught.value) == (
        "r.json: the two sides of the merge conflict cannot be told apart (r.json:2:1: not JSON: "
        "Expecting property name enclosed in double quotes. Restore the file from version control, "
        "or delete it to measure everything again.). Take either: git checkout --ours r.json; then "
        "run the spec again."
    )


def figure_of(merged: Record, key: str = "params") -> Figure:
    return merged.builds["A"].figures[key]


FAILED = Figure("unavailable", cause="failed", reason="no")


def test_of_two_runs_each_keeps_what_it_changed() -> None:
    base = record(counted(1, "m"), build("B"))
    ours = replace(base, builds={**base.builds, "A": counted(2, "n")})
    theirs = replace(base, builds={**base.builds, "B": replace(build("B"), metadata={"a": "b"})})
    merged = merge_runs(base, ours, theirs)
    assert merged.builds["A"] == counted(2, "n")
    assert merged.builds["B"].metadata == {"a": "b"}
    assert merge_runs(base, theirs, ours) == merged


def test_of_two_runs_that_began_with_nothing() -> None:
    merged = merge_runs(None, record(counted(1, "m")), record(build("B")))
    assert set(merged.builds) == {"A", "B"}
    assert figure_of(merged).value == 1


def test_groups_of_one_build_are_merged_with_their_inputs() -> None:
    base = record(counted(1, "m"))
    timed = {"latency@1": Figure("measured", 5)}
    ours = record(
        replace(
            counted(1, "m", figures=timed),
            dependencies={"complexity": {"model": "m"}, "timing": {"x": "y"}},
        )
    )
    theirs = record(counted(2, "n", ledger={"rows": []}))
    for merged in (merge_runs(base, ours, theirs), merge_runs(base, theirs, ours)):
        assert figure_of(merged).value == 2
        assert figure_of(merged, "latency@1").value == 5
        assert merged.builds["A"].dependencies == {
            "complexity": {"model": "n"},
            "timing": {"x": "y"},
        }
        assert merged.builds["A"].ledger == {"rows": []}


@pytest.mark.parametrize("theirs_of", ["m", "n"])
def test_a_failure_of_one_run_replaces_no_figure_of_the_other(theirs_of: str) -> None:
    base = record(build("A"))
    failed = record(
        build("A", figures={"params": FAILED}, dependencies={"complexity": {"model": "m"}})
    )
    good = record(counted(2, theirs_of))
    for merged in (merge_runs(base, failed, good), merge_runs(base, good, failed)):
        assert figure_of(merged).value == 2
        assert merged.builds["A"].dependencies == {"complexity": {"model": theirs_of}}


def test_what_one_run_drops_stays_if_the_other_changed_it() -> None:
    base = record(counted(1, "m"), build("B"))
    ours = record(build("B"))
    assert set(merge_runs(base, ours, base).builds) == {"B"}
    assert set(merge_runs(base, ours, record(counted(2, "n"), build("B"))).builds) == {"A", "B"}


def test_of_two_branches_the_figure_that_is_not_stale_wins() -> None:
    stale = record(counted(1, "m", figures={"params": Figure("measured", 1, stale="why")}))
    good = record(counted(1, "m"))
    for ours, theirs in ((stale, good), (good, stale)):
        assert not figure_of(merge(ours, theirs, {})).stale
