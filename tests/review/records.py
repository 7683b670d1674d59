"""Small records to compare, and what changes in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reportgen.record.record import BuildRecord, Figure, Record, ReportSettings

HERE: Mapping[str, str] = {"cpu": "Xeon", "cores": "2", "threads": "2", "torch": "2.10.0"}
THERE: Mapping[str, str] = {**HERE, "cpu": "EPYC"}
ENVIRONMENTS = {
    "here": HERE,
    "there": THERE,
    "newer": {**HERE, "torch": "2.11.0"},
    "steady": {**HERE, "allocator": "steady"},
    "system": {**HERE, "allocator": "system"},
}


def count(value: int, convention: str = "all") -> Figure:
    return Figure("measured", value, by="deepspeed 0.19.8", convention=convention)


def latency(value: float, unsure: float = 0.01, samples: int = 20, at: str = "here") -> Figure:
    """Return one whose fastest call took nine tenths of it, a quarter of the rounds `unsure` more.

    `unsure` is a part of the fastest call.
    """
    return Figure(
        "measured",
        value,
        "ms",
        environment=at,
        samples=samples,
        spread=value / 100,
        fastest=0.9 * value,
        fastest_spread=unsure * 0.9 * value,
    )


def speedup(value: float, unsure: float = 0.02, samples: int = 20, at: str = "here") -> Figure:
    return Figure(
        "measured",
        value,
        "×",
        environment=at,
        samples=samples,
        interval=(value * 0.98, value * 1.02),
        fastest=value,
        fastest_spread=unsure * value,
    )


def percent(value: float) -> Figure:
    return Figure("measured", value, "%", by="torchmetrics 1.9")


def timed(
    name: str, ms: float, against: float, *, at: str = "here", code: str = "old", **more: Any
) -> BuildRecord:
    """Return a build with a latency and, against a baseline of 10 ms, a speed-up."""
    figures = {"latency@1": latency(ms, at=at)}
    figures["speedup@1"] = (
        Figure("derived", 1, "×", environment=at) if against == 1 else speedup(against, at=at)
    )
    measured_on = {"model": name, "code": code}
    dependencies = {"timing": measured_on, "speedup": {**measured_on, "baseline": "b"}}
    return build(name, figures=figures, dependencies=dependencies, baseline=against == 1, **more)


def build(model: str, **more: Any) -> BuildRecord:
    values: dict[str, Any] = {
        "dataset": "digits",
        "classes": 10,
        "source": "zoo/digits_cnn",
        "input_shape": (1, 8, 8),
    }
    return BuildRecord(model=model, **values | more)


def record(*builds: BuildRecord, **settings: Any) -> Record:
    named = {f"{b.model} @ {b.dataset} {b.classes}": b for b in builds}
    return Record(
        spec="small",
        title="Small",
        report=ReportSettings(order=tuple(named), batch_sizes=(1,), **settings),
        environments=ENVIRONMENTS,
        builds=named,
    )
