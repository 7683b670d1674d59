"""What a spec may quote: figures to show, and claims to judge."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasChoices, Field, model_validator

from reportgen.spec.base import Classes, Part, Words, problem
from reportgen.spec.columns import Column

FORMER_NAME = "quantity"
"""What `metric` was called in specs before 2026-12; still read."""


def metric_key(entry: object) -> str:
    """Return the name under which an entry of a YAML file says its metric."""
    return FORMER_NAME if isinstance(entry, dict) and FORMER_NAME in entry else "metric"


class Quoted(Part):
    """A published figure."""

    of: str
    """Name of the model."""
    metric: Annotated[Column, Field(validation_alias=AliasChoices("metric", FORMER_NAME))]
    """What the figure is of: top1, time.total, flops …"""
    value: str | int | float
    """The figure as printed, with its unit: `87.79 %`, `2.6073 G`, `172.2883 s`."""
    source: Annotated[Words, Field(alias="from")]
    """The source."""
    dataset: str | None = None
    """Which data set; needed if the model is reported on several."""
    classes: Classes | None = None
    """Which class count; needed if the model is built with several."""


class Reported(Quoted):
    """A published figure, shown as quoted, with its source."""


class Claim(Quoted):
    """A published figure, compared with the measured one."""

    module: Annotated[str, Field(min_length=1)] | None = None
    """Path of a module (`layer1.0.conv1`); default: the whole model."""
    tolerance: Annotated[str, Field(pattern=r"^\d+(\.\d+)?\s*%$")] | None = None
    """Allowed difference, as a part of the value: `0.1%`; default: half of its last digit."""
    expect: Literal["fail"] | None = None
    """The claim is known to be wrong; `check` fails if it holds."""
    reason: Words | None = None
    """Why it is wrong; goes with `expect: fail`."""

    @model_validator(mode="after")
    def _reason_goes_with_fail(self) -> Claim:
        if self.expect and not self.reason:
            raise problem("'expect: fail' needs a 'reason'", "Say why the claim is wrong.")
        if self.reason and not self.expect:
            raise problem("a 'reason' goes with 'expect: fail'", "Add it, or remove the reason.")
        return self

    @model_validator(mode="after")
    def _available_for_modules(self) -> Claim:
        if self.module is not None:
            from reportgen.counting import readings

            try:
                readings.reading(self.metric)
            except KeyError:
                raise problem(
                    f"'{self.metric}' is not available for modules",
                    f"Known: {', '.join(readings.PLAIN)}; flops and params by a convention.",
                ) from None
        return self
