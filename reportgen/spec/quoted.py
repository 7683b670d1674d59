"""What a spec may quote: figures to show, and claims to judge."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from reportgen.spec.base import Classes, Part, Words, problem
from reportgen.spec.columns import Column


class Quoted(Part):
    """A figure as somebody published it."""

    of: str
    """Name of the model."""
    quantity: Column
    """Which quantity: top1, time.total, flops …"""
    value: str | int | float
    """The figure as printed, with its unit: `87.79 %`, `2.6073 G`, `172.2883 s`."""
    source: Annotated[Words, Field(alias="from")]
    """Who says so."""
    dataset: str | None = None
    """On which data set; needed where the model is reported on several."""
    classes: Classes | None = None
    """With how many classes; needed where the model is built with several counts."""


class Reported(Quoted):
    """A figure somebody published, shown as quoted, with its source."""


class Claim(Quoted):
    """A figure somebody published, held against what is measured here."""

    module: Annotated[str, Field(min_length=1)] | None = None
    """Path of a module (`layer1.0.conv1`) that it is about; the whole model where left out."""
    tolerance: Annotated[str, Field(pattern=r"^\d+(\.\d+)?\s*%$")] | None = None
    """How far off it may be, as a part of itself: `0.1%`; its last digit's half where left out."""
    expect: Literal["fail"] | None = None
    """It is known to be wrong; a check fails when it no longer is."""
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
    def _told_of_modules(self) -> Claim:
        if self.module is not None:
            from reportgen.counting import readings

            try:
                readings.reading(self.quantity)
            except KeyError:
                raise problem(
                    f"'{self.quantity}' cannot be told of a module",
                    f"Known: {', '.join(readings.PLAIN)}; flops and params by a convention.",
                ) from None
        return self
