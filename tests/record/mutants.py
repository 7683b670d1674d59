"""Damaged records: texts a little off from good ones, the same for the same seed."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from functools import lru_cache
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 10**31, -(10**31), 10**400, 0.5, -0.5, 1e-320, 1e300),
    *(
        float("nan"),
        float("inf"),
        "",
        "x",
        "1",
        "@",
        "macs",
        "macs@8",
        "latency@0",
        "a\nb",
        "\x1b[",
    ),
    *("\ud800", "é" * 2_000, "x" * 1_000_000, [], [[]], [None], [0], {}, {"": {}}, {"x": 1}),
    *([1] * 40, {"provenance": "measured"}, {"provenance": "measured", "value": -1}),
)


def mutant(text: str, seed: int) -> str:
    """Damage the text of a record once or twice."""
    chance = random.Random(seed)
    for _ in range(chance.choice((1, 1, 2))):
        text = chance.choice(_WAYS)(text, chance)
    return text


def _values(text: str, chance: random.Random) -> str:
    """Delete, replace, double, rename or move one value."""
    try:
        data, places = _parsed(text)
    except (ValueError, RecursionError):
        return text
    inside = chance.choice(places)
    before = copy.copy(inside)
    _change(inside, places, chance)
    try:
        return json.dumps(data)
    except (ValueError, RecursionError):  # it was moved into itself
        return text
    finally:  # the next mutant of this text starts from the same values
        inside.clear()
        (inside.extend if isinstance(inside, list) else inside.update)(before)


def _change(inside: Any, places: list[Any], chance: random.Random) -> None:
    keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
    if not keys:
        return
    key = chance.choice(keys)
    match chance.randrange(6):
        case 0:
            del inside[key]
        case 1 | 2:
            inside[key] = chance.choice(ODD)
        case 3:
            inside[key] = _another_type(inside[key])
        case 4 if isinstance(inside, dict):
            inside[chance.choice(["x", "", "robustness@8", "\ud800", *keys])] = inside.pop(key)
        case 4:
            inside.append(inside[key])
        case _:
            inside[key] = chance.choice(places)


@lru_cache(maxsize=16)  # the good records; parsing one takes longer than changing it
def _parsed(text: str) -> tuple[Any, list[Any]]:
    data = json.loads(text)
    return data, _containers(data)


def _containers(data: Any) -> list[Any]:
    """List all objects and lists, those near the top as often as those of ledgers."""
    found, ahead = [], [data]
    while ahead:
        value = ahead.pop()
        found.append(value)
        inside = list(value.values()) if isinstance(value, dict) else value
        ahead += [each for each in inside if isinstance(each, dict | list)]
    objects = [value for value in found if isinstance(value, dict)]
    return objects * (1 + len(found) // len(objects)) + found


def _another_type(value: Any) -> Any:
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list):
        return dict(enumerate(value))
    return [value] if isinstance(value, str) else str(value)


def _doubled_key(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    place = chance.randrange(len(lines))
    return "".join([*lines[: place + 1], *lines[place:]])


def _cut(text: str, chance: random.Random) -> str:
    start = chance.randrange(len(text) + 1)
    return text[:start] + chance.choice(("", text[start + chance.randrange(200) :]))


def _bit(text: str, chance: random.Random) -> str:
    """Turn one bit over, as `records.read` would see it."""
    data = bytearray(text.encode(errors="surrogateescape"))
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data.decode(errors="surrogateescape")


def _inserted(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text) + 1)
    junk = chance.choice(
        ("NaN", "-Infinity", "1e999", "9" * 5_000, "[" * 2_000, "{}", ",", "\ufeff")
    )
    return text[:place] + junk + text[place:]


_WAYS: tuple[Callable[[str, random.Random], str], ...] = (
    *(_values, _values, _values, _values, _doubled_key, _cut, _bit, _bit, _inserted),
)
