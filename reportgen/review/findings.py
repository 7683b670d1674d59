"""What a check finds, whatever found it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from reportgen.common.visible import one_line

Kind = Literal[
    "missing",  # a record or document is not there
    "stale",  # figures were measured on something else
    "document",  # a document is not what the record gives
    "budget",  # a figure is beyond what the spec allows
    "claim",  # what somebody said does not hold
    "recount",  # an exact figure comes out otherwise
    "unverified",  # a count leaves something out, or the counters disagree: no drift
]


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    `build` is empty for what concerns the whole report. `message` is one line; `detail`, where
    there is more to show, several.
    """

    kind: Kind
    build: str
    message: str
    detail: str = ""

    def __str__(self) -> str:
        """Write it on one line."""
        return one_line(f"{self.build}: {self.message}" if self.build else self.message)

    def to_json(self) -> dict[str, str]:
        """Return it as JSON values."""
        return {name: value for name, value in asdict(self).items() if value}
