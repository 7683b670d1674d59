"""Remove this machine's paths from texts: relative to the spec's folder, or the name only."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from reportgen.record.record import Figure

_URL = re.compile(r"\b(?!file:)[A-Za-z][A-Za-z0-9+.-]*://\S+")
# Where a path begins: not inside a word, as in `images/s`, and not in `//`. `</b>` is none.
_START = r"(?:(?:file://|(?<![\w.~</\\]))(?:~?/(?!/)|[A-Za-z]:[\\/]|\\\\)|(?<=<)/(?=[^\s<>/]+/))"
_QUOTED = re.compile(rf"(?P<quote>['\"`])(?P<path>{_START}[^'\"`\n]*)(?P=quote)")
# Of one part, as in `/tmp`, it is a path too; `/` alone is none.
_BARE = re.compile(rf"{_START}[^\s'\"`,;:<>()\[\]{{}}|]+(?:\\ [^\s'\"`,;:<>()\[\]{{}}|]+)*")
_SEPARATORS = re.compile(r"[\\/]+")


def portable_figure(figure: Figure, spec_dir: Path) -> Figure:
    """Return a figure without paths of this machine."""
    words = {name: getattr(figure, name) for name in ("reason", "hint", "note", "stale")}
    changed: dict[str, Any] = {
        name: new
        for name, text in words.items()
        if text and (new := portable_text(text, spec_dir)) != text
    }
    return replace(figure, **changed) if changed else figure


def portable_text(text: str, spec_dir: Path) -> str:
    """Return a text without paths of this machine; web addresses stay."""
    if "/" not in text and "\\" not in text:
        return text
    parts, end = [], 0
    for url in _URL.finditer(text):
        parts += [_shortened(text[end : url.start()], spec_dir), url[0]]
        end = url.end()
    return "".join([*parts, _shortened(text[end:], spec_dir)])


def _shortened(text: str, spec_dir: Path) -> str:
    for folder in sorted({str(spec_dir.absolute()), str(spec_dir.resolve())}, key=len)[::-1]:
        if folder != "/":
            inside = rf"(?:file://)?{re.escape(folder)}"
            text = re.sub(rf"{inside}[\\/]+(?=[^\s'\"`])", "", text)
            text = re.sub(rf"{inside}(?![\w.-])", ".", text)
    text = _QUOTED.sub(
        lambda found: f"{found['quote']}{_name(found['path'])}{found['quote']}", text
    )
    return _BARE.sub(lambda found: _name(found[0]), text)


def _name(path: str) -> str:
    """Return the last part of a path; a home folder alone is `~`."""
    if path.rstrip("/\\") == (os.path.expanduser("~").rstrip("/") or "/"):
        return "~"
    return _SEPARATORS.split(path.rstrip("/\\"))[-1] or "/"
