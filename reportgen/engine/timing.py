"""Time builds in turn, the baseline among them.

Each build is in a worker of its own; here it is said whose turn it is. Nothing else runs meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

from reportgen.engine.journal import Journal, unavailable
from reportgen.engine.rounding import significant
from reportgen.engine.sampled import latencies, milliseconds, speedup
from reportgen.engine.staleness import Due
from reportgen.engine.workers import Worker, Workers
from reportgen.errors import MeasureError
from reportgen.fingerprint import digest
from reportgen.measures.turns import Enough, Sample, interleaved
from reportgen.plan import Build, Plan
from reportgen.quantities import split_key
from reportgen.record import Figure
from reportgen.spec.model import Accuracy, Timing

# Bytes that builds which are timed in turn may always take together; more, where one alone does.
ROOM = 2**29

# First calls, each in a fresh process.
COLD_STARTS = 5

TOTAL = "time.total"


def groups(dues: Sequence[Due], together: int, size_of: Callable[[Build], int]) -> list[list[Due]]:
    """Sort what is due into groups that are timed in turn: same data set, same class count.

    A group has so many builds at most, and takes no more bytes (`size_of` each) than the largest of
    all builds does, or than `ROOM`: what a sweep takes is what its largest build takes.
    """
    most = max([ROOM, *(size_of(due.build) for due in dues)])
    alike: dict[tuple[str, int], dict[str, list[Due]]] = {}
    for due in dues:
        table = alike.setdefault((due.build.data.name, due.build.classes), {})
        table.setdefault(due.build.id, []).append(due)
    result: list[list[Due]] = []
    for table in alike.values():
        group: list[Due] = []
        builds = size = 0
        for own in table.values():
            more = size_of(own[0].build)
            if group and (builds == together or size + more > most):
                result.append(group)
                group, builds, size = [], 0, 0
            group = group + own
            builds, size = builds + 1, size + more
        result.append(group)
    return result


def measure(
    dues: Sequence[Due],
    plan: Plan,
    workers: Workers,
    journal: Journal,
    totals: Mapping[str, Figure],
    say: Callable[[str], None],
) -> None:
    """Time a group and put its figures into the journal.

    `totals` holds the times of whole data sets that an evaluation gave already. What fails in one
    build, at one batch size, costs those figures only.
    """
    settings = plan.measure.timing
    assert settings is not None, "timing is due only where it is asked for"
    baseline = plan.baseline_of(dues[0].build)
    with closing(_Session(dues, baseline, settings, workers, journal)) as session:
        for name, key in session.asked("cold_start"):
            say(f"{name}, first calls")
            session.attempt(name, [key], partial(session.cold_start, name))
        for name, key in session.asked("memory"):
            say(f"{name}, memory")
            session.attempt(name, [key], partial(session.peak, name, key))
        if session.asked("latency", "throughput", "speedup"):
            for size in settings.batch_sizes:
                say(f"{len(session.builds)} models in turn, batch size {size}")
                session.take_turns(size)
        # Written down before the whole data set is run, which takes minutes for a large network.
        for due in dues:
            journal.put(due, session.figures[due.build.id])
        for due in (due for due in dues if TOTAL in due.keys):
            name = due.build.id
            say(f"{name}, the whole data set")
            if name in totals:
                session.figures[name][TOTAL] = totals[name]
            else:
                total = partial(session.total, name, plan.measure.accuracy)
                session.attempt(name, [TOTAL], total)
            journal.put(due, session.figures[name])


class _Session:
    """One group at work: its builds, the workers they are in, and the figures so far."""

    def __init__(
        self,
        dues: Sequence[Due],
        baseline: Build | None,
        settings: Timing,
        workers: Workers,
        journal: Journal,
    ) -> None:
        self.builds = {due.build.id: due.build for due in dues}
        if baseline is not None and any(due.group == "speedup" for due in dues):
            self.builds.setdefault(baseline.id, baseline)
        self.figures: dict[str, dict[str, Figure]] = {name: {} for name in self.builds}
        self._dues = dues
        self._baseline = baseline
        self._settings = settings
        self._workers = workers
        self._journal = journal
        self._at_work: dict[str, Worker] = {}
        self._environment = ""

    def asked(self, *quantities: str) -> list[tuple[str, str]]:
        """List builds and keys of what is due of some quantities."""
        return [
            (due.build.id, key)
            for due in self._dues
            for key in due.keys
            if split_key(key)[0] in quantities
        ]

    def attempt(
        self, name: str, keys: Iterable[str], action: Callable[[], Mapping[str, Figure]]
    ) -> None:
        """Do what gives figures; if it fails, they are unavailable, and why is written down."""
        try:
            self.figures[name].update(action())
        except MeasureError as error:
            self.figures[name].update(dict.fromkeys(keys, unavailable(error)))

    def cold_start(self, name: str) -> dict[str, Figure]:
        """Time the first calls of fresh processes, on the smallest batch."""
        size = min(self._settings.batch_sizes)
        seconds = []
        for _ in range(COLD_STARTS):
            with self._start(name) as worker:
                worker.call("make")
                seconds.append(worker.call("first_call", size))
        taken = [Sample(mean=each, fastest=each) for each in seconds]
        return {"cold_start": milliseconds(taken, self._environment)}

    def peak(self, name: str, key: str) -> dict[str, Figure]:
        """Find what a build takes of memory at most, in a fresh process."""
        _, size = split_key(key)
        with self._start(name) as worker:
            mebibytes = worker.call("peak_bytes", size) / 2**20
        value = significant(mebibytes, 3)
        return {
            key: Figure("measured", value, unit="MiB", environment=self._environment, samples=1)
        }

    def take_turns(self, size: int) -> None:
        """Time all builds in turn on batches of one size."""
        samplers = {}
        failed: dict[str, Exception] = {}
        for name in self.builds:
            try:
                worker = self._ready(name)
                worker.call("take_batch", size)
                samplers[name] = partial(worker.call, "sample")
            except MeasureError as error:
                failed[name] = error
        settings = self._settings
        baseline = self._baseline.id if self._baseline else None
        samples = interleaved(
            samplers,
            rounds=settings.rounds,
            warmup=settings.warmup,
            enough=Enough(
                reference=baseline,
                precision=settings.precision,
                until=time.perf_counter() + settings.seconds if settings.seconds else None,
            ),
            drop=failed.__setitem__,
        )
        for name, taken in samples.items():
            noun = self.builds[name].noun
            self.figures[name] |= latencies(taken, size, noun, self._environment)
        self._compare(samples, size, baseline)
        self._note_turns(size)
        for name, reason in failed.items():
            self._leave(name)
            keys = [f"{quantity}@{size}" for quantity in ("latency", "throughput", "speedup")]
            self.figures[name] |= dict.fromkeys(keys, unavailable(reason))

    def _compare(
        self, samples: Mapping[str, Sequence[Sample]], size: int, baseline: str | None
    ) -> None:
        """Add the speed-ups."""
        for name, taken in samples.items():
            if baseline is None:
                figure = unavailable(
                    MeasureError("no model is marked `baseline: true` with this class count")
                )
            elif name == baseline:
                figure = Figure("derived", 1, unit="×", environment=self._environment)
            elif baseline not in samples:
                figure = unavailable(MeasureError(f"the baseline, {baseline}, could not be timed"))
            else:
                figure = speedup(samples[baseline], taken, self._environment)
            self.figures[name][f"speedup@{size}"] = figure

    def _note_turns(self, size: int) -> None:
        """Write beside each time of a batch size which others it was taken in turn with."""
        keys = [f"{quantity}@{size}" for quantity in ("latency", "throughput", "speedup")]
        timed = {
            name: figures[keys[0]].to_json()
            for name, figures in self.figures.items()
            if keys[0] in figures and figures[keys[0]].value is not None
        }
        session = digest(timed)[:8]
        for name in timed:
            self.figures[name] |= {
                key: replace(figure, session=session, in_turn=len(timed))
                for key, figure in self.figures[name].items()
                if key in keys and figure.value is not None
            }

    def total(self, name: str, accuracy: Accuracy | None) -> dict[str, Figure]:
        """Time the whole data set."""
        return {TOTAL: self._ready(name).call("total", accuracy, self._environment)}

    def close(self) -> None:
        """End the workers."""
        for name in list(self._at_work):
            self._leave(name)

    def _ready(self, name: str) -> Worker:
        """Return the worker of a build, the module made."""
        if name not in self._at_work:
            self._at_work[name] = worker = self._start(name)
            worker.call("make")
        return self._at_work[name]

    def _start(self, name: str) -> Worker:
        """Start a worker, in which nothing disturbs."""
        worker = self._workers.bench(self.builds[name])
        environment = worker.call("be_quiet", self._settings.threads)
        self._environment = self._journal.note_environment(environment)
        return worker

    def _leave(self, name: str) -> None:
        if name in self._at_work:
            self._at_work.pop(name).end()
