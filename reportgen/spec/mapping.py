"""A spec as a dictionary → the plain values that YAML would give, each with its path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from reportgen.common.errors import Problem, SpecError
from reportgen.common.visible import unseen
from reportgen.spec.yaml_text import (
    DEEPEST,
    FLATTER,
    TOO_DEEP,
    Path,
    Place,
    Source,
    Text,
    cannot_be_seen,
)

_PLAIN = (str, int, float, bool, type(None))


def source(spec: Mapping[Any, Any]) -> Source:
    """Read a dictionary; raise SpecError for what YAML could not hold."""
    reader = _MappingReader()
    value = reader.read(spec, ())
    if reader.problems:
        raise SpecError(reader.problems)
    return Source(reader.places[()].text, value, reader.places, reader.places)


def _written(path: Path) -> str:
    """Write a path as `--set` takes it."""
    steps = (f'"{step}"' if "." in str(step) else str(step) for step in path)
    return ".".join(steps) or "the spec"


class _MappingReader:
    def __init__(self) -> None:
        self.places: dict[Path, Place] = {}
        self.problems: list[Problem] = []

    def read(self, value: Any, path: Path) -> Any:
        place = self.places[path] = Place(Text(_written(path)))
        if len(path) > DEEPEST:  # or it contains itself
            raise SpecError([place.problem(TOO_DEEP, FLATTER)])
        if isinstance(value, Mapping):
            return {key: self.read(value[key], (*path, key)) for key in self._keys(value, place)}
        if isinstance(value, list | tuple):
            return [self.read(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if isinstance(value, str):
            self._check(value, place, "the text", "\n\t")
        elif not isinstance(value, _PLAIN):
            kind = type(value).__name__
            hint = "A spec holds text, numbers, true, false, None, lists and dictionaries."
            self.problems.append(place.problem(f"a value of the type {kind}", hint))
        return value

    def _keys(self, value: Mapping[Any, Any], place: Place) -> list[str]:
        """Return the keys that are text, and note a problem for every other one."""
        for key in value:
            if isinstance(key, str):
                self._check(key, place, "the key")
            else:
                hint = f'Write "{key}".'
                self.problems.append(place.problem(f"the key `{key}` is not text", hint))
        return [key for key in value if isinstance(key, str)]

    def _check(self, text: str, place: Place, what: str, allowed: str = "") -> None:
        if character := unseen(text, allowed):
            self.problems.append(place.problem(*cannot_be_seen(what, character)))
