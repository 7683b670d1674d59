"""The canonical text of a record: the same bytes for the same record, and diffs that show figures.

Keys are sorted, and what is at its default is left out. The outer objects are spread over lines; a
figure, an environment, a row of a table is one line each, so that branches that touch different
models merge.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import Any

# Objects at this depth and below are one line each.
_OPEN_DEPTH = 4


class Written(str):
    """JSON text in canonical form, to be put into a larger one as it is."""


def compact(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass without those that are None, false or empty by default."""
    required = _required(value.__class__)
    return {
        name: list(content) if isinstance(content, tuple) else content
        for name in value.__dataclass_fields__
        if ((content := getattr(value, name)) not in (None, "", {}) and content is not False)
        or name in required
    }


@functools.cache
def _required(kind: Any) -> frozenset[str]:
    """Return the fields of a dataclass that have no default: they are read back only if written."""
    return frozenset(
        each.name
        for each in dataclasses.fields(kind)
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    )


def pretty(value: Any, depth: int = 0) -> str:
    """Write JSON values in canonical form, beginning at `depth` objects inside the file."""
    if isinstance(value, Written):
        return value
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        rows = ",\n".join(" " * (depth + 1) + pretty(entry, _OPEN_DEPTH) for entry in value)
        return f"[\n{rows}\n{' ' * depth}]"
    if not isinstance(value, dict) or depth >= _OPEN_DEPTH or not value:
        return json.dumps(
            value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(", ", ": ")
        )
    indent = " " * (depth + 1)
    lines = (
        f"{indent}{json.dumps(key, ensure_ascii=False)}: {pretty(value[key], depth + 1)}"
        for key in sorted(value)
    )
    return "{\n" + ",\n".join(lines) + "\n" + " " * depth + "}"
