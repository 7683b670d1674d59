"""Format and parse numbers: calflops' format, that of tables, and user input.

A count below ten thousand is written out; a rounded one has an SI prefix and a fixed number of
significant digits. Parsing is exact: `2.6073 G` is the integer 2607300000.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, NamedTuple

Number = int | float

# ------------------------------------------------------------------------------------------------
# calflops
# ------------------------------------------------------------------------------------------------

_CALFLOPS_STEPS: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"))


def calflops_number(value: Number, precision: int) -> str:
    """Write `value` as calflops does: `23.52 M`, `896 `, `0 ` (the space stays without a prefix).

    `precision` is the number of decimals. calflops formats with `:g`: there are no trailing zeros,
    and at most six significant digits (`101.551 M` with a precision of 4).
    """
    for magnitude, prefix in _CALFLOPS_STEPS:
        if value >= magnitude:
            return f"{round(value / magnitude, precision):g} {prefix}"
    return f"{round(value, precision):g} "


def calflops_macs(value: Number, precision: int = 4) -> str:
    """Write multiply-accumulates as calflops does: `101.551 MMACs`."""
    return calflops_number(value, precision) + "MACs"


def calflops_flops(value: Number, precision: int = 4) -> str:
    """Write floating-point operations as calflops does: `2.6073 GFLOPS`."""
    return calflops_number(value, precision) + "FLOPS"


def calflops_params(value: Number, precision: int = 2) -> str:
    """Write a number of parameters as calflops does: `23.52 M`, `7 B`, `896`."""
    return calflops_number(value, precision).replace("G", "B").strip()


def calflops_share(part: Number, whole: Number, precision: int = 4) -> str:
    """Write `part` of `whole` as calflops does: `18.5862%`, `100%`."""
    return f"{round(100 * part / whole, precision) if whole else 0:g}%"


def calflops_line(label: str, value: str) -> str:
    """Lay a label and its value out as a line of the calflops block."""
    return f"{label:<70}  {value:<8}"


# ------------------------------------------------------------------------------------------------
# Tables
# ------------------------------------------------------------------------------------------------

_PREFIXES: Final = {"": 0, "K": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_WRITTEN_OUT_BELOW: Final = 10_000


def format_count(value: Number, digits: int = 4) -> str:
    """Write a count: all of it below 10,000, `digits` significant digits and a prefix above.

    `7,680`, `23.52 M`, `1.298 G`; one that rounds up takes the next prefix: 999,960 is `1.000 M`.
    """
    exact = Decimal(str(value))
    if exact < _WRITTEN_OUT_BELOW and exact == exact.to_integral_value():
        return f"{int(exact):,}"
    rounded = _round(exact, digits)
    prefix, exponent = max(
        ((name, power) for name, power in _PREFIXES.items() if rounded.adjusted() >= power),
        key=lambda step: step[1],
        default=("", 0),
    )
    return f"{_plain(rounded.scaleb(-exponent))} {prefix}".rstrip()


def format_exact(value: int) -> str:
    """Write every digit of an integer: `1,297,829,888`."""
    return f"{value:,}"


def format_significant(value: Number, digits: int = 3) -> str:
    """Write a noisy figure: `12.4`, `0.0432`, `1,240`; beyond `digits` stand zeros, not noise."""
    return _plain(_round(Decimal(str(value)), digits))


def format_decimals(value: Number, decimals: int) -> str:
    """Write a figure with a fixed number of decimals: `91.73`."""
    exact = Decimal(str(value))
    if not exact.is_finite():
        return _plain(exact)
    return _plain(exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN))


def _round(value: Decimal, digits: int) -> Decimal:
    if value == 0:
        return Decimal(0)
    if not value.is_finite():
        return value
    rounded = value.quantize(Decimal(1).scaleb(value.adjusted() - digits + 1), ROUND_HALF_EVEN)
    if rounded.adjusted() > value.adjusted():  # 999.96 became 1000.0: one digit too many
        return rounded.quantize(Decimal(1).scaleb(rounded.adjusted() - digits + 1))
    return rounded


def _plain(value: Decimal) -> str:
    return f"{value:,f}"


# ------------------------------------------------------------------------------------------------
# What people type
# ------------------------------------------------------------------------------------------------

# What each unit may be called, in lower case. `µ` is the micro sign or the Greek letter.
_NAMES: Final = {
    "%": "% percent",
    "h": "h hour hours",
    "min": "min minute minutes",
    "s": "s sec second seconds",
    "ms": "ms",
    "µs": "us \N{MICRO SIGN}s \N{GREEK SMALL LETTER MU}s",
    "images/s": "images/s img/s samples/s",
    "×": "x ×",
    "MACs": "mac macs",
    "FLOPs": "flop flops",
    "params": "param params parameters",
    "B": "b byte bytes",
    **{unit: unit.lower() for unit in ("kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB")},
}
_UNITS: Final = {"": "", **{name: unit for unit in _NAMES for name in _NAMES[unit].split()}}
COUNTS: Final = ("MACs", "FLOPs", "params")
_PREFIXABLE: Final = [name for name, unit in _UNITS.items() if unit in ("", *COUNTS, "images/s")]
_SECONDS: Final = {
    unit: Decimal(text)
    for unit, text in {"h": "3600", "min": "60", "s": "1", "ms": "1e-3", "µs": "1e-6"}.items()
}
_BYTES: Final = {
    "B": Decimal(1),
    **{f"{prefix}B": Decimal(1000) ** power for power, prefix in enumerate("kMGT", 1)},
    **{f"{prefix}iB": Decimal(1024) ** power for power, prefix in enumerate("KMGT", 1)},
}
# Of these, one can be written as any other.
_SCALES: Final = (_SECONDS, _BYTES)

_NUMBER: Final = r"(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:[eE][+-]?\d{1,2})?"
_METRIC: Final = re.compile(rf"(?P<number>{_NUMBER})\s*(?P<rest>[^\s\d.,+-].*)?", re.ASCII)

# Prefixes that are read and never written: 万 is ten thousand, 亿 a hundred million.
_READ_PREFIXES: Final = {**_PREFIXES, "万": 4, "亿": 8}

_EXAMPLES: Final = (
    "Write a number with a unit, such as '2.6073 G', '87.79 %', '172.3 s' or '12.4 ms'."
)


def parse_amount(text: str | Number) -> tuple[Number, str]:
    """Read `2.6073 G`, `87.79 %`, `172.2883 s`, `101.551 MMACs` or `7.8e9` as (value, unit).

    The value is an integer if the text names one; a bare number has no unit. Raises ValueError with
    a hint.
    """
    typed = _read(text)
    return _shortest(typed.number), typed.unit


def read_in(text: str | Number, unit: str, counts: Sequence[str] = COUNTS) -> Number:
    """Read a user's value for a metric, in that metric's unit: `1.5 GiB` in MiB is 1536.

    A bare number is in the metric's unit; a prefix without a unit (`20 M`) is for counts and
    `images/s`. `counts` are the units of a count. Raises ValueError with a hint for another unit.
    """
    return _shortest(_converted(_read(text), unit, counts))


def step_in(text: str | Number, unit: str, counts: Sequence[str] = COUNTS) -> Number:
    """Return the value of the last digit of such a text: 100000 for `2.6073 G`.

    A whole number with three or more zeros after at most four digits counts as rounded to these.
    """
    typed = _read(text)
    last = int(typed.number.as_tuple().exponent)
    if last == 0 and typed.number:
        digits = str(typed.number).rstrip("0")
        zeros = len(str(typed.number)) - len(digits)
        last = zeros if zeros >= 3 and len(digits) <= 4 else 0
    step = typed._replace(number=Decimal(1).scaleb(last))
    return _shortest(_converted(step, unit, counts))


class _Typed(NamedTuple):
    """A metric as it was typed, its last digit where it was written."""

    text: str
    number: Decimal
    unit: str
    prefixed: bool
    """Whether a prefix stands without a unit: `20 M`."""


def _read(text: str | Number) -> _Typed:
    typed = str(text).strip()
    match = _METRIC.fullmatch(typed)
    digits = match["number"].replace(",", "") if match else ""
    if isinstance(text, bool) or match is None or not any(map(str.isdigit, digits)):
        raise ValueError(f"'{text}' is not a metric. {_EXAMPLES}")
    power, unit = _split_unit((match["rest"] or "").strip(), str(text))
    return _Typed(typed, Decimal(digits).scaleb(power), unit, bool(power) and not unit)


def _converted(typed: _Typed, unit: str, counts: Sequence[str]) -> Decimal:
    """Convert between units of time or of memory exactly; leave what is in the wanted unit."""
    if typed.unit == "" and (not typed.prefixed or unit in ("", "images/s")):
        return typed.number
    if typed.unit == unit or (unit == "" and typed.unit in counts):
        return typed.number
    for scale in _SCALES:
        if typed.unit in scale and unit in scale:
            return typed.number * scale[typed.unit] / scale[unit]
    raise ValueError(_misfit(typed, unit, counts))


def _misfit(typed: _Typed, unit: str, counts: Sequence[str]) -> str:
    """Say why a unit does not fit, and what to write."""
    text = typed.text
    digits = text.rstrip("KMGTPEkgtbB 万亿")
    if typed.unit == "B" and unit == "":
        return f"'{text}': write G for a billion: '{digits} G'."
    if unit in _BYTES and typed.prefixed:
        meant = f"{text[-1].upper()}iB"
        return f"'{text}' names no unit. Write '{digits} {meant if meant in _BYTES else 'MiB'}'."
    wanted = {
        "": f"a count{' of ' * bool(counts)}{' or '.join(counts)}, such as '2.6073 G'",
        **dict.fromkeys(_SECONDS, f"a time in {', '.join(_SECONDS)}"),
        **dict.fromkeys(_BYTES, f"a memory in {', '.join(_BYTES)}"),
    }.get(unit, f"a value in {unit}")
    return f"'{text}' is {f'in {typed.unit}' if typed.unit else 'a count'}: write {wanted}."


def _split_unit(rest: str, text: str) -> tuple[int, str]:
    """Split `MMACs` into (6, `MACs`): the power of ten and the unit."""
    # Ms are no ms: where a prefix may be meant, case tells. Of bytes it tells nothing.
    name = rest if len(rest) <= 2 and rest[-1:] not in tuple("bB") else rest.lower()
    if name in _UNITS:
        return 0, _UNITS[name]
    prefix = rest[0].upper() if rest[0] in "kgt" else rest[0]
    unit = rest[1:].strip().lower()
    if prefix in _READ_PREFIXES and unit in _PREFIXABLE:
        return _READ_PREFIXES[prefix], _UNITS[unit]
    if rest == "m":
        raise ValueError(f"'{text}': write M for a million, ms for milliseconds, min for minutes.")
    raise ValueError(
        f"'{text}': unknown unit '{rest}'. Prefixes: K, M, G, T, P, E; units: "
        f"{', '.join(sorted(set(_UNITS.values()) - {''}))}."
    )


def _shortest(value: Decimal) -> Number:
    return int(value) if value == value.to_integral_value() else float(value)
