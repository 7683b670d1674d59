"""How long a run will take, as far as the times of earlier runs tell. Imports nothing heavy."""

from __future__ import annotations

from reportgen.measures.interleaving import MIN_SAMPLE_S
from reportgen.plan.staleness import Due, State
from reportgen.record.metrics import parse_key
from reportgen.record.record import BuildRecord
from reportgen.spec.model import Timing


def seconds(state: State, timing: Timing | None) -> tuple[float, int]:
    """Return how long what is due takes, by earlier figures, and how many have none.

    Counting and first calls are ignored.
    """
    timed = {due.build.id for due in state.due if due.group == "timing"}
    known, unknown = 0.0, 0
    for due in state.due:
        if due.group in ("complexity", "cold start") or (
            due.group == "speedup" and due.build.id in timed
        ):
            continue
        before = state.record.builds[due.build.id]
        cost = _evaluation(before) if due.group == "accuracy" else _timing(due, before, timing)
        known += cost or 0
        unknown += cost is None
    return known, unknown


def _evaluation(before: BuildRecord) -> float | None:
    return _value(before, "time.total")


def _timing(due: Due, before: BuildRecord, timing: Timing | None) -> float | None:
    assert timing is not None, "timing is due only where it is asked for"
    if due.group == "module times":
        latency = _value(before, f"latency@{min(timing.batch_sizes)}")
        return None if latency is None else timing.module_runs * latency / 1e3
    batches = {parse_key(key).batch for key in due.keys} - {None}
    warmup = min(timing.rounds, timing.processes) * timing.warmup
    parts = [_value(before, f"latency@{batch}") for batch in batches]
    costs = [
        (timing.rounds + warmup) * max(latency / 1e3, MIN_SAMPLE_S)
        for latency in parts
        if latency is not None
    ]
    if "time.total" in due.keys and (total := _value(before, "time.total")) is not None:
        costs.append(total)
    return sum(costs) if costs else None


def _value(build: BuildRecord, key: str) -> float | None:
    figure = build.figures.get(key)
    return figure.value if figure else None


def in_words(cost: float, unknown: int) -> str:
    """Say how long it will take; nothing where no figure tells."""
    if not cost:
        return ""
    said = f"about {cost:.0f} s" if cost < 120 else f"about {cost / 60:.0f} min"
    if cost < 1:
        said = "a second"
    more = f", and {unknown} that were never timed" if unknown else ""
    return f"{said} by earlier runs{more}"
