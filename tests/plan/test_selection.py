"""Which rows a run is about (`--only`), and which figures it takes again (`--remeasure`)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reportgen.common.errors import UsageError
from reportgen.data.search import Search
from reportgen.plan.plan import Plan
from reportgen.plan.resolve import plan
from reportgen.plan.selection import Selection
from reportgen.plan.staleness import State, compare
from reportgen.record.record import Figure, Record
from reportgen.spec import loads

SPEC = """\
reportgen: 1
title: T
datasets: {noise: {source: synthetic, shape: [3, 32, 32], classes: 10}}
models:
  ResNet-20: {source: zoo/cifar_resnet20, baseline: true}
  ResNet-32: {source: zoo/cifar_resnet32}
  Lite [2]: {source: zoo/resnet_lite}
measure: {complexity: {}, timing: {batch_sizes: [1], total: false}}
"""


def of(text: str = SPEC) -> Plan:
    return plan(loads(text), name="t", spec_dir=Path())


def measured(planned: Plan) -> Record:
    """Return a record in which every figure of a plan was measured on its dependencies."""
    record = planned.empty_record()
    rows = {
        name: replace(
            row,
            dependencies=planned.builds[name].dependencies,
            figures={
                key: Figure("measured", 1)
                for keys in planned.builds[name].wanted.values()
                for key in keys
            },
        )
        for name, row in record.builds.items()
    }
    return replace(record, builds=rows)


def state(planned: Plan, old: Record | None, **selection: set[str]) -> State:
    chosen = Selection(**{name: frozenset(names) for name, names in selection.items()})
    return compare(planned, old, Search((), True, Path()), chosen)


def due(found: State) -> set[tuple[str, str]]:
    return {(entry.build.id, entry.group) for entry in found.due}


def test_nothing_changed_and_nothing_asked_for_is_nothing_due() -> None:
    assert due(state(of(), measured(of()))) == set()


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        ("ResNet-20", {"ResNet-20"}),
        ("ResNet*", {"ResNet-20", "ResNet-32"}),
        ("*-3?", {"ResNet-32"}),
        ("Lite [2]", {"Lite [2]"}),
        ("all", {"ResNet-20", "ResNet-32", "Lite [2]"}),
    ],
)
def test_models_are_taken_again_by_name_and_pattern(again: str, expected: set[str]) -> None:
    assert {name for name, _ in due(state(of(), measured(of()), again={again}))} == expected


def test_a_kind_is_taken_again() -> None:
    found = due(state(of(), measured(of()), again={"timing"}, only={"ResNet-32"}))
    assert found == {("ResNet-32", "timing"), ("ResNet-32", "speedup")}


def test_rows_that_a_run_is_not_about_are_neither_stale_nor_touched() -> None:
    old = measured(of())
    changed = of(SPEC.replace("[1]", "[1, 2]").replace("zoo/resnet_lite", "zoo/cifar_resnet44"))
    assert {name for name, _ in due(state(changed, old))} == {"ResNet-20", "ResNet-32", "Lite [2]"}
    found = state(changed, old, only={"*32"})
    assert {name for name, _ in due(found)} == {"ResNet-32"}
    for name in ("ResNet-20", "Lite [2]"):
        assert found.record.builds[name] == old.builds[name]


def test_rows_that_were_not_there_do_not_appear() -> None:
    assert set(state(of(), None, only={"Lite [2]"}).record.builds) == {"Lite [2]"}


def test_rows_of_renamed_models_wait_for_a_run_about_them() -> None:
    old = measured(of())
    renamed = of(SPEC.replace("Lite [2]:", "Light:"))
    kept = state(renamed, old, only={"ResNet-20"})
    assert set(kept.record.builds) == {"ResNet-20", "ResNet-32", "Lite [2]"}
    assert due(kept) == set()
    moved = state(renamed, kept.record, only={"Light"})
    assert set(moved.record.builds) == {"ResNet-20", "ResNet-32", "Light"}
    assert due(moved) == set()


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (
            Selection(only=frozenset({"ResNet20"})),
            "--only ResNet20: no model is called so. Did you mean 'ResNet-20'?",
        ),
        (
            Selection(only=frozenset({"VGG*"})),
            "--only VGG*: no model is called so. Known: Lite [2], ResNet-20, ResNet-32.",
        ),
        (
            Selection(again=frozenset({"timings"})),
            "--remeasure timings: nothing is called so. Did you mean 'timing'?",
        ),
        (
            Selection(again=frozenset({"Lite 2"})),
            "--remeasure Lite 2: nothing is called so. Did you mean 'Lite [2]'?",
        ),
    ],
)
def test_what_selects_nothing_is_an_error(selection: Selection, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        selection.check([of()])
    assert str(caught.value) == expected


def test_a_name_need_be_known_in_one_of_several_specs_only() -> None:
    other = of(SPEC.replace("ResNet-32", "ResNet-44").replace("32}", "44}"))
    Selection(only=frozenset({"ResNet-44"})).check([of(), other])
