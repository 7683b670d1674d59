"""Whether times repeat: a spec is run again and again, each time from nothing.

For each model and batch size: the median of the runs' latencies, and by how much the largest of
them exceeds the smallest. The bar holds for a quiet machine: CPU pressure below 1 %, no steal, and
one process that lives through all runs takes the same time before each. Page faults and involuntary
context switches are those of the worst run, a call.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import Options, Row, duration
from typing_extensions import Self

from reportgen.data.search import Search
from reportgen.engine.workers import Workers
from reportgen.plan.resolve import plan
from reportgen.record import record as records
from reportgen.record.metrics import parse_key
from reportgen.record.record import Figure, Record
from reportgen.spec.load import load

RUNS = 10
QUICK_RUNS = 3
# Of the processes that stay.
BATCH = 256
CALLS, SAMPLES = 20, 15


def bench(options: Options) -> Iterator[Row]:
    """Run the spec, and compare its latencies."""
    before = Load.now()
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        with Stayers(options) as stayers:
            for number in range(QUICK_RUNS if options.quick else RUNS):
                stayers.sample()
                runs.append(run(options, Path(folder, str(number))))
    load = Load.now()
    for name, figures in latencies(runs).items():
        values = [figure.value or 0.0 for figure in figures]
        faults, switches = (
            max(getattr(figure, count) or 0.0 for figure in figures)
            for count in ("faults", "switches")
        )
        yield Row(
            f"{name}: median of {len(values)} runs; ratio: largest to smallest; other: a call",
            duration(statistics.median(values) / 1e3),
            f"{faults:,.0f} faults, {switches:.2g} switches",
            f"{max(values) / min(values):.3f}",
            "≤ 1.03",
        )
    for name, samples in stayers.seconds.items():
        yield Row(
            f"{name}: one process that stays, {BATCH} images before each run",
            duration(statistics.median(samples)),
            "",
            f"{max(samples) / min(samples):.3f}",
            "≤ 1.03 where quiet",
        )
    yield Row(
        "the machine meanwhile: CPU pressure; other: steal",
        f"{load.pressure_since(before):.1%}",
        f"{load.steal_since(before):.1%}",
        "",
        "< 1 %, 0 %",
    )


class Stayers:
    """The spec's models, each in a process that stays while the spec is run.

    By how much their times drift is the machine's doing: nothing in them changes.
    """

    def __init__(self, options: Options) -> None:
        planned = plan(load(options.spec), name="repeat", spec_dir=options.spec.parent)
        search = Search(options.data_dir, offline=True)
        self._threads = planned.measure.timing.threads if planned.measure.timing else None
        self._workers = Workers(search)
        self._stayers = {name: self._workers.bench(build) for name, build in planned.builds.items()}
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def __enter__(self) -> Self:
        for stayer in self._stayers.values():
            stayer.call("be_quiet", self._threads, "steady")
            stayer.call("make")
            stayer.call("take_batch", BATCH)
        return self

    def __exit__(self, *exception: object) -> None:
        self._workers.__exit__(*exception)

    def sample(self) -> None:
        """Add a median to the times of each."""
        for name, stayer in self._stayers.items():
            samples = [stayer.call("sample", CALLS).mean for _ in range(SAMPLES)]
            self.seconds[name].append(statistics.median(samples))


def run(options: Options, out: Path) -> Record:
    """Run the spec into a new folder; return its record."""
    words = [sys.executable, "-m", "reportgen", str(options.spec), "--out", str(out)]
    words += ["--quiet", "--offline", "--allow-code"]
    words += ["--data-dir", str(options.data_dir)] if options.data_dir else []
    subprocess.run(words, check=False, stdout=subprocess.DEVNULL)
    record = records.read(out / f"{options.spec.stem}.json")
    if record is None:
        raise RuntimeError(f"{' '.join(words)} wrote no record")
    return record


def latencies(runs: Sequence[Record]) -> dict[str, list[Figure]]:
    """Return the latencies of all runs, by model and batch size."""
    found: dict[str, list[Figure]] = defaultdict(list)
    for record in runs:
        for name, build in record.builds.items():
            for key, figure in build.figures.items():
                metric, size = parse_key(key).name, parse_key(key).batch
                if metric == "latency" and figure.provenance == "measured":
                    found[f"{name}, batch {size}"].append(figure)
    return found


@dataclass(frozen=True)
class Load:
    """What the machine had to wait for so far, as Linux counts it.

    `stalled` are the seconds in which some process waited for a core; `stolen` of `ticks` went to
    other virtual machines.
    """

    time: float
    stalled: float
    stolen: int
    ticks: int

    @classmethod
    def now(cls) -> Load:
        """Read the counters."""
        some = Path("/proc/pressure/cpu").read_text(encoding="ascii").splitlines()[0]
        cpu = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
        ticks = [int(count) for count in cpu[:8]]  # what follows is part of the first two
        stalled = int(some.rpartition("total=")[2]) / 1e6
        return cls(time.monotonic(), stalled, ticks[7], sum(ticks))

    def pressure_since(self, before: Load) -> float:
        """Return the part of the time in which some process waited for a core."""
        return (self.stalled - before.stalled) / (self.time - before.time)

    def steal_since(self, before: Load) -> float:
        """Return the part of the machine's time that others took."""
        return (self.stolen - before.stolen) / max(1, self.ticks - before.ticks)
