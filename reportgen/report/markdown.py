"""Text and tables as GitHub-flavoured Markdown that shows what is meant and diffs row by row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape as escape_html

from reportgen.common.visible import in_place, one_line
from reportgen.report.tables import Cell, Mark, Table

# What Markdown, GitHub's mathematics and HTML would take for their own. An underscore inside a word
# and a lone `&` or `#` mean nothing to them and stay readable.
_SPECIAL = re.compile(
    r"""[\\`*\[\]<>|~$]
    | (?<![^\W_])_ | _(?![^\W_])
    | &(?=\#?\w+;)
    | (?<!\S)\#
    | ^[-+]""",
    re.VERBOSE,
)
_LIST_NUMBER = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")

_AROUND: Mapping[Mark, str] = {"best": "**", "quoted": "*"}


# What GitHub makes a link of, and a notification: @name, #1, GH-1. An empty character in between,
# written out so that it can be seen in the source, keeps it from that.
_CALLS = re.compile(r"(?<!\w)@(?=\w)|\#(?=\d)|\bGH-(?=\d)", re.IGNORECASE)
_EMPTY = "&#8203;"


def escape(text: object) -> str:
    """Write text so that it shows as it is, in a cell or a paragraph, on one line."""
    line = _SPECIAL.sub(r"\\\g<0>", one_line(text))
    line = _CALLS.sub(rf"\g<0>{_EMPTY}", line)
    return _LIST_NUMBER.sub(r"\1\\\2", line) if line[:1].isdigit() else line


def comment(text: object) -> str:
    """Write text so that it cannot end the HTML comment it stands in."""
    return one_line(text).replace("--", "- -").replace(">", "")


def html(text: object) -> str:
    """Write text so that it shows as it is between tags of HTML."""
    return _CALLS.sub(rf"\g<0>{_EMPTY}", one_line(escape_html(str(text))))


def code(text: object) -> str:
    """Write text as code within a line; the ticks around it are more than it holds in a row."""
    line = one_line(text)
    ticks = "`" * (_longest("`", line) + 1)
    room = " " if line[:1] == "`" or line[-1:] == "`" else ""
    return f"{ticks}{room}{line}{room}{ticks}"


def fence(text: str, kind: str = "") -> str:
    """Write lines as they are, between fences longer than what looks like one in them."""
    lines = [in_place(line) for line in text.rstrip().split("\n")]
    around = "~" * max(3, 1 + _longest("~", text))
    return "\n".join([f"{around}{kind}", *lines, around])


def _longest(character: str, text: str) -> int:
    """Return how often a character stands in a row at most."""
    return max(map(len, re.findall(f"{character}+", text)), default=0)


def cell(value: Cell) -> str:
    """Write a cell: its text escaped and set off, its footnotes after it."""
    around = "".join(sign for mark, sign in _AROUND.items() if mark in value.marks)
    # The space keeps two numbers from reading as one.
    references = " ".join(f"[^{note.id}]" for note in value.notes)
    return f"{around}{escape(value.signed)}{around}{references}"


def table(value: Table) -> str:
    """Write a table without padding: a long value changes its own row and no other."""
    rows = [
        [escape(column.header) for column in value.columns],
        ["---:" if column.number else "---" for column in value.columns],
        *([cell(entry) for entry in row.cells] for row in value.rows),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
