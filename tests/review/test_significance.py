"""How often noise is called a change, and how small a change is found."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.measures import statistics
from reportgen.record import Figure
from reportgen.review import significance
from reportgen.review.significance import ratio, relative_error, t_quantile
from tests.review.records import latency, speedup


def drawn(generator: random.Random, rounds: int, noise: float, factor: float = 1.0) -> Figure:
    """Return the latency of a program under lognormal noise, as a run writes it down."""
    samples = [factor * math.exp(generator.gauss(0, noise)) for _ in range(rounds)]
    of = statistics.summary(samples)
    return Figure("measured", of.median, "ms", samples=of.count, spread=of.iqr)


@pytest.mark.parametrize("rounds", [5, 7, 15, 31])
@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
def test_hardly_ever_is_noise_called_a_change(
    rounds: int, noise: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(significance, "FLOOR", 0.0)  # the interval by itself
    generator = random.Random(rounds)
    pairs = 2_000
    alarms = 0
    for _ in range(pairs):
        compared = ratio(drawn(generator, rounds, noise), drawn(generator, rounds, noise))
        alarms += compared is not None and compared.significant
    assert alarms / pairs <= 0.002


def test_a_real_slow_down_by_15_percent_is_found_where_noise_is_usual() -> None:
    generator = random.Random(0)
    found = 0
    for _ in range(200):
        compared = ratio(drawn(generator, 15, 0.03), drawn(generator, 15, 0.03, 1.15))
        found += compared is not None and compared.significant
    assert found / 200 >= 0.95


def test_the_bounds_are_derived_from_the_spread() -> None:
    # Each error: 1.2533/1.349 · 0.3/10 / √16 = 0.006968; of the difference √2 times that: 0.009854.
    # Degrees of freedom: 0.37 · 30 = 11.1; Student's t at 99.9 %: 4.428. The product, 0.04363, is
    # below the floor of ln 1.05 = 0.04879.
    old, new = latency(10, 0.3, 16), latency(12, 0.3, 16)
    compared = ratio(old, new)
    assert compared is not None
    assert compared.log == pytest.approx(math.log(1.2))
    assert compared.width == pytest.approx(math.log(1.05))
    # Twice the spread: 0.08727 to either side.
    compared = ratio(latency(10, 0.6, 16), latency(10, 0.6, 16))
    assert compared is not None
    assert compared.width == pytest.approx(0.08727, rel=2e-3)


def test_an_interval_is_read_as_1_96_errors_to_either_side() -> None:
    figure = Figure("measured", 2.0, "×", samples=9, interval=(1.0, 4.0))
    assert relative_error(figure) == pytest.approx(math.log(2) / 1.96)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (latency(10, samples=4), latency(90, samples=15)),
        (Figure("measured", 10.0, "s", samples=1), Figure("measured", 90.0, "s", samples=1)),
        (Figure("unavailable"), latency(10)),
        (Figure("measured", 1.0, "×", samples=9, interval=(0.0, 2.0)), speedup(3)),
    ],
)
def test_where_nothing_tells_the_spread_there_is_no_verdict(old: Figure, new: Figure) -> None:
    assert ratio(old, new) is None


def test_students_t_is_the_one_of_the_tables() -> None:
    # Two-sided 99.9 %: 8.610, 4.587, 3.850 for 4, 10 and 20 degrees of freedom.
    for freedom, expected in ((4, 8.610), (10, 4.587), (20, 3.850)):
        assert t_quantile(0.999, freedom) == pytest.approx(expected, rel=0.015)


values = st.floats(0.001, 1_000)


@given(values, values, st.floats(0, 0.5), st.integers(5, 50))
def test_before_and_after_change_places(a: float, b: float, spread: float, rounds: int) -> None:
    old, new = latency(a, spread * a, rounds), latency(b, spread * b, rounds)
    there, back = ratio(old, new), ratio(new, old)
    assert there is not None
    assert back is not None
    assert there.log == pytest.approx(-back.log)
    assert there.width == pytest.approx(back.width)
    if abs(abs(there.log) - there.width) > 1e-9:  # not on the very edge, where rounding decides
        assert there.significant == back.significant


def test_of_an_interval_no_more_rounds_count_than_it_has_blocks() -> None:
    few, many = (speedup(2, off=0.05, samples=samples) for samples in (20, 400))
    assert ratio(few, few) == ratio(many, many)
    fewer, enough = ratio(speedup(2, off=0.05, samples=6), few), ratio(few, few)
    assert fewer is not None
    assert enough is not None
    assert fewer.width > enough.width
