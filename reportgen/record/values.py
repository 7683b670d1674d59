"""The types of values in a record, with their limits.

Reading checks each limit, and the JSON Schema shows it. Sizes only keep a damaged file from filling
the memory. Types are strict: `"1"` is not a number, `1` is not a text, `true` is neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias, TypeVar

from annotated_types import Ge, Le
from pydantic import ConfigDict, Field, Strict

from reportgen.record.metrics import KEY_PATTERN

V = TypeVar("V")

KNOWN_KEYS = ConfigDict(extra="forbid")
"""An unknown key is an error."""

LARGEST = 10**30
"""Larger than any count or time."""
MOST_ENTRIES = 100_000
"""The most builds of a record, figures of a build, keys of an object."""

Flag: TypeAlias = Annotated[bool, Strict()]

Text: TypeAlias = Annotated[str, Strict(), Field(max_length=1_000_000)]
"""Prose: a title, a note, the message of an exception. May be empty."""
Word: TypeAlias = Annotated[str, Strict(), Field(max_length=1_000)]
"""A name, a version, a path, a unit. May be empty."""
Name: TypeAlias = Annotated[str, Strict(), Field(min_length=1, max_length=1_000)]
"""A name that is not empty."""
TypeName: TypeAlias = Annotated[
    str, Strict(), Field(pattern=r"^[a-z][a-z0-9_.-]*$", max_length=100)
]
"""A data type: `float32`, `int8`."""
FormatName: TypeAlias = Annotated[
    str, Strict(), Field(pattern="^[a-z][a-z0-9_-]*$", max_length=100)
]
"""The name of a document's format: `md`, or that of a plugin."""
Digest: TypeAlias = Annotated[str, Strict(), Field(pattern="^[0-9a-f]{1,64}$")]
"""A hash, or the first part of one, in hexadecimal digits; the number of a method."""
MetricKey: TypeAlias = Annotated[str, Strict(), Field(pattern=KEY_PATTERN, max_length=200)]
"""What a figure is of: `top1`, `latency@256`, `flops.thop`, or a plugin's metric."""
Percent: TypeAlias = Annotated[
    str, Strict(), Field(pattern=r"^([0-9]+(\.[0-9]+)?\s*%)?$", max_length=100)
]
"""A tolerance, `0.1%`, or nothing."""

Count: TypeAlias = Annotated[int, Strict(), Ge(0), Le(LARGEST)]
Positive: TypeAlias = Annotated[int, Strict(), Ge(1), Le(LARGEST)]
Integer: TypeAlias = Annotated[int, Strict(), Ge(-LARGEST), Le(LARGEST)]
Real: TypeAlias = (
    Integer | Annotated[float, Strict(), Ge(-LARGEST), Le(LARGEST), Field(allow_inf_nan=False)]
)
"""A finite number; an integer stays one, so that it is written back as it was."""
Amount: TypeAlias = (
    Count | Annotated[float, Strict(), Ge(0), Le(LARGEST), Field(allow_inf_nan=False)]
)
"""A finite number that is not negative: a time, a spread."""

Shape: TypeAlias = Annotated[tuple[Positive, ...], Field(max_length=32, fail_fast=True)]
"""Sizes of a tensor; empty for a single number."""
Several: TypeAlias = Annotated[tuple[V, ...], Field(max_length=MOST_ENTRIES, fail_fast=True)]
"""A list. Reading stops at its first wrong value."""
Named: TypeAlias = Annotated[Mapping[Name, V], Field(max_length=MOST_ENTRIES)]
"""Values by name."""
