"""Statistics by hand."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.measures.statistics import Summary, paired_ratio, summary

positive = st.floats(0.01, 1e3)


def test_summary() -> None:
    # Sorted 1 2 3 4 100: median 3, quartiles 2 and 4.
    assert summary([4, 1, 100, 2, 3]) == Summary(3, 2, 5)
    assert summary([7.0]) == Summary(7.0, 0.0, 1)


def test_a_ratio_is_paired_round_by_round() -> None:
    # The machine slows down threefold half-way: every pair still says 2.
    result = paired_ratio([2, 2, 6, 6], [1, 1, 3, 3])
    assert (result.median, result.low, result.high, result.count) == (2, 2, 2, 4)
    assert result.significant


@given(st.lists(positive, min_size=3, max_size=20))
def test_equal_times_are_no_difference(times: list[float]) -> None:
    result = paired_ratio(times, times)
    assert result.median == 1
    assert not result.significant


@given(st.lists(st.tuples(positive, positive), min_size=3, max_size=12))
def test_the_interval_holds_the_median_and_repeats(pairs: list[tuple[float, float]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    result = paired_ratio(first, second)
    assert result.low <= result.median <= result.high
    assert paired_ratio(first, second) == result


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = random.Random(1)
    covered = 0
    for _ in range(200):
        first = [generator.lognormvariate(0, 0.1) for _ in range(15)]
        second = [generator.lognormvariate(0, 0.1) for _ in range(15)]
        covered += not paired_ratio(first, second).significant
    # 95 % of 200 is 190; a percentile interval of 15 pairs is a little narrow.
    assert 180 <= covered <= 200


def test_pairs_are_needed() -> None:
    with pytest.raises(ValueError, match=r"^pairs are needed, and here are 1 and 2 samples$"):
        paired_ratio([1], [1, 2])
