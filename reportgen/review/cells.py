"""One figure before and after, and what may be said of the difference. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reportgen.quantities import quantity_of
from reportgen.record import BuildRecord, Figure, Record
from reportgen.report.figures import is_own
from reportgen.review import significance

Verdict = Literal[
    "same",
    "changed",  # an exact figure differs, or a noisy one by more than its noise
    "noise",  # a noisy figure differs, and nothing says that it is more than noise
    "incomparable",  # it differs, and counts something else or was taken elsewhere
    "gained",  # there was no figure
    "lost",  # there is no figure any more
]
# What makes two times comparable, of all that is known of an environment.
MACHINE = ("cpu", "cores", "threads")


@dataclass(frozen=True)
class Cell:
    """A figure before and after; `quoted` is somebody else's. `why` explains the verdict."""

    key: str
    old: Figure | None
    new: Figure | None
    verdict: Verdict
    why: str = ""
    quoted: bool = False

    @property
    def delta(self) -> int | float | None:
        """The difference, exact for integers; None unless there are two figures to compare."""
        if self.verdict == "incomparable" or self.old is None or self.new is None:
            return None
        if self.old.value is None or self.new.value is None:
            return None
        return self.new.value - self.old.value

    @property
    def relative(self) -> float | None:
        """The difference as a part of the old figure; None where there is no such part."""
        if self.delta is None or self.old is None or not self.old.value:
            return None
        return self.delta / abs(self.old.value)

    @property
    def better(self) -> bool | None:
        """Whether a change is one for the better; None where neither direction is good."""
        direction = quantity_of(self.key).better
        if self.verdict != "changed" or not self.delta or direction is None:
            return None
        return (self.delta < 0) == (direction == "lower")


def measured_cell(
    key: str, before: tuple[Record, BuildRecord], after: tuple[Record, BuildRecord]
) -> Cell:
    """Compare the figure `key` of one build in two records, by itself."""
    (_, old_build), (_, new_build) = before, after
    old, new = old_build.figures.get(key), new_build.figures.get(key)
    if not is_own(old) or not is_own(new):
        return _with_gap(key, old, new)
    if (old.value, old.convention) == (new.value, new.convention):
        return Cell(key, old, new, "same")
    if old.convention != new.convention:
        why = f"other convention: {old.convention or 'unnamed'} → {new.convention or 'unnamed'}"
        return Cell(key, old, new, "incomparable", why)
    kind = quantity_of(key).kind
    if kind == "timing":
        return _timing(key, old, new, before, after)
    if kind == "accuracy" and _differs("accuracy", "data", old_build, new_build):
        return Cell(key, old, new, "incomparable", "other data")
    return Cell(key, old, new, "changed")


def quoted_cell(key: str, old: Figure | None, new: Figure | None) -> Cell:
    """Compare what somebody else reported."""
    if old is None or new is None:
        return Cell(key, old, new, "lost" if new is None else "gained", quoted=True)
    same = (old.value, old.text, old.source) == (new.value, new.text, new.source)
    why = "" if old.source == new.source else f"now from {new.source}"
    return Cell(key, old, new, "same" if same else "changed", why, quoted=True)


def _with_gap(key: str, old: Figure | None, new: Figure | None) -> Cell:
    """Compare where a figure is missing on one side or both."""
    if is_own(new):
        return Cell(key, old, new, "gained")
    if is_own(old):
        return Cell(key, old, new, "lost", new.reason if new else "not asked for any more")
    if old is None and new is not None and new.cause != "undeclared":
        return Cell(key, old, new, "lost", new.reason)
    return Cell(key, old, new, "same")


def _timing(
    key: str,
    old: Figure,
    new: Figure,
    before: tuple[Record, BuildRecord],
    after: tuple[Record, BuildRecord],
) -> Cell:
    here = before[0].environments.get(old.environment, {})
    there = after[0].environments.get(new.environment, {})
    if machine := _other_machine(here, there):
        return Cell(key, old, new, "incomparable", f"other machine: {machine}")
    name, _, batch = key.partition("@")
    if name == "speedup" and _differs("speedup", "baseline", before[1], after[1]):
        return Cell(key, old, new, "incomparable", "other baseline")
    latencies = [build.figures.get(f"latency@{batch}") for _, build in (before, after)]
    baselines = [_baseline_latency(*side, batch) for side in (before, after)]
    unrest = max(map(significance.unrest, [*latencies, *baselines]))
    if unrest > significance.TOO_NOISY:
        return Cell(key, old, new, "noise", f"too noisy to tell: rounds lay {unrest:.0%} apart")
    old_noisy, new_noisy = old, new
    if name == "throughput":  # computed from the latency, which has the spread
        old_noisy, new_noisy = (figure or Figure("unavailable") for figure in latencies)
    ratio = significance.ratio(old_noisy, new_noisy)
    if ratio is None:
        rounds = min(old_noisy.samples or 0, new_noisy.samples or 0)
        why = "timed once: its spread is unknown" if rounds < 2 else f"{rounds} rounds are too few"
        return Cell(key, old, new, "noise", why)
    return Cell(key, old, new, "changed" if ratio.significant else "noise")


def _baseline_latency(record: Record, build: BuildRecord, batch: str) -> Figure | None:
    """Return the latency of what a build is compared with, where the record has it."""
    for other in record.builds.values():
        if other.baseline and (other.dataset, other.classes) == (build.dataset, build.classes):
            return other.figures.get(f"latency@{batch}")
    return None


def _other_machine(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Say how two machines differ; empty if they do not."""
    return ", ".join(
        f"{key} {old.get(key, 'unknown')} → {new.get(key, 'unknown')}"
        for key in MACHINE
        if old.get(key) != new.get(key)
    )


def _differs(group: str, name: str, old: BuildRecord, new: BuildRecord) -> bool:
    """Whether an input of a group of figures is known on both sides and is not the same."""
    was, now = (build.inputs.get(group, {}).get(name) for build in (old, new))
    return was is not None and now is not None and was != now
