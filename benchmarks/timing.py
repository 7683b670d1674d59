"""Whether times can be trusted: a known time, the same network twice, a known difference.

A module that spins until the clock says so takes the same time on every machine. The same network
twice must not differ. Each run is one of `reportgen`, on a spec of two models, each in a process of
its own; the figures are those of its record.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness import Options, Row, duration

from reportgen.data.search import Search
from reportgen.engine.journal import Journal
from reportgen.engine.measuring import measure
from reportgen.engine.progress import Progress
from reportgen.plan.plan import Plan
from reportgen.plan.resolve import plan
from reportgen.plan.selection import Selection
from reportgen.plan.staleness import compare
from reportgen.record.record import Figure, Record
from reportgen.spec.load import load

HERE = Path(__file__).parent
SPIN_MS = 10.0
SPEC = """\
reportgen: 1
title: Calibration
datasets: {{images: {{source: synthetic, shape: [3, 32, 32], classes: 10}}}}
models:
{models}
measure: {{timing: {{batch_sizes: [1], threads: 1, rounds: {rounds}, total: false}}}}
"""
SPINS = """\
  Short: {source: "calibration.py:spin", baseline: true}
  Long: {source: "calibration.py:spin", args: {milliseconds: 11.0}}
"""
TWINS = """\
  One: {source: "calibration.py:network", baseline: true}
  Other: {source: "calibration.py:network"}
"""


def bench(options: Options) -> Iterator[Row]:
    """Calibrate."""
    spins = Project(SPINS)
    runs = [spins.figures() for _ in range(10 if options.quick else 100)]
    times = [run["Short"]["latency@1"].value or 0.0 for run in runs]
    off = [time / SPIN_MS - 1 for time in times]
    yield Row(
        f"a module that spins for {duration(SPIN_MS / 1e3)}, in {len(runs)} runs",
        duration(statistics.median(times) / 1e3),
        "",
        f"{min(off):+.2%} to {max(off):+.2%}",
        "± 2 %",
    )
    found = sum(differs(run["Long"]["speedup@1"]) for run in runs)
    yield Row(
        f"10 % longer, {len(runs)} runs: found in", f"{found} runs", "", share(found, runs), "100 %"
    )
    twins = Project(TWINS)
    runs = [twins.figures() for _ in range(40 if options.quick else 100)]
    same = sum(not differs(run["Other"]["speedup@1"]) for run in runs)
    widths = [width(run["Other"]["speedup@1"]) for run in runs]
    yield Row(
        f"a network against itself, {len(runs)} runs: no difference found in; intervals reach "
        f"{statistics.median(widths):.1%} from the ratio",
        f"{same} runs",
        "",
        share(same, runs),
        "≥ 95 %",
    )


@dataclass(frozen=True)
class Project:
    """A spec of a few models, and how many rounds to time them in."""

    models: str
    rounds: int = 20

    def plan(self) -> Plan:
        """Read it."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "calibration.yaml")
            path.write_text(
                SPEC.format(models=self.models.rstrip(), rounds=self.rounds), encoding="utf-8"
            )
            spec = load(path)
        return replace(plan(spec, name="calibration", spec_dir=HERE), spec_dir=HERE)

    def figures(self) -> Mapping[str, Mapping[str, Figure]]:
        """Measure it from nothing; return the figures of each model."""
        return {name: build.figures for name, build in self.record().builds.items()}

    def record(self) -> Record:
        """Measure it from nothing."""
        made = self.plan()
        search = Search(offline=True, spec_dir=HERE)
        selection = Selection()
        state = compare(made, None, search, selection)
        with tempfile.TemporaryDirectory() as folder:
            journal = Journal(made, Path(folder, "calibration.json"), state.record)
            measure(state.due, made, search, journal, selection, Progress(), None)
            return journal.record


def differs(figure: Figure) -> bool:
    """Whether the report would show a difference: the interval leaves out 1."""
    assert figure.interval is not None, figure.reason
    low, high = figure.interval
    return not low <= 1 <= high


def width(figure: Figure) -> float:
    """Return how far the interval reaches."""
    assert figure.interval is not None, figure.reason
    low, high = figure.interval
    return (high - low) / 2


def share(part: int, runs: list) -> str:
    """Write a percentage."""
    return f"{part / len(runs):.0%}"
