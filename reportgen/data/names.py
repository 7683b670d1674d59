"""Names of files as messages and reports show them: one visible line, whatever the bytes are."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 80
# What file managers leave behind, by lower-case name. Nobody misses it.
_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx", "icon\r", "$recycle.bin"})


def visible(name: str, longest: int = _LONGEST) -> str:
    """Return a name without control characters or undecoded bytes; a long one loses its middle."""
    shown = "".join(
        character if character.isprintable() else _escaped(character) for character in name
    )
    if len(shown) <= longest:
        return shown
    half = longest // 2
    return f"{shown[: half - 1]}…{shown[-half:]}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Write the first names in a row: `a.txt, b.txt, c.txt, …`."""
    return ", ".join([*map(visible, names[:most]), *(["…"] if names[most:] else [])])


def left_out(names: Sequence[str]) -> str:
    """Say which files were left out: `2 files: labels.csv, notes.txt`; empty where none were."""
    return f"{len(names):,} file{'s' * (len(names) > 1)}: {listed(names)}" if names else ""


def is_hidden(part: str) -> bool:
    """Whether a file or folder of this name is hidden, or left behind by a file manager."""
    return part.startswith(".") or part.lower() in _LITTER


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
