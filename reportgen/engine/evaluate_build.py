"""Evaluate one build on its data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from reportgen.builds.construct import construct
from reportgen.builds.dtype import unusual_dtypes
from reportgen.data.search import Search
from reportgen.data.splits import load
from reportgen.engine.journal import unavailable
from reportgen.engine.machine import describe, identify
from reportgen.engine.results import Evaluated, Read, joined
from reportgen.engine.rounding import significant
from reportgen.measures.accuracy import evaluate
from reportgen.measures.allocator import use
from reportgen.measures.threads import guarded, set_count
from reportgen.plan.plan import Build
from reportgen.record.metrics import metric_of
from reportgen.record.record import Figure
from reportgen.spec.model import Accuracy, Timing


def measure(
    build: Build,
    metrics: Sequence[str],
    settings: Accuracy,
    timing: Timing,
    search: Search,
    *,
    refresh: bool,
    progress: Callable[[int, int], None],
) -> Evaluated:
    """Evaluate a build in one pass over its data set, with the threads and allocator of `timing`.

    `refresh` fits weights again. Raises MeasureError (MissingError without data or weights), or
    what the model raises.
    """
    allocator, threads = use(timing.allocator), timing.threads
    before = torch.get_num_threads()
    module, metadata = construct(build, search, for_accuracy=True, refresh=refresh)
    made_with = torch.get_num_threads()
    set_count(threads or before)
    metadata = {**metadata, "dtype": "" if build.options.quantize else unusual_dtypes(module)}
    split = load(build.data.source, build.data.split, search)
    with guarded() as guard:
        if made_with != before:
            guard.refuse(made_with)
        result = evaluate(
            module,
            split,
            normalization=build.normalization,
            metrics=metrics,
            batch_size=settings.batch_size,
            channels_last=settings.channels_last,
            movable=build.options.quantize is None,  # int8 kernels have a layout of their own
            threads=threads,
            progress=progress,
        )
    described = describe(threads or before)
    timed_in = describe(threads or before, allocator)
    environment = identify(described)
    figures = {name: unavailable(error) for name, error in result.failed.items()}
    for name, value in result.figures.items():
        figures[name] = Figure(
            "measured",
            value,
            unit=metric_of(name).unit,
            environment=environment,
            total=result.images,
            correct=result.correct.get(name),
        )
    total = Figure(
        "measured",
        significant(result.seconds_forward, 4),
        unit="s",
        environment=identify(timed_in),
        samples=1,
        total=result.images,
        note=joined(guard.remark, result.way if result.unusual else ""),
    )
    read = Read(split.fingerprint, len(split), split.left_out)
    return Evaluated(figures, total, metadata, described, timed_in, read)
