"""Measure what is due, each build in a worker, and put the results into the journal."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from reportgen.common.errors import MeasureError
from reportgen.data.search import Search
from reportgen.engine import timing_groups, workers
from reportgen.engine.journal import Journal
from reportgen.engine.parallel import side_by_side
from reportgen.engine.progress import Progress
from reportgen.engine.results import Counted, Evaluated, Shares
from reportgen.engine.workers import Worker, Workers
from reportgen.plan.plan import Build, Plan
from reportgen.plan.probe import Probe
from reportgen.plan.selection import Selection
from reportgen.plan.staleness import Due
from reportgen.record.metric import Group
from reportgen.spec.model import Timing

# What workers import to measure figures of a group: imported once, in their server.
_PRELOADED: Mapping[Group, str] = {
    "complexity": "reportgen.engine.warm_up_counting",
    "accuracy": "reportgen.engine.evaluate_build",
    "timing": "reportgen.engine.bench",
    "speedup": "reportgen.engine.bench",
    "cold start": "reportgen.engine.bench",
    "module times": "reportgen.engine.bench",
}
# Bytes that a worker takes for itself.
_WORKER = 2**25


def measure(
    dues: Sequence[Due],
    plan: Plan,
    search: Search,
    journal: Journal,
    selection: Selection,
    progress: Progress,
    jobs: int | None,
) -> None:
    """Measure exact figures, then quality, then times; a failing build loses only its own."""
    workers.preload(_PRELOADED[due.group] for due in dues)
    with progress, Workers(search, plan.measure.time_limit) as staff:
        _Measuring(plan, search, staff, journal, selection, progress, jobs).everything(dues)


@dataclass(frozen=True)
class _Measuring:
    """The context of all steps of a run."""

    plan: Plan
    search: Search
    staff: Workers
    journal: Journal
    selection: Selection
    progress: Progress
    jobs: int | None

    def everything(self, dues: Sequence[Due]) -> None:
        """Measure all that is due."""
        counts, evaluations, modules = (
            [due for due in dues if due.group == group]
            for group in ("complexity", "accuracy", "module times")
        )
        times = [due for due in dues if due.group in ("timing", "speedup", "cold start")]
        total = any(timing_groups.TOTAL in due.keys for due in times)
        together = self.plan.measure.timing.together if self.plan.measure.timing else 1
        steps = len(counts) + len(evaluations) + len(modules)
        self.progress.start(steps + len(timing_groups.groups(times, together, self._size_of)))
        self._count_all(counts)
        # Their sizes are known only now.
        groups = timing_groups.groups(times, together, self._size_of)
        self.progress.start(steps + len(groups))
        # An evaluation gives the total time too: then no other may run at the same time.
        totals = self._evaluate_all(evaluations, 1 if total else self.jobs)
        for group in groups:
            with self.progress.step("timing") as say:
                timing_groups.measure(group, self.plan, self.staff, self.journal, totals, say)
        for due in modules:
            self._time_modules(due)

    def _size_of(self, build: Build) -> int:
        """Return the memory of a timed build, by the parameters in the record."""
        params = self.journal.record.builds[build.id].figures.get("params")
        return _WORKER + (int(4 * params.value) if params and params.value else 0)

    def _count_all(self, dues: Sequence[Due]) -> None:
        def count(due: Due) -> Counted:
            with self._worker(due, "counting") as worker:
                counted: Counted = worker.call("count", self.plan.measure.complexity)
            return counted

        for due, counted in side_by_side(count, dues, self.jobs or os.cpu_count() or 1):
            if isinstance(counted, MeasureError):
                self.journal.fail(due, counted)
            else:
                self.journal.put(
                    due, counted.figures, metadata=counted.metadata, ledger=counted.ledger
                )

    def _evaluate_all(self, dues: Sequence[Due], jobs: int | None) -> dict[str, Evaluated]:
        """Evaluate; return the results by build."""
        measure = self.plan.measure
        timed = measure.timing or Timing()

        def evaluate(due: Due) -> Evaluated:
            again = self.selection.covers(due.build, "accuracy", None)
            with self._worker(due, "evaluating") as worker:
                evaluated: Evaluated = worker.call(
                    "evaluate", due.keys, measure.accuracy, timed, again
                )
            return evaluated

        totals = {}
        for due, evaluated in side_by_side(evaluate, dues, jobs or 1):
            if isinstance(evaluated, MeasureError):
                self.journal.fail(due, evaluated)
            else:
                self.journal.note_environment(evaluated.environment)
                self.journal.note_data(due.build.data.name, evaluated.data)
                self.journal.put(
                    self._read_by_now(due), evaluated.figures, metadata=evaluated.metadata
                )
                totals[due.build.id] = evaluated
        return totals

    def _read_by_now(self, due: Due) -> Due:
        """Add the digests of data and weights that the evaluation downloaded."""
        probe = Probe(self.plan, self.search, read=None)
        dependencies, _ = probe.dependencies(due.build, due.group, due.dependencies)
        return replace(due, dependencies=dependencies)

    def _time_modules(self, due: Due) -> None:
        try:
            with self._worker(due, "timing its modules") as worker:
                shares: Shares = worker.call("module_shares", self.plan.measure.timing)
        except MeasureError as error:
            self.journal.fail(due, error)
        else:
            self.journal.note_environment(shares.environment)
            self.journal.put(due, shares.figures)

    @contextmanager
    def _worker(self, due: Due, doing: str) -> Iterator[Worker]:
        """Start a worker for one step of one build, and show the step."""
        with (
            self.progress.step(f"{due.build.id}: {doing}") as say,
            self.staff.bench(due.build, say) as worker,
        ):
            yield worker
