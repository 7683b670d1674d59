"""Bring a record up to date with a plan, figure by figure, each written down as it is had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.data.source import Search
from reportgen.engine.journal import Journal
from reportgen.engine.previous import previous
from reportgen.engine.progress import Progress
from reportgen.engine.selection import Selection
from reportgen.engine.staleness import Due, State, compare, failures
from reportgen.errors import UsageError
from reportgen.plan import Plan
from reportgen.record import Figure, Record

if TYPE_CHECKING:
    from reportgen.engine import accuracy


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
) -> Outcome:
    """Measure what is stale in the record at `path`, and write it.

    Raises UsageError where measuring would run a user's code without leave, RecordError where the
    record cannot be read. Interrupted, it leaves everything measured so far in the record.
    """
    old, merged = previous(plan, path)
    state = compare(plan, old, search, selection)
    journal = Journal(path, state.record)
    if state.due:
        _check_code(state.due, allow_code=allow_code)
        with progress:
            _measure(plan, state, search, journal, selection, progress)
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


def _measure(
    plan: Plan,
    state: State,
    search: Search,
    journal: Journal,
    selection: Selection,
    progress: Progress,
) -> None:
    """Measure: exact figures first, then quality, then times, with nothing else at work."""
    # Only now: these import torch.
    from reportgen.engine import complexity, timing

    counts = [due for due in state.due if due.group == "complexity"]
    evaluations = [due for due in state.due if due.group == "accuracy"]
    times = timing.groups([due for due in state.due if due.group in ("timing", "speedup")])
    progress.start(len(counts) + len(evaluations) + len(times))

    for due in counts:
        progress.step(f"{due.build.id}: counting")
        settings = plan.measure.complexity
        assert settings is not None, "complexity is due only where it is asked for"
        try:
            counted = complexity.count(due.build, settings, search)
        except Exception as error:
            journal.fail(due, error)
        else:
            journal.put(due, counted.figures, facts=counted.facts, ledger=counted.ledger)
        progress.advance()

    totals: dict[str, Figure] = {}
    for due in evaluations:
        progress.step(f"{due.build.id}: evaluating")
        evaluated = _evaluate(due, plan, search, journal, selection, progress)
        if evaluated is not None:
            totals[due.build.id] = evaluated.total_time
        progress.advance()

    for group in times:
        progress.step("timing")
        timing.measure(group, plan, search, journal, totals, progress.detail)
        progress.advance()


def _evaluate(
    due: Due,
    plan: Plan,
    search: Search,
    journal: Journal,
    selection: Selection,
    progress: Progress,
) -> accuracy.Evaluated | None:
    from reportgen.engine import accuracy

    settings, timing = plan.measure.accuracy, plan.measure.timing
    assert settings is not None, "accuracy is due only where it is asked for"
    again = selection.covers(due.build, "accuracy", None)
    try:
        evaluated = accuracy.measure(
            due.build,
            due.keys,
            settings,
            timing.threads if timing else None,
            search,
            journal,
            refresh=again,
            progress=lambda done, total: progress.detail(f"{done:,} of {total:,} images"),
        )
    except Exception as error:
        journal.fail(due, error)
        return None
    journal.put(due, evaluated.figures, facts=evaluated.facts)
    return evaluated
