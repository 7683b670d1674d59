"""Bring a record up to date with a plan, figure by figure, each written down as it is had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reportgen.data.source import Search
from reportgen.engine.journal import Journal
from reportgen.engine.previous import previous
from reportgen.engine.progress import Progress
from reportgen.engine.selection import Selection
from reportgen.engine.staleness import Due, compare, failures
from reportgen.errors import UsageError
from reportgen.plan import Plan
from reportgen.record import Record


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    `written` says whether the record changed, `merged` that it held two branches' sides.
    """

    record: Record
    measured: int
    due: int
    failures: int
    written: bool
    merged: bool = False


def bring_up_to_date(
    plan: Plan,
    path: Path,
    search: Search,
    *,
    selection: Selection,
    allow_code: bool,
    progress: Progress,
    jobs: int | None = None,
) -> Outcome:
    """Measure what is stale in the record at `path`, and write it.

    `jobs` builds are counted at a time, and evaluated where that takes no time that is shown; as
    many as there are cores, and one, where left out.

    Raises UsageError where measuring would run a user's code without leave, RecordError where the
    record cannot be read. Interrupted, it leaves everything measured so far in the record.
    """
    old, merged = previous(plan, path)
    state = compare(plan, old, search, selection)
    journal = Journal(path, state.record)
    if state.due:
        _check_code(state.due, allow_code=allow_code)
        # Only now: a run with nothing to do starts quickly.
        from reportgen.engine.measuring import measure

        measure(state.due, plan, search, journal, selection, progress, jobs)
    written = journal.save() or journal.measured > 0
    return Outcome(
        record=journal.record,
        measured=journal.measured,
        due=len(state.due),
        failures=len(list(failures(journal.record))),
        written=written,
        merged=merged,
    )


def _check_code(dues: Sequence[Due], *, allow_code: bool) -> None:
    foreign = {due.build.model: due.build for due in dues if due.build.entry.runs_foreign_code}
    if foreign and not allow_code:
        build = next(iter(foreign.values()))
        raise UsageError(
            f"the model '{build.model}' runs code of {build.entry.source}: read it, then add "
            "--allow-code."
        )
