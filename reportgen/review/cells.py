"""Compare one figure before and after. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from reportgen.record.digests import differing
from reportgen.record.metrics import MetricKey, metric_of, parse_key
from reportgen.record.record import BuildRecord, Figure, Record
from reportgen.report.figures import is_own
from reportgen.review import significance

ChangeVerdict = Literal[
    "same",
    "changed",  # an exact figure differs, or a noisy one by more than its noise
    "noise",  # a noisy figure differs, and not significantly
    "incomparable",  # it differs, by another convention, on other data or on another machine
    "gained",  # there was no figure
    "lost",  # there is no longer a figure
]
# Two times are comparable if these parts of their environments agree.
MACHINE = ("cpu", "cores", "threads")
# `expm1` overflows above.
_LARGEST_LOG = 700.0


@dataclass(frozen=True)
class CellChange:
    """A figure before and after, reported if `quoted`; `why` explains the verdict.

    For noisy figures, `fastest` is the relative change of the fastest calls, which decides.
    """

    key: str
    old: Figure | None
    new: Figure | None
    verdict: ChangeVerdict
    why: str = ""
    quoted: bool = False
    fastest: float | None = None

    @property
    def delta(self) -> int | float | None:
        """The difference, exact for integers; None without two comparable figures."""
        if self.verdict == "incomparable" or self.old is None or self.new is None:
            return None
        if self.old.value is None or self.new.value is None:
            return None
        return self.new.value - self.old.value

    @property
    def relative(self) -> float | None:
        """The difference relative to the old figure, or None."""
        if self.delta is None or self.old is None or not self.old.value:
            return None
        return self.delta / abs(self.old.value)

    @property
    def better(self) -> bool | None:
        """Whether a change is an improvement; None if neither direction is better."""
        direction = metric_of(self.key).better
        if self.verdict != "changed" or not self.delta or direction is None:
            return None
        return (self.delta < 0) == (direction == "lower")


def measured_cell(
    key: str, before: tuple[Record, BuildRecord], after: tuple[Record, BuildRecord]
) -> CellChange:
    """Compare the figure `key` of one build in two records."""
    (_, old_build), (_, new_build) = before, after
    old, new = old_build.figures.get(key), new_build.figures.get(key)
    if not is_own(old) or not is_own(new):
        return _with_gap(key, old, new)
    if new.stale:
        return CellChange(key, old, new, "same" if old.stale else "lost", new.stale)
    if (old.value, old.convention) == (new.value, new.convention):
        return CellChange(key, old, new, "same")
    if old.convention != new.convention:
        why = f"other convention: {old.convention or 'unnamed'} → {new.convention or 'unnamed'}"
        return CellChange(key, old, new, "incomparable", why)
    kind = metric_of(key).kind
    if kind == "timing":
        return _timing(key, old, new, before, after)
    if kind == "accuracy" and _differs("accuracy", "data", old_build, new_build):
        return CellChange(key, old, new, "incomparable", "other data")
    return CellChange(key, old, new, "changed")


def quoted_cell(key: str, old: Figure | None, new: Figure | None) -> CellChange:
    """Compare a reported figure."""
    if old is None or new is None:
        return CellChange(key, old, new, "lost" if new is None else "gained", quoted=True)
    same = (old.value, old.text, old.source) == (new.value, new.text, new.source)
    why = "" if old.source == new.source else f"now from {new.source}"
    return CellChange(key, old, new, "same" if same else "changed", why, quoted=True)


def _with_gap(key: str, old: Figure | None, new: Figure | None) -> CellChange:
    """Compare if a figure is missing on one side or both."""
    if is_own(new):
        return CellChange(key, old, new, "gained")
    if is_own(old):
        return CellChange(key, old, new, "lost", new.reason if new else "no longer requested")
    if old is None and new is not None and new.cause != "undeclared":
        return CellChange(key, old, new, "lost", new.reason)
    return CellChange(key, old, new, "same")


def _timing(
    key: str,
    old: Figure,
    new: Figure,
    before: tuple[Record, BuildRecord],
    after: tuple[Record, BuildRecord],
) -> CellChange:
    here = before[0].environments.get(old.environment, {})
    there = after[0].environments.get(new.environment, {})
    if machine := _other_machine(here, there):
        return CellChange(key, old, new, "incomparable", f"other machine: {machine}")
    # Older records have the system's.
    was_by, now_by = (each.get("allocator", "system") for each in (here, there))
    if was_by != now_by:
        return CellChange(key, old, new, "incomparable", f"other allocator: {was_by} → {now_by}")
    metric, group = metric_of(key), metric_of(key).group
    if _differs(group, "baseline", before[1], after[1]):
        return CellChange(key, old, new, "incomparable", "other baseline")
    noisy = (old, new)
    if metric.inverse_of:  # computed from the latency, of which the calls were
        timed = MetricKey(metric.inverse_of, parse_key(key).batch)
        was, now = (build.figures.get(timed) for _, build in (before, after))
        noisy = (was or Figure("unavailable"), now or Figure("unavailable"))
    prompted = has_reason(group, before[1], after[1], *noisy)
    ratio = significance.ratio(*noisy, floor_of(prompted))
    if ratio is None:
        return CellChange(key, old, new, "noise", significance.why_untold(*noisy))
    log = -ratio.log if metric.inverse_of else ratio.log
    cell = CellChange(key, old, new, "noise", fastest=round(math.expm1(min(log, _LARGEST_LOG)), 6))
    if not ratio.significant:
        if ratio.error > significance.TELLING:
            why = f"too noisy: its fastest calls are uncertain by {ratio.error:.0%}"
            return replace(cell, why=why)
        if not prompted and abs(ratio.log) > math.log1p(significance.FLOOR):
            return replace(cell, why="none of its dependencies changed")
        return cell
    if ((new.value or 0) > (old.value or 0)) != (log > 0):
        return replace(cell, why="its fastest calls went the other way")
    return replace(cell, verdict="changed")


def has_reason(group: str, old: BuildRecord, new: BuildRecord, was: Figure, now: Figure) -> bool:
    """Whether model, code, settings, baseline or versions explain another time."""
    known = old.dependencies.get(group)
    return (
        not known
        or bool(differing(known, new.dependencies.get(group, {})))
        or was.environment != now.environment
    )


def floor_of(prompted: bool) -> float:
    """Return the smallest change that counts, with a reason for one or without."""
    return significance.FLOOR if prompted else significance.UNPROMPTED


def _other_machine(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Say how two machines differ, or return an empty text."""
    return ", ".join(
        f"{key} {old.get(key, 'unknown')} → {new.get(key, 'unknown')}"
        for key in MACHINE
        if old.get(key) != new.get(key)
    )


def _differs(group: str, name: str, old: BuildRecord, new: BuildRecord) -> bool:
    """Whether a dependency of a group of figures is known on both sides, and differs."""
    was, now = (build.dependencies.get(group, {}).get(name) for build in (old, new))
    return was is not None and now is not None and was != now
