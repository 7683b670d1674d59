"""Errors that say where something is wrong, what, and what to write instead.

All derive from `ReportgenError`; docs/python.md lists those that reach users.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from reportgen.common.visible import one_line

# So much of a line is shown on either side of what is wrong in it.
_AROUND = 80
_LONGEST = 500


class ReportgenError(Exception):
    """Every error of reportgen; `exit_code` is what the command line exits with."""

    exit_code = 1


class UsageError(ReportgenError):
    """An option or a parameter is wrong."""

    exit_code = 2


class RecordError(ReportgenError):
    """A record cannot be read: damaged, of a newer version, or left in the middle of a merge."""

    exit_code = 2


class ConflictError(RecordError):
    """A record file holds both sides of a merge; running its spec merges them."""


class UnreadableError(ReportgenError):
    """Something that a figure depends on cannot be read, so it may have changed or not."""


class MeasureError(ReportgenError):
    """A figure cannot be measured; the report shows the message in its cell.

    `hint` says what to do. The message goes into committed reports, so it names no path
    and no detail that differs from one machine to the next.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UnfitError(MeasureError):
    """The spec and the model do not fit each other, on any machine."""


class MissingError(MeasureError):
    """Data or weights are not here and could not be downloaded; a later run tries again."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in one place of a spec; lines and columns count from 1.

    Line 0 is the whole of `file`, which may also be an option or the path of a value.
    """

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    source: str = ""

    def __str__(self) -> str:
        """Write it as a compiler would: place, message, the line with a caret, the hint."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        text = f"{one_line(place)}: {_shortened(one_line(self.message))}"
        if self.source.strip():
            number = str(self.line)
            source, column = _excerpt(self.source, self.column)
            text += f"\n  {number} | {source}\n  {' ' * len(number)} | {' ' * column}^"
        if self.hint:
            text += f"\n  {one_line(self.hint)}"
        return text


def _shortened(message: str) -> str:
    """Cut a message that repeats what somebody wrote at length."""
    return message if len(message) <= _LONGEST else f"{message[: _LONGEST - 1]}…"


def _excerpt(line: str, column: int) -> tuple[str, int]:
    """Return what surrounds a column (from 1) of a line, and where that is in it (from 0).

    What cannot be seen has a sign in its place, so that the caret stays where it belongs.
    """
    first = max(0, column - 1 - _AROUND)
    shown = line[first : column - 1 + _AROUND]
    shown = shown.replace("\t", " ")
    seen = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in shown
    )
    return seen.rstrip(), column - 1 - first


class SpecError(ReportgenError):
    """A spec is wrong; `problems` has every problem found, in the order of the file."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` was probably meant to be, or None."""
    names = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return names[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str], *, show: int = 12) -> str:
    """Say which name was probably meant, or which there are when there are few."""
    known = sorted(known)
    close = nearest(name, known)
    if close is not None:
        return f"Did you mean '{close}'?"
    if known and len(known) <= show:
        return f"Known: {', '.join(known)}."
    return ""
