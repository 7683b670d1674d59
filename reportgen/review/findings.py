"""What a check finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from reportgen.common.visible import one_line

Kind = Literal[
    "missing",  # there is no record or document
    "stale",  # dependencies of figures changed
    "document",  # a document differs from what the record gives
    "budget",  # a figure breaks a budget
    "claim",  # a published number does not hold
    "recount",  # counting gives another figure
    "unverified",  # a count leaves something out, or the counters disagree
]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong; `build` is empty if it concerns the whole report.

    `message` is one line, `detail` may have several.
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
