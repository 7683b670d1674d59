"""What workers send back. Imports nothing that measures, as a run itself does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reportgen.record.record import Figure


@dataclass(frozen=True)
class Counted:
    """A build's exact figures, its ledger as JSON values, and metadata for the record.

    There is no ledger where no forward pass ran; then there are only figures of parameters.
    """

    figures: Mapping[str, Figure]
    ledger: Mapping[str, Any] | None
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Read:
    """What was read of a data set: its fingerprint, how many examples, which files were not."""

    fingerprint: str
    count: int
    left_out: str


@dataclass(frozen=True)
class Evaluated:
    """A build's figures of quality, the time of its forward passes, and metadata for the record.

    `data` is what it was evaluated on. The time names an environment of its own, `timed_in`: to a
    time it matters how memory is allocated.
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
