"""How long a run will take, from what earlier runs wrote down."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reportgen.engine import estimate
from reportgen.plan.staleness import Due, State
from reportgen.record.record import BuildRecord, Figure, Record
from reportgen.spec.model import Timing

SETTINGS = Timing(batch_sizes=[1, 8], rounds=8, warmup=2)


def state(figures: dict[str, float], *due: tuple[Any, tuple[str, ...]]) -> State:
    build = BuildRecord("A", "d", 2, "zoo/x", (1, 2, 3), figures={
        key: Figure("measured", value) for key, value in figures.items()
    })  # fmt: skip
    any_build: Any = SimpleNamespace(id="A")
    dues = tuple(Due(any_build, group, keys, {}, "why") for group, keys in due)
    return State(Record("s", "T", builds={"A": build}), dues)


TIMED = ("timing", ("latency@1", "throughput@1", "latency@8", "time.total"))
SPEED = ("speedup", ("speedup@1", "speedup@8"))


@pytest.mark.parametrize(
    ("figures", "due", "expected"),
    [
        # 8 rounds and 2 to warm up in each of two processes, of 0.2 s and 0.1 s; 3 s for the whole.
        ({"latency@1": 200, "latency@8": 100, "time.total": 3}, [TIMED], (6.6, 0)),
        # The speed-up comes of the same rounds.
        ({"latency@1": 200, "latency@8": 100, "time.total": 3}, [TIMED, SPEED], (6.6, 0)),
        ({"latency@1": 200, "latency@8": 100}, [SPEED], (3.6, 0)),
        # No sample is shorter than 0.1 s.
        ({"latency@1": 0.1}, [("speedup", ("speedup@1",))], (1.2, 0)),
        ({"time.total": 3}, [("accuracy", ("top1",))], (3, 0)),
        ({}, [TIMED, ("accuracy", ("top1",)), ("complexity", ("macs",))], (0, 2)),
    ],
)
def test_what_is_due(
    figures: dict[str, float], due: list[Any], expected: tuple[float, int]
) -> None:
    assert estimate.seconds(state(figures, *due), SETTINGS) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("cost", "unknown", "expected"),
    [
        (0, 3, ""),
        (0.3, 0, "a second by earlier runs"),
        (12.3, 0, "about 12 s by earlier runs"),
        (600, 2, "about 10 min by earlier runs, and 2 that were never timed"),
    ],
)
def test_in_words(cost: float, unknown: int, expected: str) -> None:
    assert estimate.in_words(cost, unknown) == expected
