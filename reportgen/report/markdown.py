"""Text and tables as GitHub-flavoured Markdown that shows what is meant and diffs row by row."""

from __future__ import annotations

import re

from reportgen.report.table import Cell, Table

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

_AROUND = {"": "", "best": "**", "quoted": "*"}


def escape(text: object) -> str:
    """Write text so that it shows as it is, in a cell or a paragraph, on one line."""
    line = _SPECIAL.sub(r"\\\g<0>", " ".join(str(text).split()))
    return _LIST_NUMBER.sub(r"\1\\\2", line) if line[:1].isdigit() else line


def comment(text: object) -> str:
    """Write text so that it cannot end the HTML comment it stands in."""
    return " ".join(str(text).split()).replace("--", "- -").replace(">", "")


def cell(value: Cell) -> str:
    """Write a cell: its text escaped and set off, its footnotes after it."""
    around = _AROUND[value.emphasis]
    # The space keeps two numbers from reading as one.
    references = " ".join(f"[^{note.id}]" for note in value.notes)
    return f"{around}{escape(value.text)}{around}{references}"


def table(value: Table) -> str:
    """Write a table without padding: a long value changes its own row and no other."""
    rows = [
        [escape(title) for title in value.header],
        ["---:" if number else "---" for number in value.numbers],
        *([cell(entry) for entry in entries] for entries in value.rows),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
