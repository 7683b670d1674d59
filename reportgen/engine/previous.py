"""The record that a run starts from: that of the file, or both sides of a conflict, merged."""

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
    """Read the record at `path`; also say whether two sides were merged. May raise RecordError."""
    try:
        return records.read(path), False
    except ConflictError:
        now = {name: build.dependencies for name, build in plan.builds.items()}
        return merge.resolve(path.read_text(encoding="utf-8"), now, str(path)), True


def seen(path: Path) -> Seen:
    """Return inode, time and size of a file, or None."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
