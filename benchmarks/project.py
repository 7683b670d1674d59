"""A spec of many models with a report in order, made without measuring."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reportgen.common.files import write
from reportgen.plan.plan import Plan
from reportgen.plan.resolve import plan
from reportgen.record.record import Figure
from reportgen.report import render
from reportgen.spec import load

NETWORKS = ("digits_cnn", "digits_mlp", "digits_resnet")


def make(folder: Path, models: int) -> Path:
    """Write the spec and its report into a folder, where `check` finds nothing; return the spec."""
    rows = "\n".join(f"  Model {n}: {{source: zoo/{NETWORKS[n % 3]}}}" for n in range(1, models))
    spec = folder / "many.yaml"
    spec.write_text(
        "reportgen: 1\ntitle: Many\n"
        "datasets:\n  images: {source: synthetic, shape: [1, 8, 8], classes: 10}\n"
        f"models:\n  Model 0: {{source: zoo/{NETWORKS[0]}, baseline: true}}\n{rows}\n"
        "measure:\n  complexity: {}\n  timing: {batch_sizes: [1, 4]}\n",
        encoding="utf-8",
    )
    asked = plan(load(spec), name="many", spec_dir=folder)
    empty = asked.empty_record()
    builds = {
        name: replace(
            build,
            figures=_figures(asked, name),
            dependencies={
                group: asked.builds[name].dependencies[group] for group in asked.builds[name].wanted
            },
        )
        for name, build in empty.builds.items()
    }
    record = replace(empty, builds=builds, environments={"a": {"cpu": "some"}})
    write(folder / "out" / "many.json", record.dumps())
    for kind, text in render(record).items():
        write(folder / "out" / f"many.{kind}", text)
    return spec


def _figures(asked: Plan, name: str) -> dict[str, Figure]:
    """Give every figure that is asked for a value that looks like one."""
    number = sum(map(ord, name))
    figures = {}
    for group, keys in asked.builds[name].wanted.items():
        for key in keys:
            if group == "complexity":
                figures[key] = Figure(
                    "measured", 1_000 * number, by="some counter", convention="all"
                )
            else:
                figures[key] = Figure("measured", number / 100, environment="a", samples=15)
    return figures
