"""Time builds in turn, the baseline among them.

Each build has a worker, and nothing else runs meanwhile. The rounds are split over several workers
of each build, because two processes of one program differ for as long as they live.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

from reportgen.common.errors import MeasureError
from reportgen.common.fingerprint import digest
from reportgen.engine.journal import Journal, unavailable
from reportgen.engine.results import Evaluated
from reportgen.engine.rounding import significant
from reportgen.engine.time_figures import Taken, latencies, milliseconds, speedup
from reportgen.engine.workers import Worker, Workers
from reportgen.measures.allocator import Allocator
from reportgen.measures.interleaving import Enough, Sample, interleaved
from reportgen.plan.plan import Build, Plan
from reportgen.plan.staleness import Due
from reportgen.record.metrics import parse_key
from reportgen.record.record import Figure
from reportgen.spec.model import Accuracy, Timing

# Bytes that builds which are timed in turn may always take together; more, where one alone does.
ROOM = 2**29

# First calls, each in a fresh process.
COLD_STARTS = 5

TOTAL = "time.total"

# What comes of taking turns.
_OF_ROUNDS = ("latency", "throughput", "speedup")


def groups(dues: Sequence[Due], together: int, size_of: Callable[[Build], int]) -> list[list[Due]]:
    """Sort what is due into groups that are timed in turn: same data set, same class count.

    A group has a limited number of builds, and takes no more bytes (`size_of` each) than the
    largest build does, or than `ROOM`.
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
    evaluated: Mapping[str, Evaluated],
    say: Callable[[str], None],
) -> None:
    """Time a group and put its figures into the journal.

    Builds that were `evaluated` have the time of their data set from that. If one build fails at
    one batch size, only these figures are lost.
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
        session.take_turns(say)
        # Saved before the whole data set, which takes minutes for a large network.
        for due in dues:
            journal.put(due, session.figures[due.build.id], metadata=session.metadata(due))
        for due in (due for due in dues if TOTAL in due.keys):
            name = due.build.id
            say(f"{name}, the whole data set")
            if name in evaluated:
                journal.note_environment(evaluated[name].timed_in)
                session.figures[name][TOTAL] = evaluated[name].total_time
            else:
                total = partial(session.total, name, plan.measure.accuracy)
                session.attempt(name, [TOTAL], total)
            journal.put(due, session.figures[name])


@dataclass
class _Turns:
    """The results of one batch size: samples of each build by process, and errors."""

    samples: dict[str, list[list[Sample]]] = field(default_factory=lambda: defaultdict(list))
    failed: dict[str, Exception] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)


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
        self.dtypes: dict[str, str] = {}
        self._dues = dues
        self._baseline = baseline.id if baseline else None
        self._settings = settings
        self._workers = workers
        self._journal = journal
        self._at_work: dict[str, Worker] = {}
        self._before: dict[str, Worker] = {}  # those that have done their part of the rounds
        self._how = Taken("")  # the workers at work

    def asked(self, *metrics: str) -> list[tuple[str, str]]:
        """List builds and keys of what is due of some metrics."""
        return [
            (due.build.id, key)
            for due in self._dues
            for key in due.keys
            if parse_key(key).name in metrics
        ]

    def metadata(self, due: Due) -> dict[str, str]:
        """Return the types of a build's parameters, as far as it was made."""
        name = due.build.id
        return {"dtype": self.dtypes[name]} if name in self.dtypes else {}

    def attempt(
        self, name: str, keys: Iterable[str], action: Callable[[], Mapping[str, Figure]]
    ) -> None:
        """Run an action that returns figures; if it fails, they are unavailable."""
        try:
            self.figures[name].update(action())
        except MeasureError as error:
            self.figures[name].update(dict.fromkeys(keys, unavailable(error)))

    def cold_start(self, name: str) -> dict[str, Figure]:
        """Time the first calls of fresh processes, on the smallest batch."""
        size = min(self._settings.batch_sizes)
        taken = []
        for _ in range(COLD_STARTS):
            worker, how = self._start(name, "system")
            with worker:
                worker.call("make")
                seconds = worker.call("first_call", size)
                taken.append([Sample(mean=seconds, fastest=seconds)])
                how = replace(how, remark=worker.call("remark"))
        return {"cold_start": milliseconds(taken, how)}

    def peak(self, name: str, key: str) -> dict[str, Figure]:
        """Find what a build takes of memory at most, in a fresh process."""
        worker, how = self._start(name, "system")
        with worker:
            mebibytes = worker.call("peak_bytes", parse_key(key).batch) / 2**20
        value = significant(mebibytes, 3)
        return {key: Figure("measured", value, unit="MiB", environment=how.environment, samples=1)}

    def take_turns(self, say: Callable[[str], None]) -> None:
        """Time builds in turn at each batch size with due figures."""
        at_sizes = {size: names for size in self._settings.batch_sizes if (names := self._at(size))}
        turns: dict[int, _Turns] = {size: _Turns() for size in at_sizes}
        parts = _dealt(self._settings.rounds, self._settings.processes)
        for part in parts:
            self._change_workers()
            for size, names in at_sizes.items():
                say(f"{len(names)} model{'s' * (len(names) > 1)} in turn, batch size {size}{part}")
                self._take_turns(turns[size], names, size, part)
        for size, names in at_sizes.items():
            self._conclude(turns[size], names, size)

    def _at(self, size: int) -> list[str]:
        """Name the builds to be timed at a batch size, with the baseline if it is needed."""
        keys = {name: set[str]() for name in self.builds}
        for name, key in self.asked(*_OF_ROUNDS):
            if parse_key(key).batch == size:
                keys[name].add(parse_key(key).name)
        compared = any("speedup" in asked for asked in keys.values())
        return [name for name in keys if keys[name] or (compared and name == self._baseline)]

    def _take_turns(self, turns: _Turns, names: Iterable[str], size: int, part: _Part) -> None:
        """Time builds that have not failed in turn, for one part of the rounds."""
        failed = turns.failed
        samplers = {}
        for name in (name for name in names if name not in failed):
            try:
                worker = self._ready(name)
                worker.call("take_batch", size)
                samplers[name] = partial(worker.call, "sample")
            except MeasureError as error:
                failed[name] = error
        samples = interleaved(
            samplers,
            rounds=part.rounds,
            warmup=self._settings.warmup,
            seed=part.number,
            enough=part.enough(self._baseline, self._settings),
            drop=failed.__setitem__,
        )
        for name, taken in samples.items():
            turns.samples[name].append(taken)
            try:
                remark = self._at_work[name].call("remark")
            except MeasureError as error:  # it died, or its time was up, after its last round
                failed[name] = error
            else:
                turns.remarks[name] = remark or turns.remarks.get(name, "")
        for name in failed:
            self._leave(name)

    def _conclude(self, turns: _Turns, names: Iterable[str], size: int) -> None:
        """Turn the samples of all processes into figures."""
        samples = {name: turns.samples[name] for name in names if name not in turns.failed}
        for name, taken in samples.items():
            how = replace(self._how, remark=turns.remarks[name])
            self.figures[name] |= latencies(taken, size, self.builds[name].noun, how)
            self.figures[name][f"speedup@{size}"] = self._speedup(samples, name, how)
        for name, reason in turns.failed.items():
            keys = [f"{metric}@{size}" for metric in _OF_ROUNDS]
            self.figures[name] |= dict.fromkeys(keys, unavailable(reason))
        self._note_turns(size)

    def _speedup(
        self, samples: Mapping[str, Sequence[Sequence[Sample]]], name: str, how: Taken
    ) -> Figure:
        if self._baseline is None:
            return unavailable(
                MeasureError("no model is marked `baseline: true` with this class count")
            )
        if name == self._baseline:
            return Figure("derived", 1, unit="×", environment=how.environment)
        if self._baseline not in samples:
            return unavailable(MeasureError(f"the baseline, {self._baseline}, could not be timed"))
        return speedup(samples[self._baseline], samples[name], how)

    def _note_turns(self, size: int) -> None:
        """Add to each time of a batch size which others it was taken in turn with."""
        keys = [f"{metric}@{size}" for metric in _OF_ROUNDS]
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
        worker = self._ready(name)
        return {TOTAL: worker.call("total", accuracy, self._how.environment)}

    def close(self) -> None:
        """End the workers."""
        for name in list(self._at_work):
            self._leave(name)

    def _change_workers(self) -> None:
        """End the workers; the next ones get the rest of their time limit."""
        self._before = dict(self._at_work)
        self.close()

    def _ready(self, name: str) -> Worker:
        """Return the worker of a build, the module made."""
        if name not in self._at_work:
            worker, self._how = self._start(name, self._settings.allocator)
            self._at_work[name] = worker
            self.dtypes[name] = worker.call("make")
        return self._at_work[name]

    def _start(self, name: str, allocator: Allocator) -> tuple[Worker, Taken]:
        """Start a worker, with threads and allocator set."""
        worker = self._workers.bench(self.builds[name], before=self._before.get(name))
        environment = worker.call("be_quiet", self._settings.threads, allocator)
        return worker, Taken(self._journal.note_environment(environment), environment["allocator"])

    def _leave(self, name: str) -> None:
        if name in self._at_work:
            self._at_work.pop(name).end()


@dataclass(frozen=True)
class _Part:
    """The rounds that one process of each build takes: the first of several, or the next."""

    number: int
    of: int
    rounds: int

    def __str__(self) -> str:
        """``, process 1 of 2``; nothing where there is one alone."""
        return f", process {self.number + 1} of {self.of}" if self.of > 1 else ""

    def enough(self, reference: str | None, settings: Timing) -> Enough:
        """Say when this part may stop: after its share of the time, or with enough precision.

        An interval narrows with the square root of the rounds, so a part may be less precise.
        """
        precision, seconds = settings.precision, settings.seconds
        return Enough(
            reference=reference,
            precision=precision * math.sqrt(self.of) if precision else None,
            until=time.perf_counter() + seconds / self.of if seconds else None,
        )


def _dealt(rounds: int, processes: int) -> list[_Part]:
    """Split rounds evenly over processes; each has at least one."""
    of = min(rounds, processes)
    return [_Part(number, of, (rounds + of - 1 - number) // of) for number in range(of)]
