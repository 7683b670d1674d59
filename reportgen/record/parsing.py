"""Strict JSON: no duplicate keys, no invalid Unicode, no deep nesting."""

from __future__ import annotations

import json
from typing import Any

from reportgen.record.damage import DamageError, Path, quoted
from reportgen.record.values import MOST_ENTRIES


class _Doubled(dict[str, Any]):
    """An object with a duplicate key."""

    def __init__(self, values: dict[str, Any], key: str) -> None:
        super().__init__(values)
        self.key = key


def parse(text: str) -> dict[str, Any]:
    """Parse an object; bytes that are not UTF-8 are surrogates in `text`.

    Raises JSONDecodeError, and DamageError if it is not an object, has a key twice, or is too large
    or too deep.
    """
    _check_unicode(text)
    if not text.strip():
        raise DamageError((), "the file is empty")
    if text.startswith("\ufeff"):
        raise DamageError((), "it begins with a byte order mark")
    doubled: list[_Doubled] = []
    try:
        data = json.loads(text, object_pairs_hook=lambda pairs: _object(pairs, doubled))
    except (json.JSONDecodeError, DamageError):
        raise
    except RecursionError:
        raise DamageError((), "its objects and lists are nested too deeply") from None
    except ValueError:  # the limit of `int`
        raise DamageError((), "it holds a number of thousands of digits") from None
    if "\\u" in text:
        _check_unicode(json.dumps(data, ensure_ascii=False))
    if doubled:
        raise _find(data)
    if not isinstance(data, dict):
        raise DamageError((), f"not a reportgen record: {quoted(data)}")
    return data


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DamageError((), f"character {error.start + 1:,} is not UTF-8") from None


def _object(pairs: list[tuple[str, Any]], doubled: list[_Doubled]) -> dict[str, Any]:
    """Make an object of its keys and values; add it to `doubled` if a key occurs twice."""
    if len(pairs) > MOST_ENTRIES:  # each could have an error
        raise DamageError((), f"an object in it has {len(pairs):,} keys")
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    keys = [key for key, _ in pairs]
    doubled.append(_Doubled(values, next(key for key in keys if keys.count(key) > 1)))
    return doubled[-1]


def _find(data: Any) -> DamageError:
    """Return where the first object with a doubled key is."""
    ahead: list[tuple[Path, Any]] = [((), data)]
    while ahead:
        path, value = ahead.pop()
        if isinstance(value, _Doubled):
            return DamageError(path, f"the key {quoted(value.key)} stands there twice")
        if isinstance(value, dict):
            ahead += [((*path, step), each) for step, each in value.items()]
        elif isinstance(value, list):
            ahead += [((*path, step), each) for step, each in enumerate(value)]
    # The object was itself replaced by a doubled key.
    return DamageError((), "a key stands in an object twice")
