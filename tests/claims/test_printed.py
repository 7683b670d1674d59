"""What the digits of a printed number leave open."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.claims.printed import part, printed
from reportgen.common.units import format_count


@pytest.mark.parametrize(
    ("text", "step", "digits"),
    [
        ("2.6073 G", 100_000, 5),
        ("1.60 M", 10_000, 3),
        ("7.8 亿", 10_000_000, 2),
        ("896", 1, 3),
        ("20,490", 1, 5),
        ("0 MACs", 1, 0),
        ("0", 1, 0),
        ("3.80e9", 10_000_000, 3),
        ("7839944000", 1, 10),
        # rounded, although it is written out: three zeros or more after four digits or fewer
        ("7800000000", 100_000_000, 2),
        ("2048000", 1000, 4),
        ("2048100", 1, 7),
        ("12345000", 1, 8),
    ],
)
def test_the_last_digit(text: str, step: int, digits: int) -> None:
    number = printed(text)
    assert (number.step, number.digits) == (step, digits)


def test_a_unit_of_time_is_converted() -> None:
    number = printed("12.4 ms", "time.total")
    assert (number.value, number.step) == (Fraction("0.0124"), Fraction("0.0001"))


@given(st.integers(10_000, 10**15), st.integers(3, 6))
def test_every_count_fits_what_is_printed_of_it(value: int, digits: int) -> None:
    number = printed(format_count(value, digits))
    assert number.fits(Fraction(value))
    assert number.near(value)


@given(
    st.integers(1, 10**9),
    st.sampled_from(["", " K", " M", " G"]),
    st.fractions(min_value=-3, max_value=3),
)
def test_half_of_the_last_digit_is_the_limit(value: int, prefix: str, off: Fraction) -> None:
    number = printed(f"{value}.0{prefix}")
    other = number.value + off * number.step
    assert number.fits(other) is (abs(off) <= Fraction(1, 2))
    assert number.near(float(other)) or not number.fits(other)


@given(st.integers(1, 10**12), st.integers(-100, 100))
def test_a_tolerance_is_a_part_of_the_claim(value: int, per_mille: int) -> None:
    number = printed(f"{value}.0")
    other = number.value * (1 + Fraction(per_mille, 1000))
    assert number.fits(other, Fraction(1, 100)) is (
        abs(per_mille) <= 10 or abs(number.value - other) <= number.step / 2
    )


def test_a_tolerance_is_read_exactly() -> None:
    assert part("0.1%") == part("0.1 %") == Fraction(1, 1000)
    assert part("") == 0
