"""The record a run starts from: the one in the file, or both sides of a merge put together."""

from __future__ import annotations

from pathlib import Path

from reportgen import merge
from reportgen import record as records
from reportgen.errors import ConflictError
from reportgen.plan import Plan
from reportgen.record import Record


def previous(plan: Plan, path: Path) -> tuple[Record | None, bool]:
    """Read the record at `path`; also say whether two branches' records had to be merged.

    Raises RecordError where it cannot be read.
    """
    try:
        return records.read(path), False
    except ConflictError:
        now = {name: build.inputs for name, build in plan.builds.items()}
        return merge.resolve(path.read_text(encoding="utf-8"), now, str(path)), True
