"""What the typed parts of a spec have in common: strictness, and errors that reach the user."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

PositiveInt = Annotated[int, Field(gt=0)]
Classes = Annotated[int, Field(gt=1)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Part(BaseModel):
    """A mapping in a spec: frozen, strict, every unknown key an error.

    The text under each key is its description in the JSON Schema, which alone reads it
    (`reportgen.spec.schema`): reading source on every start costs more than reading the spec. For
    the same reason validators are built when first used, the whole spec's at once.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True
    )


def problem(message: str, hint: str = "") -> PydanticCustomError:
    """Return an error whose text and hint reach the user as they are."""
    return PydanticCustomError("spec", "{message}", {"message": message, "hint": hint})
