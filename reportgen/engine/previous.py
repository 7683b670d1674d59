"""The record a run starts from: the one in the file, or both sides of a merge put together."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from reportgen.common.errors import ConflictError
from reportgen.plan.plan import Plan
from reportgen.record import merge
from reportgen.record import record as records
from reportgen.record.record import Record

Seen: TypeAlias = tuple[int, int, int] | None


def previous(plan: Plan, path: Path) -> tuple[Record | None, bool]:
    """Read the record at `path`; also say whether two branches' records had to be merged.

    Raises RecordError where it cannot be read.
    """
    try:
        return records.read(path), False
    except ConflictError:
        now = {name: build.dependencies for name, build in plan.builds.items()}
        return merge.resolve(path.read_text(encoding="utf-8"), now, str(path)), True


def seen(path: Path) -> Seen:
    """Return what is another when the file was written anew; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
