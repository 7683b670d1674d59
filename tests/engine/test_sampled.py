"""Samples of times as figures, by hand."""

from __future__ import annotations

import pytest

from reportgen.engine.sampled import latencies, milliseconds, speedup
from reportgen.measures.turns import Sample


def samples(*pairs: tuple[float, float]) -> list[Sample]:
    return [Sample(mean, fastest) for mean, fastest in pairs]


def test_a_latency_is_the_median_and_its_fastest_call_stands_beside() -> None:
    taken = samples((0.010, 0.008), (0.012, 0.009), (0.020, 0.010), (0.011, 0.011), (0.013, 0.012))
    figure = milliseconds(taken, "here")
    # Means sorted: 10 11 12 13 20; their quartiles are 11 and 13.
    assert (figure.value, figure.spread, figure.unit, figure.samples) == (12.0, 2.0, "ms", 5)
    # Of the fastest, 8 9 10 11 12, the lower quartile is 9: one above the fastest of all.
    assert (figure.fastest, figure.fastest_spread) == (8.0, 1.0)
    assert (figure.provenance, figure.environment) == ("measured", "here")


def test_throughput_is_the_batch_over_the_median() -> None:
    figures = latencies(samples((0.016, 0.01)), 32, "samples", "here")
    assert set(figures) == {"latency@32", "throughput@32"}
    throughput = figures["throughput@32"]
    # 32 / 0.016 s
    assert (throughput.value, throughput.unit) == (2000.0, "samples/s")
    assert throughput.provenance == "derived"


def test_a_speed_up_is_that_of_the_rounds_and_of_the_fastest_calls() -> None:
    baseline = samples(*[(0.030, 0.020), (0.030, 0.021)] * 3)
    own = samples(*[(0.010, 0.008), (0.015, 0.010)] * 3)
    figure = speedup(baseline, own, "here")
    # Ratios of rounds: 3, 2, 3, 2, 3, 2.
    assert (figure.value, figure.samples) == (2.5, 6)
    # 2 / 1.01 and 3 · 1.01: two processes differ by up to 1 %.
    assert figure.interval == (1.98, 3.03)
    assert figure.fastest == 2.5  # 20 / 8
    # Lower quartiles lie where the second of six and a quarter of the way to the third do: at the
    # fastest themselves. With one round in six that was fast, at the others: 1/20 and 2/8 above.
    assert figure.fastest_spread == 0
    baseline[1:] = samples(*[(0.030, 0.021)] * 5)
    own[1:] = samples(*[(0.015, 0.010)] * 5)
    assert speedup(baseline, own, "here").fastest_spread == pytest.approx(2.5 * (1 / 20 + 2 / 8))
