"""Bring a record up to date with a plan; each figure is saved as soon as it is measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reportgen.common.errors import UsageError
from reportgen.common.files import locked
from reportgen.data.search import Search
from reportgen.engine.journal import Journal
from reportgen.engine.previous import previous, seen
from reportgen.engine.progress import Progress
from reportgen.engine.reading import fingerprint
from reportgen.plan.plan import Plan
from reportgen.plan.selection import Selection
from reportgen.plan.staleness import Due, by_reason, compare, failures, stale_figures
from reportgen.record.record import Record


@dataclass(frozen=True)
class Outcome:
    """The result of a run.

    `written` says whether the record changed, `merged` whether it was a merge of two branches.
    `unknown` counts figures that could not be checked, `kept` those that were kept because
    measuring them again failed, each by the reason. `record` is the run's own; `latest`, to be
    called under the lock, returns the one in the file.
    """

    record: Record
    measured: int
    written: bool
    unknown: Mapping[str, int]
    kept: Mapping[str, int]
    latest: Callable[[], Record]
    merged: bool = False

    @property
    def failures(self) -> int:
        """How many figures are unavailable."""
        return sum(1 for _ in failures(self.record))

    @property
    def stale(self) -> Mapping[str, int]:
        """How many figures are stale, by the reason."""
        return Counter(figure.stale for _, _, figure in stale_figures(self.record))

    @property
    def complete(self) -> bool:
        """Whether every figure is available and known to be up to date."""
        return not (self.failures or self.stale or self.unknown or self.kept)


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

    `jobs` is the number of builds to count at a time (default: all cores), and to evaluate if the
    report shows no times (default: 1).

    Raises UsageError if the user's code would run and is not allowed, RecordError if the record
    cannot be read. If interrupted, everything measured so far is in the record.
    """
    with locked(path):
        stamp = seen(path)
        old, merged = previous(plan, path)
    state = compare(plan, old, search, selection, read=fingerprint)
    journal = Journal(plan, path, state.record, None if merged else old, stamp)
    if state.due:
        _check_code(state.due, allow_code=allow_code)
        # Imported here, so that a run with nothing to do starts quickly.
        from reportgen.engine.measuring import measure

        path.parent.mkdir(parents=True, exist_ok=True)  # else an hour's figures could not be kept
        measure(state.due, plan, search, journal, selection, progress, jobs)
    written = journal.save() or journal.measured > 0
    return Outcome(
        record=journal.record,
        measured=journal.measured,
        written=written,
        unknown=by_reason(state.unknown),
        kept=Counter(journal.kept.values()),
        latest=journal.latest,
        merged=merged,
    )


def _check_code(dues: Sequence[Due], *, allow_code: bool) -> None:
    foreign = {due.build.model: due.build for due in dues if due.build.entry.runs_foreign_code}
    if foreign and not allow_code:
        build = next(iter(foreign.values()))
        raise UsageError(
            f"the model '{build.model}' runs code of {build.entry.source}: read it, then add "
            "--allow-code (in Python: allow_code=True)."
        )
