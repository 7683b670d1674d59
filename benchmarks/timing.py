"""Whether times can be trusted: a known time, the same module twice, a known difference.

A module that spins until the clock says so takes the same time on every machine. The same network
twice must not differ: each of the runs is a comparison as a report makes it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import torch
from harness import Options, Row, duration
from torch import nn

from reportgen.measures import timing
from reportgen.measures.statistics import paired_ratio

ROUNDS = 15
SPIN_S = 0.005


def spin(wanted: float) -> None:
    """Keep the processor busy for so many seconds."""
    end = time.perf_counter() + wanted
    while time.perf_counter() < end:
        pass


def bench(options: Options) -> Iterator[Row]:
    """Calibrate."""
    with timing.quiet(1):
        yield _known_time()
        yield _no_difference(100)
        yield _known_difference(20 if options.quick else 100)


def _known_time() -> Row:
    samples = timing.interleaved({"spin": lambda: spin(SPIN_S)}, rounds=ROUNDS, warmup=2)
    measured = statistics.median(samples["spin"])
    off = measured / SPIN_S - 1
    return Row(
        f"a module that spins for {duration(SPIN_S)}",
        duration(measured),
        "",
        f"{off:+.2%}",
        "± 2 %",
    )


def _no_difference(runs: int) -> Row:
    network = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3)).eval()
    subject = timing.Subject(network, (torch.randn(1, 3, 32, 32),))
    silent = 0
    for _ in range(runs):
        samples = timing.interleaved({"a": subject, "b": subject}, rounds=ROUNDS, warmup=1)
        silent += not paired_ratio(samples["a"], samples["b"]).significant
    return Row(
        f"a network against itself, {runs} runs of {ROUNDS} rounds: no difference found in",
        f"{silent} runs",
        "",
        f"{silent / runs:.0%}",
        "≥ 95 %",
    )


def _known_difference(runs: int) -> Row:
    found = 0
    for _ in range(runs):
        samples = timing.interleaved(
            {"longer": lambda: spin(1.1 * SPIN_S), "shorter": lambda: spin(SPIN_S)},
            rounds=ROUNDS,
            warmup=1,
        )
        ratio = paired_ratio(samples["longer"], samples["shorter"])
        found += ratio.significant and ratio.low > 1
    return Row(
        f"10 % longer, {runs} runs of {ROUNDS} rounds: found in",
        f"{found} runs",
        "",
        f"{found / runs:.0%}",
        "100 %",
    )
