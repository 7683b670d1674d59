"""Records of real models, counted on meta."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from reportgen.counting import build_on_meta, count
from reportgen.counting.readings import PLAIN
from reportgen.record.record import BuildRecord, ClaimRecord, Figure, Record, ReportSettings


def counted(factory: Callable[[], nn.Module], shape: tuple[int, ...], **more: Any) -> BuildRecord:
    """Return the build of a model with its ledger and exact figures; `shape` has the batch."""
    result = count(build_on_meta(factory), [torch.empty(shape, device="meta")])
    figures = {
        key: Figure("measured", convention.total(result.ledger))
        for key, convention in PLAIN.items()
    }
    defaults: dict[str, Any] = {
        "model": "Net",
        "dataset": "noise",
        "classes": 1000,
        "source": "python/nets:make",
        "input_shape": shape[1:],
        "figures": figures,
        "ledger": result.ledger.to_json(),
        "batch_size": shape[0] if shape[0] != 1 else None,
    }
    return BuildRecord(**defaults | more)


def record_of(**builds: BuildRecord) -> Record:
    """Return a record of builds by name, in that order."""
    named = {name.replace("_", " "): build for name, build in builds.items()}
    return Record(
        spec="claims", title="Claims", report=ReportSettings(order=tuple(named)), builds=named
    )


def claim(metric: str, value: str, **more: str) -> ClaimRecord:
    """Return a claim from a blog."""
    return ClaimRecord(metric, value, "a blog", **more)
