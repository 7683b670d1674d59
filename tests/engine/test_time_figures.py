"""Samples of times as figures, by hand."""

from __future__ import annotations

import pytest

from reportgen.engine.time_figures import Taken, latencies, milliseconds, speedup
from reportgen.measures.interleaving import Sample

HERE = Taken("here")


def samples(*pairs: tuple[float, float]) -> list[Sample]:
    return [Sample(mean, fastest) for mean, fastest in pairs]


def test_a_latency_is_the_median_and_its_fastest_call_stands_beside() -> None:
    taken = samples((0.010, 0.008), (0.012, 0.009), (0.020, 0.010), (0.011, 0.011), (0.013, 0.012))
    figure = milliseconds([taken], HERE)
    # Means sorted: 10 11 12 13 20; their quartiles are 11 and 13.
    assert (figure.value, figure.spread, figure.unit, figure.samples) == (12.0, 2.0, "ms", 5)
    # Of the fastest, 8 9 10 11 12, the lower quartile is 9: one above the fastest of all.
    assert (figure.fastest, figure.fastest_spread) == (8.0, 1.0)
    assert (figure.provenance, figure.environment) == ("measured", "here")


def test_throughput_is_the_batch_over_the_median() -> None:
    figures = latencies([samples((0.016, 0.01))], 32, "samples", HERE)
    assert set(figures) == {"latency@32", "throughput@32"}
    throughput = figures["throughput@32"]
    # 32 / 0.016 s
    assert (throughput.value, throughput.unit) == (2000.0, "samples/s")
    assert throughput.provenance == "derived"


def test_a_speed_up_is_that_of_the_rounds_and_of_the_fastest_calls() -> None:
    baseline = samples(*[(0.030, 0.020), (0.030, 0.021)] * 3)
    own = samples(*[(0.010, 0.008), (0.015, 0.010)] * 3)
    figure = speedup([baseline], [own], HERE)
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
    assert speedup([baseline], [own], HERE).fastest_spread == pytest.approx(2.5 * (1 / 20 + 2 / 8))


def test_the_rounds_of_all_processes_make_a_time() -> None:
    first, second = samples((0.010, 0.008), (0.012, 0.009)), samples((0.020, 0.007), (0.022, 0.018))
    figure = milliseconds([first, second], HERE)
    # Of 10 12 20 22 the median is 16; quartiles 11.5 and 20.5.
    assert (figure.value, figure.spread, figure.samples) == (16.0, 9.0, 4)
    assert (figure.fastest, figure.processes) == (7.0, 2)


def test_rounds_of_different_processes_are_no_pair() -> None:
    # The second process is twice as slow, of both alike.
    baseline = [samples((0.03, 0.03)) * 3, samples((0.06, 0.06)) * 5]
    own = [samples((0.01, 0.01)) * 3, samples((0.02, 0.02)) * 5]
    figure = speedup(baseline, own, HERE)
    assert (figure.value, figure.samples, figure.processes) == (3.0, 8, 2)
    # 1 % over the root of two: 3 / 1.00707 and 3 · 1.00707.
    assert figure.interval == (2.979, 3.021)


def disturbed(*counts: tuple[float, float]) -> list[Sample]:
    return [Sample(0.01, 0.01, faults, switches) for faults, switches in counts]


def test_page_faults_and_switches_stand_beside_the_time() -> None:
    figure = milliseconds([disturbed((0, 0), (3.14159, 0.5), (4_096, 0.1))], HERE)
    # The usual round has 3.1; (0 + 0.5 + 0.1) / 3 switches.
    assert (figure.faults, figure.switches) == (3.1, 0.2)
    assert milliseconds([samples((0.01, 0.01))], HERE).faults is None


@pytest.mark.parametrize(
    ("faults", "allocator", "note"),
    [
        (100, "steady", ""),
        (65_344, "steady", "65,000 page faults a call, in spite of the steady allocator"),
        (65_344, "system", ""),  # as the report says of it anyway
    ],
)
def test_faults_that_the_steady_allocator_should_have_kept_out_are_said(
    faults: float, allocator: str, note: str
) -> None:
    how = Taken("here", allocator)
    figures = latencies([disturbed((faults, 0))], 1, "images", how)
    assert {figure.note for figure in figures.values()} == {note}


def test_a_remark_is_made_of_every_figure() -> None:
    how = Taken("here", remark="the model set 4 threads; timed with 1")
    taken = [samples((0.01, 0.01)) * 3]
    for figure in latencies(taken, 1, "images", how).values():
        assert figure.note == how.remark
    assert speedup(taken, taken, how).note == (
        "the model set 4 threads; timed with 1; too few rounds to tell: 6 or more are needed"
    )
