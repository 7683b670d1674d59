"""A model source: `source: example/linear`. reportgen imports this to learn what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportgen.sources.model_source import ModelEntry, ModelSource

if TYPE_CHECKING:
    from torch import nn

SOURCE = ModelSource(
    form="example/NAME",
    summary="models of the example package",
    models={
        "example/linear": ModelEntry(
            "example/linear", "reportgen_example.models:linear", "one linear layer", args={}
        ),
    },
)


def linear(num_classes: int) -> nn.Module:
    """Return a linear layer on the 64 pixels of a digit."""
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))
