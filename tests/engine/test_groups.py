"""Which builds are timed in turn with which."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from reportgen.engine.timing_groups import ROOM, groups
from reportgen.plan.staleness import Due


def due(name: str, data: str = "cifar10", classes: int = 10, group: Any = "timing") -> Due:
    build: Any = SimpleNamespace(id=name, data=SimpleNamespace(name=data), classes=classes)
    return Due(build, group, ("latency@1",), {}, "why")


def names(dues: list[Due], together: int = 12, **sizes: int) -> list[list[str]]:
    sorted_ = groups(dues, together, lambda build: sizes.get(build.id, 0))
    return [[each.build.id for each in group] for group in sorted_]


def test_only_builds_of_one_table_are_timed_in_turn() -> None:
    dues = [due("a"), due("b", "cifar100"), due("c"), due("d", classes=100)]
    assert names(dues) == [["a", "c"], ["b"], ["d"]]


def test_figures_of_one_build_stay_together() -> None:
    dues = [due("a"), due("b"), due("c"), due("a", group="speedup"), due("b", group="speedup")]
    assert names(dues, together=2) == [["a", "a", "b", "b"], ["c"]]


def test_builds_are_together_as_far_as_there_is_room() -> None:
    dues = [due(name) for name in "abc"]
    assert names(dues, a=ROOM // 2, b=ROOM // 2, c=1) == [["a", "b"], ["c"]]


def test_a_group_takes_no_more_than_the_largest_build_alone() -> None:
    dues = [due(name) for name in "abcde"]
    sizes = {"a": ROOM, "b": ROOM, "c": 1, "d": 2 * ROOM, "e": 1}
    assert names(dues, **sizes) == [["a", "b"], ["c"], ["d"], ["e"]]


def test_nothing_is_due() -> None:
    assert names([]) == []
