"""Paths that a spec names are relative to its own folder; in a base they are the base's."""

from __future__ import annotations

import os
import re
from pathlib import Path as File
from pathlib import PurePath
from typing import Any

from reportgen.spec.yaml_text import Source

# Where a spec names a path; `*` is any name.
_PATHS = (
    ("datasets", "*", "path"),
    ("models", "*", "source"),
    ("models", "*", "weights", "file"),
    ("defaults", "dataset", "path"),
    ("defaults", "model", "source"),
    ("defaults", "model", "weights", "file"),
    ("report", "templates"),
)
_CODE = re.compile(r"(?P<file>.+\.py)(?P<factory>:.*)")


def relocate(parsed: Source, origin: File, target: File) -> Source:
    """Rewrite the paths of a spec in the folder `origin` for the folder `target`."""
    away = os.path.relpath(origin, target)
    if away == os.curdir:
        return parsed
    value = parsed.value
    for path in _PATHS:
        value = _changed(value, path, away)
    return Source(parsed.text, value, parsed.keys, parsed.values)


def _changed(value: Any, path: tuple[str, ...], away: str) -> Any:
    """Return `value` with the path that is at `path` in it rewritten."""
    if not path:
        return _moved(value, away) if isinstance(value, str) else value
    if not isinstance(value, dict):
        return value
    keys = list(value) if path[0] == "*" else [path[0]] if path[0] in value else []
    # A model's source is a path only where it names a file of code.
    changes = {
        key: _changed(value[key], path[1:], away)
        for key in keys
        if path != ("source",) or _CODE.fullmatch(str(value[key]))
    }
    return {**value, **changes}


def _moved(text: str, away: str) -> str:
    code = _CODE.fullmatch(text)
    file, factory = (code["file"], code["factory"]) if code else (text, "")
    if os.path.isabs(file):
        return text
    return PurePath(os.path.normpath(os.path.join(away, file))).as_posix() + factory
