"""What workers send back. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reportgen.record.record import Figure


@dataclass(frozen=True)
class Counted:
    """A build's exact figures, its ledger as JSON (None if no forward pass ran), and metadata."""

    figures: Mapping[str, Figure]
    ledger: Mapping[str, Any] | None
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Read:
    """A data set that was read: its fingerprint, number of examples, and ignored files."""

    fingerprint: str
    count: int
    left_out: str


@dataclass(frozen=True)
class Evaluated:
    """A build's accuracy, the time of its forward passes, and metadata.

    `timed_in` is the environment of the time, with the allocator.
    """

    figures: Mapping[str, Figure]
    total_time: Figure
    metadata: Mapping[str, str]
    environment: Mapping[str, str]
    timed_in: Mapping[str, str]
    data: Read


@dataclass(frozen=True)
class Shares:
    """The modules' shares of a build's time, and the environment that the figure names."""

    figures: Mapping[str, Figure]
    environment: Mapping[str, str]


def joined(*remarks: str) -> str:
    """Put remarks together as the note of a figure, without the empty ones."""
    return "; ".join(filter(None, remarks))
