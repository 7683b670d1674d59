"""Numbers to text and back."""

from __future__ import annotations

import contextlib
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.common import units

COUNTS = st.integers(min_value=0, max_value=10**18)


@pytest.mark.parametrize(
    ("value", "precision", "text"),
    [
        (23_520_842, 2, "23.52 M"),
        (23_520_842, 4, "23.5208 M"),
        (1_598_378, 2, "1.6 M"),
        (101_550_592, 4, "101.551 M"),  # six significant digits, whatever the precision
        (999_999_999, 4, "1000 M"),  # as calflops does: the prefix is chosen before rounding
        (896, 2, "896 "),
        (0, 4, "0 "),
        (3e12, 4, "3 T"),
    ],
)
def test_calflops_number(value: units.Number, precision: int, text: str) -> None:
    assert units.calflops_number(value, precision) == text


def test_calflops_units_and_padding() -> None:
    assert units.calflops_flops(2_607_300_608) == "2.6073 GFLOPS"
    assert units.calflops_macs(101_550_592) == "101.551 MMACs"
    assert units.calflops_params(7_000_000_000) == "7 B"
    assert units.calflops_params(896) == "896"
    assert units.calflops_line("fwd MACs: ", "0 MACs") == f"fwd MACs: {' ' * 62}0 MACs  "
    assert units.calflops_share(864, 1_598_378) == "0.0541%"
    assert units.calflops_share(0, 0) == "0%"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (896, "896"),
        (7_680, "7,680"),
        (9_999, "9,999"),
        (10_000, "10.00 K"),
        (269_722, "269.7 K"),
        (999_949, "999.9 K"),
        (999_960, "1.000 M"),
        (23_520_842, "23.52 M"),
        (1_297_829_888, "1.298 G"),
        (3 * 1.5, "4.500"),
    ],
)
def test_count(value: units.Number, text: str) -> None:
    assert units.format_count(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12.4123, "12.4"),
        (0.0432123, "0.0432"),
        (1243.7, "1,240"),
        (99.95, "100"),
        (0.9996, "1.00"),
        (3, "3.00"),
        (0.0, "0"),
        (float("nan"), "NaN"),
    ],
)
def test_significant(value: units.Number, text: str) -> None:
    assert units.format_significant(value) == text


def test_decimals() -> None:
    assert units.format_decimals(91.73, 2) == "91.73"
    assert units.format_decimals(100, 2) == "100.00"
    assert units.format_decimals(0, 2) == "0.00"
    assert units.format_decimals(float("inf"), 2) == "Infinity"


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("2.6073 G", 2_607_300_000, ""),
        ("87.79 %", 87.79, "%"),
        ("172.2883 s", 172.2883, "s"),
        ("23.52 M", 23_520_000, ""),
        ("1.6 M", 1_600_000, ""),
        ("101.551 MMACs", 101_551_000, "MACs"),
        ("2.6073 GFLOPS", 2_607_300_000, "FLOPs"),
        ("1,297,829,888", 1_297_829_888, ""),
        ("16.534970368G", 16_534_970_368, ""),
        ("12.4ms", 12.4, "ms"),
        ("1.83x", 1.83, "×"),
        ("7.68 k params", 7_680, "params"),
        (" 5. ", 5, ""),
        ("1e-3", 0.001, ""),
        (7.8e9, 7_800_000_000, ""),
        (3, 3, ""),
    ],
)
def test_parse(text: str | float, value: units.Number, unit: str) -> None:
    parsed = units.parse_amount(text)
    assert parsed == (value, unit)
    assert type(parsed[0]) is type(value)


EXAMPLES = "Write a number with a unit, such as '2.6073 G', '87.79 %', '172.3 s' or '12.4 ms'."
UNITS = (
    "Prefixes: K, M, G, T, P, E; units: %, B, FLOPs, GB, GiB, KiB, MACs, MB, MiB, TB, TiB, h, "
    "images/s, kB, min, ms, params, s, µs, ×."
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"'' is not a metric. {EXAMPLES}"),
        ("about 3", f"'about 3' is not a metric. {EXAMPLES}"),
        ("-3 s", f"'-3 s' is not a metric. {EXAMPLES}"),
        ("1,23", f"'1,23' is not a metric. {EXAMPLES}"),
        (".", f"'.' is not a metric. {EXAMPLES}"),
        (True, f"'True' is not a metric. {EXAMPLES}"),
        (float("nan"), f"'nan' is not a metric. {EXAMPLES}"),
        ("5 m", "'5 m': write M for a million, ms for milliseconds, min for minutes."),
        ("3 kg", f"'3 kg': unknown unit 'kg'. {UNITS}"),
        ("3 Ms", f"'3 Ms': unknown unit 'Ms'. {UNITS}"),
    ],
)
def test_parse_says_what_to_write(text: str | float, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        units.parse_amount(text)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("0.0124 s", "ms", 12.4),
        ("12.4 ms", "ms", 12.4),
        ("250 ms", "s", 0.25),
        ("2 min", "s", 120),
        ("1.5 h", "s", 5400),
        ("30 us", "ms", 0.03),
        ("87.79", "%", 87.79),
        ("101.551 MMACs", "", 101_551_000),
        ("20 M", "", 20_000_000),
        ("1.2 K", "images/s", 1200),
        ("1.2 Kimages/s", "images/s", 1200),
        ("400 MiB", "MiB", 400),
        ("400", "MiB", 400),
        ("1.5 GiB", "MiB", 1536),
        ("512 kib", "MiB", 0.5),
        ("1 MB", "MiB", 1_000_000 / 2**20),
        ("2 GB", "MiB", 2e9 / 2**20),
        ("1048576 B", "MiB", 1),
        ("1024 bytes", "MiB", 1 / 1024),
    ],
)
def test_read_in(text: str, unit: str, value: units.Number) -> None:
    assert units.read_in(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("3 s", "%", "'3 s' is in s: write a value in %."),
        ("20 M", "MiB", "'20 M' names no unit. Write '20 MiB'."),
        ("1.5G", "MiB", "'1.5G' names no unit. Write '1.5 GiB'."),
        ("20 E", "MiB", "'20 E' names no unit. Write '20 MiB'."),
        (
            "20 ms",
            "MiB",
            "'20 ms' is in ms: write a memory in B, kB, MB, GB, TB, KiB, MiB, GiB, TiB.",
        ),
        ("20 M", "ms", "'20 M' is a count: write a time in h, min, s, ms, µs."),
        ("20 MiB", "ms", "'20 MiB' is in MiB: write a time in h, min, s, ms, µs."),
        ("2 K", "×", "'2 K' is a count: write a value in ×."),
        ("90 M", "%", "'90 M' is a count: write a value in %."),
        ("7 B", "", "'7 B': write G for a billion: '7 G'."),
        ("7B", "", "'7B': write G for a billion: '7 G'."),
        ("7 MiB", "", "'7 MiB' is in MiB: write a count of params, such as '2.6073 G'."),
        ("7 MMACs", "", "'7 MMACs' is in MACs: write a count of params, such as '2.6073 G'."),
    ],
)
def test_a_unit_that_does_not_fit(text: str, unit: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        units.read_in(text, unit, ("params",))


@given(COUNTS)
def test_a_count_keeps_four_digits(value: int) -> None:
    parsed, unit = units.parse_amount(units.format_count(value))
    assert unit == ""
    assert isinstance(parsed, int)
    assert abs(parsed - value) * 2_000 <= value  # half a unit in the fourth digit


@given(COUNTS)
def test_exact_digits_come_back(value: int) -> None:
    assert units.parse_amount(f"{value:,}") == (value, "")


@given(st.decimals(0, 10**6, places=4), st.sampled_from("KMGTPE"))
def test_a_prefix_is_exact(number: Decimal, prefix: str) -> None:
    exact = number.scaleb(" KMGTPE".index(prefix) * 3)
    value, _ = units.parse_amount(f"{number:f} {prefix}")
    assert value == (int(exact) if exact == int(exact) else float(exact))


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_three_digits_are_within_half_a_percent(value: float) -> None:
    shown = float(units.format_significant(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=5.1e-3)


@given(st.text())
def test_any_text_is_read_or_explained(text: str) -> None:
    with contextlib.suppress(ValueError):
        value, _ = units.parse_amount(text)
        assert value >= 0
