"""What the typed parts of a spec have in common: strictness, and errors that reach the user."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from reportgen.common.visible import called, is_blank, unseen


def _not_blank(text: str) -> str:
    if is_blank(text):
        raise problem("this text is blank", "Write something that can be seen.")
    return text


def _on_one_line(text: str) -> str:
    if character := unseen(text):
        raise problem(
            f"a name is one line, and this one holds {called(character)}", "Write it on one line."
        )
    return text


PositiveInt = Annotated[int, Field(gt=0, le=2**63 - 1)]
# Channels, height and width of an image.
Side = Annotated[int, Field(gt=0, le=65_536)]
Classes = Annotated[int, Field(gt=1)]
Words = Annotated[str, Field(min_length=1), AfterValidator(_not_blank)]
Name = Annotated[
    str,
    Field(min_length=1, max_length=200),
    AfterValidator(_not_blank),
    AfterValidator(_on_one_line),
]
# A year: what is longer is meant to be no limit, and clocks cannot count to it.
Seconds = Annotated[float, Field(gt=0, le=31_536_000)]


class Part(BaseModel):
    """A mapping in a spec: frozen, strict, every unknown key an error.

    The text under each key is its description in the JSON Schema (`reportgen.spec.schema`). For a
    quick start, only that reads it, and validators are built when they are first used.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True
    )

    @classmethod
    def other_keys(cls) -> list[str]:
        """Return the keys that are allowed besides the declared ones."""
        return []


def problem(message: str, hint: str = "") -> PydanticCustomError:
    """Return an error whose text and hint reach the user as they are."""
    return PydanticCustomError("spec", "{message}", {"message": message, "hint": hint})
