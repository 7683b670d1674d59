"""Statistics by hand."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.measures.statistics import (
    Fastest,
    Summary,
    fastest,
    paired_ratio,
    ratio_of_processes,
    summary,
)

positive = st.floats(0.01, 1e3)


def test_summary() -> None:
    # Sorted 1 2 3 4 100: median 3, quartiles 2 and 4.
    assert summary([4, 1, 100, 2, 3]) == Summary(3, 2, 5)
    assert summary([7.0]) == Summary(7.0, 0.0, 1)


def test_a_ratio_is_paired_round_by_round() -> None:
    # The machine slows down threefold half-way: every pair still says 2.
    result = paired_ratio([2, 2, 2, 6, 6, 6], [1, 1, 1, 3, 3, 3])
    assert (result.median, result.low, result.high, result.count) == (2, 2, 2, 6)
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


@pytest.mark.parametrize(
    ("pairs", "outside"),
    # What a binomial of one half puts below, on either side: 1 of 2⁶ is 1.6 %, and 1 + 6 would be
    # 10.9 %; 1 + 9 of 2⁹ are 2.0 %; 1 + 15 + 105 + 455 of 2¹⁵ are 1.8 %, and with 1,365 more 5.9 %.
    [(6, 0), (9, 1), (15, 3)],
)
def test_the_interval_leaves_out_what_chance_allows(pairs: int, outside: int) -> None:
    result = paired_ratio([100 + number for number in range(pairs)], [100] * pairs)
    assert result.low == (100 + outside) / 100
    assert result.high == (100 + pairs - 1 - outside) / 100


@pytest.mark.parametrize("outliers", [0.0, 0.2])
@pytest.mark.parametrize("pairs", [6, 15, 30])
def test_the_interval_covers_the_truth_as_often_as_it_says(pairs: int, outliers: float) -> None:
    generator = random.Random(1)

    def seconds() -> float:
        """Draw a time as a shared machine gives them: some much too long."""
        late = generator.expovariate(1) if generator.random() < outliers else 0
        return generator.lognormvariate(0, 0.1) + late

    covered = 0
    for _ in range(1_000):
        first, second = [[seconds() for _ in range(pairs)] for _ in range(2)]
        covered += not paired_ratio(first, second).significant
    assert covered >= 940  # 95 % are 950, give or take seven


def test_a_difference_of_ten_percent_is_found_behind_three_percent_of_noise() -> None:
    generator = random.Random(1)
    found = 0
    for _ in range(100):
        first = [1.1 * generator.lognormvariate(0, 0.03) for _ in range(15)]
        second = [generator.lognormvariate(0, 0.03) for _ in range(15)]
        result = paired_ratio(first, second)
        found += result.significant and result.low > 1
    assert found == 100


def test_what_cannot_be_told_is_said() -> None:
    # Half of the rounds say twice as fast, half that it is half as fast.
    assert paired_ratio([1, 2] * 6, [2, 1] * 6).doubt == "too noisy to tell"
    assert paired_ratio([1] * 5, [2] * 5).doubt == "too few rounds to tell: 6 or more are needed"
    # A difference beyond the noise can be told, and so can it that there is none worth the name.
    assert paired_ratio([2, 3] * 6, [1] * 12).doubt == ""
    assert paired_ratio([1, 1.01] * 6, [1.01, 1] * 6).doubt == ""


def test_pairs_are_needed() -> None:
    with pytest.raises(ValueError, match=r"^pairs are needed, and here are 1 and 2 samples$"):
        paired_ratio([1], [1, 2])


def test_many_rounds_are_put_together_in_blocks_of_neighbours() -> None:
    # Forty rounds are twenty blocks of two; of 20, five lie outside on either side (2.1 %).
    ratios = [1.0 + number / 100 for number in range(40)]
    result = paired_ratio(ratios, [1.0] * 40)
    medians = [(a + b) / 2 for a, b in zip(ratios[::2], ratios[1::2], strict=True)]
    assert (result.low, result.high) == (medians[5], medians[14])
    assert result.count == 40


def test_rounds_that_resemble_each_other_do_not_make_an_interval_narrow() -> None:
    generator = random.Random(1)
    covered = 0
    for _ in range(300):
        # What else is at work changes every ten rounds, and hits one of the two.
        noise = [generator.lognormvariate(0, 0.1) for _ in range(20)]
        first = [noise[number // 10] * generator.lognormvariate(0, 0.01) for number in range(200)]
        covered += not paired_ratio(first, [1.0] * 200).significant
    assert covered / 300 >= 0.93


def test_the_fastest_of_the_rounds_and_how_near_others_came() -> None:
    # Sorted 1, 2, 3, 4, 5: the lower quartile is the second of five.
    found = fastest([3, 1, 5, 2, 4])
    assert (found.value, found.spread) == (1, 1)
    # Of four it lies three quarters of the way from the first to the second.
    assert fastest([8, 4, 9, 10]).spread == pytest.approx(3)
    assert fastest([7]) == Fastest(7, 0)


@pytest.mark.parametrize(("slower", "told"), [(1.009, False), (1.011, True)])
def test_what_two_processes_differ_by_is_no_difference(slower: float, told: bool) -> None:
    for ratio in (slower, 1 / slower):
        assert paired_ratio([ratio] * 20, [1.0] * 20).significant == told
    result = paired_ratio([2.0] * 20, [1.0] * 20)
    assert result.interval == pytest.approx((2 / 1.01, 2 * 1.01))
    assert result.precision == 0  # what more rounds would narrow


def test_processes_that_differ_are_both_in_the_interval() -> None:
    # Ten rounds of a process that finds 1.00, and ten of one that finds 1.05: 5 of 20 lie outside.
    result = ratio_of_processes([[1.0] * 10, [1.05] * 10], [[1.0] * 10] * 2)
    assert (result.median, result.low, result.high) == (1.025, 1.0, 1.05)
    assert (result.count, result.processes) == (20, 2)


def test_blocks_do_not_reach_over_two_processes() -> None:
    # 42 rounds make blocks of two; neither process has a pair for its last round.
    first, second = [1.0] * 21, [3.0] * 21
    result = ratio_of_processes([first, second], [[1.0] * 21] * 2)
    assert (result.median, result.count) == (2.0, 42)
    assert {result.low, result.high} == {1.0, 3.0}


@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.parametrize("rounds", [20, 40])
def test_the_interval_covers_the_truth_though_processes_differ(processes: int, rounds: int) -> None:
    generator = random.Random(1)

    def process(count: int) -> list[float]:
        # Levels of processes 0.25 % apart, so that of forty ratios some are 0.5 % or more off.
        level = generator.lognormvariate(0, 0.0025)
        return [level * generator.lognormvariate(0, 0.003) for _ in range(count)]

    covered = 0
    for _ in range(500):
        sides = [[process(rounds // processes) for _ in range(processes)] for _ in range(2)]
        covered += not ratio_of_processes(*sides).significant
    assert covered / 500 >= 0.95


def test_more_processes_tell_smaller_differences() -> None:
    for processes, smallest in ((1, 1.01), (4, 1.005)):
        for slower, told in ((smallest - 1e-4, False), (smallest + 1e-4, True)):
            parts = [[slower] * 10] * processes
            assert ratio_of_processes(parts, [[1.0] * 10] * processes).significant == told
