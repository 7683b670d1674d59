"""Read a report that a run wrote: `reportgen.load`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.common.errors import UsageError

if TYPE_CHECKING:
    from reportgen.api.plans import PathLike
    from reportgen.report.tables import Report


def load(path: PathLike) -> Report:
    """Return the report of a record: of the file ``out/NAME.json`` that a run wrote.

    Raises UsageError where there is none, RecordError where it cannot be read.
    """
    from reportgen.record import record as records
    from reportgen.report import build

    record = records.read(Path(path))
    if record is None:
        raise UsageError(f"{path}: no such record. A run writes one: reportgen.run(spec, out=…).")
    return build(record)
