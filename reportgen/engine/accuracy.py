"""Evaluate one build on its data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from reportgen import quantities
from reportgen.builds.construct import construct
from reportgen.builds.dtype import unusual_dtypes
from reportgen.data.load import load
from reportgen.data.source import Search
from reportgen.engine.environment import describe, identify
from reportgen.engine.results import Evaluated
from reportgen.engine.rounding import significant
from reportgen.measures.accuracy import evaluate
from reportgen.plan import Build
from reportgen.record import Figure
from reportgen.spec.model import Accuracy


def measure(
    build: Build,
    metrics: Sequence[str],
    settings: Accuracy,
    threads: int | None,
    search: Search,
    *,
    refresh: bool,
    progress: Callable[[int, int], None],
) -> Evaluated:
    """Evaluate a build in one pass over its data set.

    `refresh` fits weights anew. Raises MeasureError (MissingError where data or weights are not
    here), or whatever the model raises.
    """
    module, facts = construct(build, search, for_accuracy=True, refresh=refresh)
    facts = {**facts, "dtype": "" if build.quantize else unusual_dtypes(module)}
    split = load(build.data.source, build.data.split, search)
    result = evaluate(
        module,
        split,
        normalization=build.normalization,
        metrics=metrics,
        batch_size=settings.batch_size,
        channels_last=settings.channels_last,
        movable=build.quantize is None,  # int8 kernels have a layout of their own
        threads=threads,
        progress=progress,
    )
    described = describe(threads or torch.get_num_threads())
    environment = identify(described)
    figures = {}
    for name, value in result.figures.items():
        exact = name in ("top1", "top5")
        figures[name] = Figure(
            "measured",
            value,
            unit=quantities.QUANTITIES[name].unit,
            environment=environment,
            total=result.images,
            correct=result.correct.get(name) if exact else None,
        )
    total = Figure(
        "measured",
        significant(result.seconds_forward, 4),
        unit="s",
        environment=environment,
        samples=1,
        total=result.images,
        note=result.way if result.unusual else "",
    )
    return Evaluated(figures, total, facts, described, split.fingerprint)
