"""What a spec may change in a model that its factory knows nothing of: heads, frozen parts."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from reportgen.spec.base import Name, Part, PositiveInt

Tap: TypeAlias = PositiveInt | Name


class TapRange(Part):
    """Neighbouring taps, from one to another, both included: by name, or counted from 1."""

    first: Annotated[Tap, Field(alias="from")] = 1
    """The first tap; default: the model's first."""
    last: Annotated[Tap | None, Field(alias="to")] = None
    """The last tap; default: the model's last."""


def _form(value: Any) -> str:
    """Tell the forms apart, so that an error speaks of the one that was meant."""
    if isinstance(value, (dict, TapRange)):
        return "range"
    return "list" if isinstance(value, list) else "word"


Heads: TypeAlias = Annotated[
    Annotated[Literal["all"], Tag("word")]
    | Annotated[TapRange, Tag("range")]
    | Annotated[list[Tap], Field(min_length=1), Tag("list")],
    Discriminator(_form),
]
"""Where to attach heads: `all`, `{from: 9, to: 16}`, or a list of taps."""

Freeze: TypeAlias = Annotated[
    Annotated[Literal["backbone"], Tag("word")]
    | Annotated[list[Name], Field(min_length=1), Tag("list")],
    Discriminator(_form),
]
"""What to freeze: `backbone`, or patterns of module paths, of which a later one wins."""


def heads_text(heads: Heads | None) -> str:
    """Say at which taps there are heads."""
    if isinstance(heads, TapRange):
        return f"taps {heads.first} to {heads.last or 'the last'}"
    if isinstance(heads, list):
        return ", ".join(f"tap {tap}" if isinstance(tap, int) else tap for tap in heads)
    return "all taps" if heads else ""


def frozen_text(freeze: Freeze | None) -> str:
    """Say what training leaves alone."""
    return ", ".join(freeze) if isinstance(freeze, list) else freeze or ""
