"""Work grows with the number of models and no faster. Counted in function calls, never in time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest

from reportgen.data.search import Search
from reportgen.plan.plan import Plan
from reportgen.plan.resolve import plan
from reportgen.record.record import Figure, Record
from reportgen.report import render
from reportgen.review.check import check
from reportgen.spec.load import loads

MEASURED = {
    "params": Figure("measured", 8970, by="deepspeed 1", convention="all"),
    "macs": Figure("measured", 8832, by="deepspeed 1", convention="macs"),
    "latency@1": Figure("measured", 0.125, unit="ms", environment="a", samples=15, spread=0.01),
    "speedup@1": Figure("measured", 2, unit="×", environment="a", samples=15, interval=(1.9, 2.1)),
}


def planned(folder: Path, models: int) -> Plan:
    rows = "\n".join(f"  Model {number}: {{source: zoo/digits_mlp}}" for number in range(models))
    text = (
        "reportgen: 1\ntitle: Many\n"
        "datasets:\n  images: {source: synthetic, shape: [1, 8, 8], classes: 10}\n"
        f"models:\n  Base: {{source: zoo/digits_cnn, baseline: true}}\n{rows}\n"
        "measure:\n  complexity: {}\n  timing: {total: false}\n"
    )
    return plan(loads(text), name="many", spec_dir=folder)


def measured(asked: Plan) -> Record:
    """Fill a record without measuring."""
    empty = asked.empty_record()
    builds = {
        name: replace(build, figures=MEASURED, dependencies=asked.builds[name].dependencies)
        for name, build in empty.builds.items()
    }
    return replace(empty, builds=builds, environments={"a": {"cpu": "some"}})


def after_one_change(record: Record) -> Record:
    """Write a record, and change a build of it."""
    record.dumps()
    base = replace(record.builds["Base"], metadata={"int8": "none"})
    return replace(record, builds={**record.builds, "Base": base})


def calls(action: Callable[[], object]) -> int:
    """Count the Python functions that an action calls."""
    count = 0

    def see(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(see)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


STEPS: dict[str, Callable[[Path, int], Callable[[], object]]] = {
    "plan": lambda folder, models: lambda: planned(folder, models),
    "render": lambda folder, models: lambda: render(measured(planned(folder, models))),
    "check": lambda folder, models: (
        lambda: check(planned(folder, models), folder, Search((), True, folder))
    ),
    "write": lambda folder, models: after_one_change(measured(planned(folder, models))).dumps,
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_takes_as_much_for_each_model_however_many_there_are(
    step: str, tmp_path: Path
) -> None:
    counted = {}
    for models in (10, 50, 250):
        folder = tmp_path / str(models)
        folder.mkdir()
        record = measured(planned(folder, models))
        (folder / "many.json").write_text(record.dumps(), encoding="utf-8")
        action = STEPS[step](folder, models)
        action()  # imports, and what is kept from one use to the next
        counted[models] = calls(action)
    few, many = counted[50] - counted[10], counted[250] - counted[50]
    # 200 models more cost five times what 40 cost, give or take 5 %.
    assert many <= 1.05 * 5 * few
