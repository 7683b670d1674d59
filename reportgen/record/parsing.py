"""The JSON text of a record as plain values, and nothing that JSON leaves open."""

from __future__ import annotations

import json
from typing import Any

from reportgen.record.damage import DamageError, Path, quoted
from reportgen.record.values import MOST_ENTRIES


class _Doubled(dict[str, Any]):
    """An object in whose text a key stands twice."""

    def __init__(self, values: dict[str, Any], key: str) -> None:
        super().__init__(values)
        self.key = key


def parse(text: str) -> dict[str, Any]:
    """Return the object that `text` is; bytes that were not UTF-8 are surrogates in it.

    Raises JSONDecodeError for what is not JSON, and DamageError for what is no object, has a key
    twice, or is larger or deeper than what Python reads.
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
    """Make an object of its keys and values; add it to `doubled` where a key stands twice."""
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
    return DamageError(
        (), "a key stands in an object twice"
    )  # in one that another took the place of
