"""Evaluate one build on its data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from reportgen import quantities
from reportgen.builds.construct import construct
from reportgen.data.load import load
from reportgen.data.source import Search
from reportgen.engine.environment import describe
from reportgen.engine.journal import Journal
from reportgen.engine.timing import lay_out, significant
from reportgen.measures.accuracy import evaluate
from reportgen.plan import Build
from reportgen.record import Figure
from reportgen.spec.model import Accuracy


@dataclass(frozen=True)
class Evaluated:
    """A build's figures of quality, the time of its forward passes, and facts for the record."""

    figures: Mapping[str, Figure]
    total_time: Figure
    facts: Mapping[str, str]


def measure(
    build: Build,
    metrics: Sequence[str],
    settings: Accuracy,
    threads: int | None,
    search: Search,
    journal: Journal,
    *,
    refresh: bool,
    progress: Callable[[int, int], None],
) -> Evaluated:
    """Evaluate a build in one pass over its data set.

    `refresh` fits weights anew. Raises MeasureError (MissingError where data or weights are not
    here), or whatever the model raises.
    """
    module, facts = construct(build, search, for_accuracy=True, refresh=refresh)
    layout = lay_out(module, build, settings)
    split = load(build.data.source, build.data.split, search)
    journal.note_data(build.data.name, split.fingerprint)
    result = evaluate(
        module,
        split,
        normalization=build.normalization,
        batch_size=settings.batch_size,
        metrics=metrics,
        threads=threads,
        progress=progress,
    )
    environment = journal.note_environment(describe(threads or torch.get_num_threads()))
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
        note=layout,
    )
    return Evaluated(figures, total, facts)
