"""Bring a record up to date with a plan, figure by figure, each written down as it is had."""

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
    """What a run came to.

    `written` says whether the record changed, `merged` that it held two branches' sides. `unknown`
    counts figures of which nobody knows whether they hold, `kept` those that stay although
    measuring them again failed, each by the reason. `record` is the run's own; `latest`, to be
    called under the lock, gives the one in the file.
    """

    record: Record
    measured: int
    due: int
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
        """Whether every figure that was asked for is there, and known to hold."""
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

    `jobs` builds are counted at a time, and evaluated where that takes no time that is shown; as
    many as there are cores, and one, where left out.

    Raises UsageError where measuring would run a user's code without leave, RecordError where the
    record cannot be read. Interrupted, it leaves everything measured so far in the record.
    """
    with locked(path):
        stamp = seen(path)
        old, merged = previous(plan, path)
    state = compare(plan, old, search, selection, read=fingerprint)
    journal = Journal(plan, path, state.record, None if merged else old, stamp)
    if state.due:
        _check_code(state.due, allow_code=allow_code)
        # Only now: a run with nothing to do starts quickly.
        from reportgen.engine.measuring import measure

        path.parent.mkdir(parents=True, exist_ok=True)  # else an hour's figures could not be kept
        measure(state.due, plan, search, journal, selection, progress, jobs)
    written = journal.save() or journal.measured > 0
    return Outcome(
        record=journal.record,
        measured=journal.measured,
        due=len(state.due),
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
