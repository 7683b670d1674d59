"""Tables as plain values: cells of text, how each is set off, and its footnotes.

Cells hold plain text. What emphasis and footnotes look like is the business of each kind of
document (`markdown`, `terminal`), and so is escaping.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Emphasis = Literal["", "best", "quoted"]
Mark = Literal["best", "quoted", "about", "missing", "broken", "stale", "unverified"]
NOTHING = "–"
ABOUT = "≈"
BROKEN = "✗"
STALE = "†"
UNVERIFIED = "?"

# Footnotes of these kinds come with a mark in the cell.
_MARKED_BY: Mapping[str, Mark] = {
    "budget": "broken",
    "stale": "stale",
    "unverified": "unverified",
    "differs": "unverified",
}


@dataclass(frozen=True)
class Note:
    """A footnote. Its name depends on its own words only: a new one does not rename the others."""

    kind: str
    text: str

    @property
    def id(self) -> str:
        """The name by which a cell refers to it: `quoted-1f3a5b7c`."""
        said = self.text.encode("utf-8", "backslashreplace")
        return f"{self.kind}-{hashlib.sha256(said).hexdigest()[:8]}"


@dataclass(frozen=True)
class Cell:
    """What one cell of a table says."""

    text: str
    emphasis: Emphasis = ""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Table:
    """Rows of cells under a header; `numbers` says which columns hold numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: tuple[bool, ...]
    name: str = ""

    @property
    def notes(self) -> tuple[Note, ...]:
        """The footnotes of the cells, row by row, each once."""
        return tuple(dict.fromkeys(note for cell in self._cells() for note in cell.notes))

    @property
    def marks(self) -> frozenset[Mark]:
        """The marks in it that a reader must be told the meaning of."""
        found: set[Mark] = set()
        for cell in self._cells():
            if cell.emphasis:
                found.add(cell.emphasis)
            if cell.text == NOTHING:
                found.add("missing")
            elif cell.text.startswith(ABOUT):
                found.add("about")
            found |= {_MARKED_BY[note.kind] for note in cell.notes if note.kind in _MARKED_BY}
        return frozenset(found)

    def _cells(self) -> Iterator[Cell]:
        return (cell for row in self.rows for cell in row)
