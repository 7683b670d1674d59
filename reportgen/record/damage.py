"""What is wrong with a record, where, and how the message says it.

Functions that read a record raise or yield a `DamageError`; `reportgen.record.record` turns the
first into a RecordError with the file's name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from reportgen.common.errors import ReportgenError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]
_Saying: TypeAlias = "Callable[[object, ErrorDetails], str]"  # of a value and its error

REMEDY = "Restore the file from version control, or delete it to measure everything again."
_LONGEST = 60


class DamageError(ReportgenError, ValueError):
    """A place inside a record, as keys and positions from its top, and what is wrong there."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(path, what)
        self.path = path
        self.what = what

    def __str__(self) -> str:
        """Write place and problem: `builds › ResNet-20 › classes: "ten" is not an integer`."""
        place = " › ".join(map(_segment, self.path))
        return f"{place}: {self.what}" if place else self.what

    def inside(self, *outer: str | int) -> DamageError:
        """Return it as seen from further outside."""
        return DamageError((*outer, *self.path), self.what)


def quoted(value: object) -> str:
    """Write a value for a message, shortened if it is long."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, int) and abs(value) >= 10**_LONGEST:
        return f"a number of {len(str(value))} digits"
    text = json.dumps(value[: 2 * _LONGEST] if isinstance(value, str) else value)
    if isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST:
        text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST + 2 else f"{text[:_LONGEST]}…"


def of_validation(error: ValidationError, data: object) -> DamageError:
    """Return the first of the errors that pydantic found in `data`."""
    # There may be hundreds of thousands: without the values they are listed twice as fast.
    errors = error.errors(include_url=False, include_input=False)
    shown, (path, value) = errors[0], _place(errors[0], data)
    # A union has an error for each of its types; the last is the most general.
    for each in errors[1:4]:
        if shown["type"] not in _OF_KEYS and _place(each, data)[0] == path:
            shown = each
    return DamageError(path, _SAYINGS.get(shown["type"], _fallback)(value, shown))


def _place(error: ErrorDetails, data: Any) -> tuple[Path, Any]:
    """Return where an error is, and the value there, without pydantic's steps for types.

    A missing or unknown key is reported at the object that it belongs to.
    """
    steps = error["loc"]
    if error["type"] in _OF_KEYS:
        steps = steps[:-1]
    path: list[str | int] = []
    for step in steps:
        try:
            data = data[step]
        except (LookupError, TypeError):
            continue
        path.append(step)
    return tuple(path), path[-1] if steps[-1:] == ("[key]",) else data


def _segment(step: str | int) -> str:
    """Write one step of a path: a position, or a key, quoted if it is not printable."""
    text = str(step)
    return text if text.isprintable() and 0 < len(text) <= _LONGEST else quoted(step)


def _is_not(what: str) -> _Saying:
    return lambda value, _: f"{quoted(value)} is not {what}"


def _limit(say: str, name: str) -> _Saying:
    return lambda value, error: f"{quoted(value)} is {say} {error['ctx'][name]:,}"


def _size(say: str, name: str) -> _Saying:
    return lambda _, error: f"{say} {error['ctx'][name]:,} entries"


def _missing(_: object, error: ErrorDetails) -> str:
    key = error["loc"][-1]
    return (
        f"the key {quoted(key)} is missing" if isinstance(key, str) else f"entry {key} is missing"
    )


def _unknown(_: object, error: ErrorDetails) -> str:
    return f"unknown key {quoted(error['loc'][-1])}"


def _fallback(value: object, error: ErrorDetails) -> str:
    return f"{quoted(value)} does not belong here ({error['msg']})"


_OF_KEYS = ("missing", "unexpected_keyword_argument", "extra_forbidden")
# By pydantic's type of error.
_SAYINGS: Mapping[str, _Saying] = {
    "missing": _missing,
    "unexpected_keyword_argument": _unknown,
    "extra_forbidden": _unknown,
    "int_type": _is_not("an integer"),
    "float_type": _is_not("a number"),
    "bool_type": _is_not("true or false"),
    "string_type": _is_not("a text"),
    "mapping_type": _is_not("an object"),
    "dict_type": _is_not("an object"),
    "dataclass_type": _is_not("an object"),
    "tuple_type": _is_not("a list"),
    "list_type": _is_not("a list"),
    "literal_error": lambda value, error: f"{quoted(value)} is not {error['ctx']['expected']}",
    "greater_than_equal": _limit("less than", "ge"),
    "less_than_equal": _limit("more than", "le"),
    "finite_number": _is_not("a finite number"),
    "string_too_short": lambda _, __: "an empty text stands where a name belongs",
    "string_too_long": lambda value, error: (
        f"a text of {len(str(value)):,} characters, of at most {error['ctx']['max_length']:,}"
    ),
    "string_pattern_mismatch": lambda value, error: (
        f"{quoted(value)} is not written as {error['ctx']['pattern']}"
    ),
    "too_long": _size("more than", "max_length"),
    "too_short": _size("fewer than", "min_length"),
}
