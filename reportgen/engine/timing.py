"""Time builds in turn, the baseline among them, and turn samples into figures."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from reportgen.builds.construct import construct
from reportgen.builds.examples import example
from reportgen.data.load import load
from reportgen.data.source import Search
from reportgen.engine.environment import describe
from reportgen.engine.journal import Journal, unavailable
from reportgen.engine.staleness import Due
from reportgen.errors import MeasureError
from reportgen.measures import statistics, timing
from reportgen.plan import Build, Plan
from reportgen.record import Figure
from reportgen.spec.model import Accuracy, Timing

# Modules in memory at a time: more are timed in groups of this size, each beside the baseline.
TOGETHER = 12

TOTAL = "time.total"


def groups(dues: Sequence[Due]) -> list[list[Due]]:
    """Sort what is due into groups that are timed in turn: same data set, same class count."""
    alike: dict[tuple[str, int], dict[str, list[Due]]] = {}
    for due in dues:
        table = alike.setdefault((due.build.data.name, due.build.classes), {})
        table.setdefault(due.build.id, []).append(due)
    result = []
    for table in alike.values():
        builds = list(table.values())
        for first in range(0, len(builds), TOGETHER):
            result.append([due for own in builds[first : first + TOGETHER] for due in own])
    return result


@dataclass
class _Session:
    """One group at work: modules that run, and why the others do not."""

    builds: Mapping[str, Build]
    modules: dict[str, nn.Module] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    figures: dict[str, dict[str, Figure]] = field(default_factory=dict)

    def attempt(self, name: str, action: Callable[[], None]) -> None:
        """Run something of one build; if it raises, that build is out of the session."""
        try:
            action()
        except Exception as error:
            self.modules.pop(name, None)
            self.errors[name] = error


def measure(
    dues: Sequence[Due],
    plan: Plan,
    search: Search,
    journal: Journal,
    totals: Mapping[str, Figure],
    on_step: Callable[[str], None],
) -> None:
    """Time a group and put its figures into the journal.

    `totals` holds the times of whole data sets that an evaluation gave already. What fails in one
    build costs that build's figures only.
    """
    settings, accuracy = plan.measure.timing, plan.measure.accuracy
    assert settings is not None, "timing is due only where it is asked for"
    builds = {due.build.id: due.build for due in dues}
    baseline = plan.baseline_of(dues[0].build)
    if baseline is not None and any(due.group == "speedup" for due in dues):
        builds.setdefault(baseline.id, baseline)
    session = _Session(builds)
    with timing.quiet(settings.threads):
        environment = journal.note_environment(describe(torch.get_num_threads()))
        for name, build in builds.items():

            def make(name: str = name, build: Build = build) -> None:
                session.modules[name], _ = construct(build, search, for_accuracy=False)

            session.attempt(name, make)
        for size in settings.batch_sizes:
            on_step(f"{len(session.modules)} models in turn, batch size {size}")
            _time_batch(session, size, settings, environment, baseline)
        # Written down before the whole data set is run, which takes minutes for a large network.
        for due in dues:
            _put(due, session, journal, baseline)
        for due in dues:
            name = due.build.id
            if TOTAL in due.keys and name in session.modules:
                on_step(f"{name}, the whole data set")
                figure = totals.get(name) or _total(
                    due.build, session.modules[name], accuracy, search, environment
                )
                journal.put(due, {TOTAL: figure})


def _time_batch(
    session: _Session, size: int, settings: Timing, environment: str, baseline: Build | None
) -> None:
    for name, build in session.builds.items():
        if name in session.modules:
            module = session.modules[name]
            session.attempt(name, timing.Subject(module, *example(build, size)))
    subjects = {
        name: timing.Subject(module, *example(session.builds[name], size))
        for name, module in session.modules.items()
    }
    samples = timing.interleaved(
        subjects,
        rounds=settings.rounds,
        warmup=settings.warmup,
        enough=timing.Enough(
            reference=baseline.id if baseline else None,
            precision=settings.precision,
            until=time.perf_counter() + settings.seconds if settings.seconds else None,
        ),
    )
    reference = samples.get(baseline.id) if baseline else None
    for name, seconds in samples.items():
        figures = latencies(seconds, size, environment)
        if baseline is not None and name == baseline.id:
            figures[f"speedup@{size}"] = Figure("derived", 1, unit="×", environment=environment)
        elif reference is not None:
            figures[f"speedup@{size}"] = speedup(reference, seconds, environment)
        session.figures.setdefault(name, {}).update(figures)


def _put(due: Due, session: _Session, journal: Journal, baseline: Build | None) -> None:
    error = session.errors.get(due.build.id)
    if error is None and due.group == "speedup":
        if baseline is None:
            error = MeasureError("no model is marked `baseline: true` with this class count")
        elif baseline.id in session.errors:
            error = MeasureError(f"the baseline, {baseline.id}, could not be timed")
    if error is not None:
        journal.fail(due, error)
    else:
        journal.put(due, session.figures[due.build.id])


def latencies(seconds: Sequence[float], size: int, environment: str) -> dict[str, Figure]:
    """Turn seconds per batch into latency and throughput."""
    of = statistics.summary(seconds)
    latency = Figure(
        "measured",
        significant(1e3 * of.median, 4),
        unit="ms",
        environment=environment,
        samples=of.count,
        spread=significant(1e3 * of.iqr, 2),
    )
    throughput = Figure(
        "derived", significant(size / of.median, 4), unit="images/s", environment=environment
    )
    return {f"latency@{size}": latency, f"throughput@{size}": throughput}


def speedup(reference: Sequence[float], seconds: Sequence[float], environment: str) -> Figure:
    """Compare with the baseline, round by round."""
    ratio = statistics.paired_ratio(reference, seconds)
    return Figure(
        "measured",
        significant(ratio.median, 4),
        unit="×",
        environment=environment,
        samples=ratio.count,
        interval=(significant(ratio.low, 4), significant(ratio.high, 4)),
        note=ratio.doubt,
    )


def _total(
    build: Build,
    module: nn.Module,
    accuracy: Accuracy | None,
    search: Search,
    environment: str,
) -> Figure:
    """Time the whole data set on random images of its shape; count those of a folder first."""
    try:
        layout = lay_out(module, build, accuracy)
        count = build.data.count or len(load(build.data.source, build.data.split, search))
        seconds = timing.total_seconds(
            module,
            image_shape=build.input_shape,
            count=count,
            batch_size=(accuracy or Accuracy()).batch_size,
        )
    except Exception as error:
        return unavailable(error)
    return Figure(
        "measured",
        significant(seconds, 4),
        unit="s",
        environment=environment,
        samples=1,
        total=count,
        note="; ".join(filter(None, ("on random images of the data set's shape", layout))),
    )


def lay_out(module: nn.Module, build: Build, accuracy: Accuracy | None) -> str:
    """Lay a float module out as an evaluation wants it; say how, if not as usual."""
    if accuracy is None or not accuracy.channels_last or build.quantize is not None:
        return ""
    module.to(memory_format=torch.channels_last)
    return "channels last"


def significant(value: float, digits: int) -> float:
    """Round to so many significant digits: further ones would be noise."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))
