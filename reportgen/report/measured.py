"""How figures were measured, in words. All of it is read off the figures, not off the settings.

A record may hold figures of several runs, made with other settings than those of now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reportgen.record.metrics import metric_of, split_key
from reportgen.record.record import Figure, Record
from reportgen.report.comparison import columns, labelled_builds
from reportgen.report.figures import is_own


def how_measured(record: Record) -> list[str]:
    """Return a sentence for each thing that is to be known of how the shown figures came to be."""
    return [
        *_arrows(record),
        *_backward(record),
        *_rounds(record),
        *_turns(record),
        *_allocators(record),
    ]


def span(values: Iterable[float], text: str = "{:,}") -> str:
    """Write what several figures have in common: `7`, or `7 to 20` where they differ."""
    low, high = min(values := sorted(values)), max(values)
    return text.format(low) if low == high else f"{text.format(low)} to {text.format(high)}"


def _arrows(record: Record) -> Iterator[str]:
    kinds = {metric_of(column.key).kind for column in columns(record)}
    if kinds:
        yield "↑ higher is better, ↓ lower is better."
    if "complexity" in kinds:
        usual = record.report.batch_size
        sizes = sorted({build.batch_size or usual for build in record.builds.values()})
        yield f"Work is counted for a batch of {' or '.join(map(str, sizes))}."


def _allocators(record: Record) -> Iterator[str]:
    if any(each.get("allocator") == "steady" for each in record.environments.values()):
        yield (
            "Steady allocator: a process keeps the memory that a model frees. A script of your own "
            "uses the system's allocator and may be slower."
        )


def _backward(record: Record) -> Iterator[str]:
    shown = {column.key for column in columns(record)}
    factors = set()
    for build in record.builds.values():
        for name in ("macs", "flops"):
            once, both = build.figures.get(name), build.figures.get(f"{name}_fwd_bwd")
            if f"{name}_fwd_bwd" in shown and is_own(once) and is_own(both) and once.value:
                factors.add(round((both.value or 0) / once.value - 1, 6))
    if factors:
        yield f"A backward pass is taken as {span(factors, '{:g}')} forward passes."


def _timed(record: Record) -> dict[str, list[Figure]]:
    """Return the times of batches that stand in a column, by the names of the builds."""
    keys = [split_key(column.key) for column in columns(record)]
    sizes = sorted({size for name, size in keys if name in ("latency", "throughput") and size})
    found: dict[str, list[Figure]] = {}
    for _, label, build in labelled_builds(record):
        figures = (build.figures.get(f"latency@{size}") for size in sizes)
        if own := [figure for figure in figures if is_own(figure)]:
            found[label] = own
    return found


def _rounds(record: Record) -> Iterator[str]:
    rounds = {figure.samples for own in _timed(record).values() for figure in own if figure.samples}
    if rounds:
        yield f"Latencies are medians of {span(rounds)} round{'s' * (rounds != {1})}."


def _turns(record: Record) -> Iterator[str]:
    """Say which models were timed in turn; nothing where an older reportgen did not write it."""
    timed = _timed(record)
    if not timed or not all(figure.session for own in timed.values() for figure in own):
        return
    groups: dict[tuple[str, ...], list[str]] = {}
    for label, own in timed.items():
        groups.setdefault(tuple(figure.session for figure in own), []).append(label)
    sizes = {sessions: _in_turn(timed[labels[0]]) for sessions, labels in groups.items()}
    whole = [labels for key, labels in groups.items() if len(labels) == sizes[key] > 1]
    alone = [labels[0] for key, labels in groups.items() if sizes[key] == 1]
    parts = [labels for key, labels in groups.items() if len(labels) < sizes[key]]
    if len(whole) == len(groups) == len({build.dataset for build in record.builds.values()}):
        yield f"In each round every model{' of a table' * (len(whole) > 1)} has its turn."
        return
    if whole:
        yield f"Timed in turn, round by round: {'; '.join(map(_listed, whole))}."
    for labels in parts:
        yield (
            f"Timed in turn with models whose own times here are from another run: "
            f"{_listed(labels)}."
        )
    if alone:
        yield f"Timed alone: {', '.join(alone)}."


def _in_turn(own: Sequence[Figure]) -> int:
    """Return how many models had their turn in the rounds of these figures."""
    return max(figure.in_turn or 0 for figure in own)


def _listed(labels: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))
