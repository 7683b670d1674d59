"""The time of forward passes over a whole data set, without an evaluation."""

from __future__ import annotations

import torch
from torch import nn

from reportgen.data.search import Search
from reportgen.data.splits import load
from reportgen.engine.rounding import significant
from reportgen.measures import timing
from reportgen.measures.batch_layout import DEFAULT_BATCH
from reportgen.plan.plan import Build
from reportgen.record.record import Figure
from reportgen.spec.model import Accuracy


def total_time(
    build: Build,
    module: nn.Module,
    accuracy: Accuracy | None,
    search: Search,
    environment: str,
) -> Figure:
    """Time the whole data set on random images of its shape; count those of a folder first."""
    settings = accuracy or Accuracy()
    pixelwise = bool(settings.channels_last) and build.options.quantize is None
    if pixelwise:
        module.to(memory_format=torch.channels_last)
    count = build.data.count or len(load(build.data.source, build.data.split, search))
    seconds = timing.total_seconds(
        module,
        image_shape=build.input_shape,
        count=count,
        batch_size=settings.batch_size or DEFAULT_BATCH,
    )
    return Figure(
        "measured",
        significant(seconds, 4),
        unit="s",
        environment=environment,
        samples=1,
        total=count,
        note="on random images of the data set's shape" + ("; channels last" if pixelwise else ""),
    )
