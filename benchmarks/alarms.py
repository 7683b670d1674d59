"""What `diff` says of times taken again: false alarms, and a slow-down that is real.

Three networks (batch 1, one thread, 40 rounds) are timed anew, run after run, each from nothing;
then three times more with the last of them slowed down by 15 %. Every run is compared with every
other as `reportgen diff` does. "Beside others" is the same while two processes a core take the
machine for moments of up to a second.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from harness import Options, Row
from timing import Project

from reportgen.record.record import Record
from reportgen.review.changes import compare

SLOWER = 0.15
CHANGING = ("Lite", "ResNet-32")
MODELS = """\
  ResNet-20: {source: zoo/cifar_resnet20, baseline: true}
  Lite: {source: zoo/resnet_lite}
  ResNet-32: {source: SOURCE}
"""
AS_IT_IS, SLOWED = (
    Project(MODELS.replace("SOURCE", source), rounds=40)
    for source in ("zoo/cifar_resnet32", f'"calibration.py:slowed", args: {{by: {SLOWER}}}')
)
# Takes a core for a moment, and again, as long as nobody ends it.
RESTLESS = """\
import random, time
while True:
    time.sleep(random.expovariate(2))
    end = time.time() + random.expovariate(2)
    while time.time() < end:
        sum(range(10_000))
"""


def bench(options: Options) -> Iterator[Row]:
    """Run and compare, alone and beside others."""
    for where, others in (("", 0), (", beside others", 4)):
        with ExitStack() as stack:
            for _ in range(others):
                process = subprocess.Popen([sys.executable, "-c", RESTLESS])
                stack.callback(process.wait)
                stack.callback(process.kill)
            same = [AS_IT_IS.record() for _ in range(4 if options.quick else 11)]
            slower = [SLOWED.record() for _ in range(1 if options.quick else 3)]
        yield Row(
            f"latencies of one network in {len(same)} runs{where}: the fastest calls lie apart by; "
            "other: the medians",
            f"{apart(same, 'fastest'):.1%}",
            f"{apart(same, 'value'):.1%}",
        )
        alarms = seen(itertools.combinations(same, 2))
        yield Row(
            f"{alarms.pairs} comparisons of {len(same)} equal runs{where}: something changed in",
            f"{alarms.any}",
            "",
            f"{alarms.any / alarms.pairs:.1%}",
            "≤ 2 %",
        )
        pairs = [*itertools.combinations(same, 2)]
        named = sum(
            any(model == name for model, *_ in changes(old, with_other_code(new, name)))
            for old, new in pairs
            for name in CHANGING
        )
        of = len(pairs) * len(CHANGING)
        yield Row(
            f"the same, as if the code of one had changed: {of} networks{where}, of which named",
            f"{named}",
            "",
            f"{named / of:.1%}",
            "≤ 2 %",
        )
        real = seen(itertools.product(same, slower))
        yield Row(
            f"{real.pairs} comparisons with one network slower by {SLOWER:.0%}{where}: found in",
            f"{real.slower}",
            "",
            f"{real.slower / real.pairs:.1%}",
            "100 %",
        )
        yield Row(
            f"of these, another network named besides{where}",
            f"{real.others}",
            "",
            f"{real.others / real.pairs:.1%}",
            "≤ 2 %",
        )


def apart(runs: Sequence[Record], of: str) -> float:
    """Return by how much the largest figure of one network lies above its smallest, at the most."""
    found = [[getattr(b.figures["latency@1"], of) for b in run.builds.values()] for run in runs]
    return max(max(each) / min(each) - 1 for each in zip(*found, strict=True))


@dataclass(frozen=True)
class Seen:
    """In how many comparisons something changed: anything, ResNet-32's latency, another model."""

    pairs: int
    any: int
    slower: int
    others: int


def seen(pairs: Iterator[tuple[Record, Record]]) -> Seen:
    """Compare records, and count what is said to have changed."""
    found = [list(changes(old, new)) for old, new in pairs]
    return Seen(
        pairs=len(found),
        any=sum(map(bool, found)),
        slower=sum(("ResNet-32", "latency@1", False) in changed for changed in found),
        others=sum(any(model != "ResNet-32" for model, *_ in changed) for changed in found),
    )


def with_other_code(record: Record, name: str) -> Record:
    """Return a record in which a network was measured on other code, with the same figures."""
    build = record.builds[name]
    dependencies = {
        group: {**named, "code": "other"} for group, named in build.dependencies.items()
    }
    return replace(
        record, builds={**record.builds, name: replace(build, dependencies=dependencies)}
    )


def changes(old: Record, new: Record) -> Iterator[Sequence[object]]:
    """Name what changed: model, figure, and whether for the better."""
    for row, cell in compare("calibration", old, new).cells("changed"):
        yield row.build.model, cell.key, cell.better
