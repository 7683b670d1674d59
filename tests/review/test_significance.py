"""How often noise is called a change, and how small a change is found."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.engine.time_figures import Taken, milliseconds
from reportgen.measures.interleaving import Sample
from reportgen.record.record import Figure
from reportgen.review.significance import ratio, relative_error, why_untold
from tests.review.records import latency, speedup

Draw = Callable[[random.Random], float]


def drawn(generator: random.Random, rounds: int, noise: Draw, seconds: float = 1.0) -> Figure:
    """Return the latency of a program as a run writes it down; `noise` adds to it, as a part."""
    fastest = [seconds * (1 + noise(generator)) for _ in range(rounds)]
    # What a round takes on average tells more of the machine than of the program.
    samples = [Sample(each * generator.uniform(1, 1.5), each) for each in fastest]
    return milliseconds([samples], Taken("here"))


# By how much the fastest call of a round is slower than it would be on a machine of its own.
NOISE: dict[str, Draw] = {
    "hardly any": lambda generator: generator.expovariate(200),
    "exponential": lambda generator: generator.expovariate(10),
    "rising linearly from the floor": lambda generator: 0.3 * math.sqrt(generator.random()),
    "lognormal": lambda generator: generator.lognormvariate(-3, 1),
    "quiet at some times": lambda generator: (
        generator.uniform(0.2, 0.8) if generator.random() < 0.7 else generator.uniform(0, 0.02)
    ),
}


@pytest.mark.parametrize("rounds", [20, 40])
@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_hardly_ever_is_noise_called_a_change(noise: Draw, rounds: int) -> None:
    generator = random.Random(rounds)
    alarms = 0
    for _ in range(1_000):
        compared = ratio(drawn(generator, rounds, noise), drawn(generator, rounds, noise))
        assert compared is not None
        alarms += compared.significant
    assert alarms <= 10


@pytest.mark.parametrize("name", ["hardly any", "exponential", "lognormal", "quiet at some times"])
def test_a_slow_down_by_15_percent_is_found(name: str) -> None:
    generator = random.Random(0)
    found = 0
    for _ in range(200):
        compared = ratio(drawn(generator, 40, NOISE[name]), drawn(generator, 40, NOISE[name], 1.15))
        assert compared is not None
        found += compared.significant and compared.log > 0
    assert found >= 190


def test_a_run_in_which_all_is_slow_but_a_few_calls_is_no_change() -> None:
    # Both have a quarter of their rounds' fastest calls within a hundredth of 9 ms.
    quiet = latency(10)
    disturbed = Figure(
        "measured", 17.0, "ms", samples=20, spread=5.0, fastest=9.1, fastest_spread=0.09
    )
    compared = ratio(quiet, disturbed)
    assert compared is not None
    assert not compared.significant
    # Of one that never had a quiet moment, nobody can tell.
    busy = Figure("measured", 17.0, "ms", samples=20, spread=5.0, fastest=11.0, fastest_spread=5.5)
    compared = ratio(quiet, busy)
    assert compared is not None
    assert not compared.significant


def test_the_bounds_are_derived_from_the_spread_of_the_fastest() -> None:
    # Each error: 2 · 0.01 / √25 = 0.004. Two of them are below the floor of ln 1.1 = 0.09531.
    old, new = latency(10, 0.01, 25), latency(12, 0.01, 25)
    compared = ratio(old, new)
    assert compared is not None
    assert compared.log == pytest.approx(math.log(1.2))
    assert compared.width == pytest.approx(math.log(1.1))
    # 2 · 0.1 / √25 = 0.04 and 2 · 0.2 / √25 = 0.08.
    compared = ratio(latency(10, 0.1, 25), latency(10, 0.2, 25))
    assert compared is not None
    assert compared.width == pytest.approx(0.12)


ONCE = Figure("measured", 9.0, "s", samples=1)
OLD = Figure("measured", 9.0, "ms", samples=40, spread=0.1)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (latency(10, samples=19), latency(90), "19 rounds are too few: 20 are needed"),
        (ONCE, ONCE, "measured once: its spread is unknown"),
        (Figure("unavailable"), latency(10), "measured once: its spread is unknown"),
        (OLD, latency(10), "its fastest calls are unknown: an older reportgen timed it"),
    ],
)
def test_where_nothing_tells_the_error_there_is_no_verdict(
    old: Figure, new: Figure, why: str
) -> None:
    assert ratio(old, new) is None
    assert ratio(new, old) is None
    assert why_untold(old, new) == why


def test_a_speed_up_is_compared_like_a_latency() -> None:
    compared = ratio(speedup(2), speedup(1))
    assert compared is not None
    assert compared.significant
    assert compared.log == pytest.approx(-math.log(2))
    assert relative_error(speedup(2)) == pytest.approx(0.04 / math.sqrt(20))


values = st.floats(0.001, 1_000)


@given(values, values, st.floats(0, 0.5), st.integers(20, 50))
def test_before_and_after_change_places(a: float, b: float, unsure: float, rounds: int) -> None:
    old, new = latency(a, unsure, rounds), latency(b, unsure, rounds)
    there, back = ratio(old, new), ratio(new, old)
    assert there is not None
    assert back is not None
    assert there.log == pytest.approx(-back.log)
    assert there.width == pytest.approx(back.width)
    if abs(abs(there.log) - there.width) > 1e-9:  # not on the very edge, where rounding decides
        assert there.significant == back.significant
