"""What the benchmarks share: taking turns, ratios, and rows of a table."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reportgen.measures.statistics import Ratio, paired_ratio


@dataclass(frozen=True)
class Options:
    """How to run: a part only (`quick`), where data lies, and which spec to repeat."""

    quick: bool
    data_dir: Path | None
    spec: Path


@dataclass(frozen=True)
class Row:
    """A line of a result: what was measured, the figures, and the bar they are held to."""

    what: str
    ours: str
    other: str = ""
    ratio: str = ""
    bar: str = ""


def in_turn(
    actions: Mapping[str, Callable[[], object]], rounds: int, *, warmup: int = 1
) -> dict[str, list[float]]:
    """Run each action once a round, and return its seconds; the first rounds are not kept."""
    samples: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(warmup + rounds):
        for name, action in actions.items():
            gc.collect()
            start = time.perf_counter()
            action()
            if number >= warmup:
                samples[name].append(time.perf_counter() - start)
    return samples


def seconds(samples: Sequence[float]) -> str:
    """Write the median of some times."""
    return duration(statistics.median(samples))


def duration(value: float) -> str:
    """Write a time with three digits."""
    return f"{value:.3g} s" if value >= 1 else f"{1e3 * value:.3g} ms"


def ratio(numerator: Sequence[float], denominator: Sequence[float]) -> str:
    """Write a paired ratio with its interval, where there are rounds enough for one."""
    return ratio_text(paired_ratio(numerator, denominator))


def ratio_text(value: Ratio) -> str:
    """Write a ratio, with its interval where there are pairs enough for one."""
    if value.precision == float("inf"):
        return f"{value.median:.3g}"
    return f"{value.median:.3g} ({value.low:.3g} to {value.high:.3g})"


def markdown(rows: Sequence[Row]) -> str:
    """Write rows as a Markdown table, without the columns that are empty in all of them."""
    titles = {"what": "", "ours": "reportgen", "other": "other", "ratio": "ratio", "bar": "bar"}
    kept = [name for name in titles if any(getattr(row, name) for row in rows)]
    lines = [
        [titles[name] for name in kept],
        ["---" if name == "what" else "---:" for name in kept],
        *([getattr(row, name) for name in kept] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
