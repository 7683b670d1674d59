"""Specs of ten, a hundred and a thousand models: what a step takes, imports aside."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import project
from harness import Options, Row, duration, in_turn, seconds

from reportgen.data.search import Search
from reportgen.plan.plan import Plan
from reportgen.plan.resolve import plan
from reportgen.record import record as records
from reportgen.report import render
from reportgen.review.check import check
from reportgen.spec import load

SIZES = (10, 100, 1_000)


def bench(options: Options) -> Iterator[Row]:
    """Take the steps in turn, for each size."""
    with tempfile.TemporaryDirectory() as name:
        for models in SIZES:
            folder = Path(name, str(models))
            folder.mkdir()
            steps = _steps(project.make(folder, models))
            samples = in_turn(steps, rounds=3 if options.quick else 9)
            for label, times in samples.items():
                each = duration(sorted(times)[len(times) // 2] / models)
                bar = "≤ 1 s" if models == SIZES[-1] else ""
                yield Row(f"{label}, {models:,} models", seconds(times), f"{each} each", "", bar)


def _steps(spec: Path) -> dict[str, Callable[[], object]]:
    out = spec.parent / "out"

    def planned() -> Plan:
        return plan(load(spec), name=spec.stem, spec_dir=spec.parent)

    def rendered() -> object:
        record = records.read(out / "many.json")
        assert record is not None, "made with the spec"
        return render(record)

    def checked() -> None:
        found = check(planned(), out, Search((), True, spec.parent)).findings
        assert not found, found[0]

    return {"plan": planned, "render": rendered, "check": checked}
