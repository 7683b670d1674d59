"""`--set path=value`: one value of a spec, given on the command line."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import takewhile
from typing import Any, NamedTuple

from reportgen.common.errors import SpecError, UsageError, did_you_mean
from reportgen.spec import yaml_text
from reportgen.spec.yaml_text import Path, Place, Source, Text

_STEP = re.compile(r'"(?P<quoted>[^"]*)"(?=\.|$)|(?P<plain>[^.]+)')
# Below these keys are the user's names: a new one is a spelling mistake.
_NAMED = {"models": "model", "datasets": "data set"}


class _Step(NamedTuple):
    """A part of a path between dots, or in quotes."""

    quoted: str | None
    plain: str | None

    @property
    def text(self) -> str:
        return self.quoted or self.plain or ""


def override(parsed: Source, option: str) -> Source:
    """Set the value at a path of the spec.

    The value is YAML. A key with a dot is found if the spec has it, or written in double quotes.
    Raises UsageError for an option without a path and a value, SpecError for a path that cannot be.
    """
    name, equals, text = option.partition("=")
    steps = [_Step(match["quoted"], match["plain"]) for match in _STEP.finditer(name)]
    if not equals or not steps or not all(step.text for step in steps):
        raise UsageError(
            f"--set {option}: write PATH=VALUE, such as measure.timing.rounds=5 or "
            "'models.My Model.args.width=2'."
        )
    place = Place(Text(f"--set {option}"))
    path = _resolve(parsed.value, steps, place)
    return Source(
        parsed.text,
        _put(parsed.value, path, _read(text, place)),
        _replaced(parsed.keys, path, place),
        _replaced(parsed.values, path, place),
    )


def _read(text: str, place: Place) -> Any:
    if not text.strip():
        return None
    try:
        return yaml_text.parse(text, place.text.name).value
    except SpecError as error:
        # The option itself is the place.
        raise SpecError(
            replace(problem, line=0, column=0, source="") for problem in error.problems
        ) from None


def _resolve(value: Any, steps: list[_Step], place: Place) -> Path:
    """Split a path into keys; it may end with new ones."""
    path: Path = ()
    while steps:
        if isinstance(value, list):
            step, steps = steps[0].text, steps[1:]
            if not step.isdigit() or int(step) >= len(value):
                count = f"'{path[-1]}' is a list of {len(value)}, and has no '{step}'"
                raise SpecError([place.problem(count, "Items are numbered from 0.")])
            path, value = (*path, int(step)), value[int(step)]
        elif isinstance(value, dict) or value is None:
            known: dict[str, Any] = value or {}
            key, steps = _key(known, steps)
            if key not in known and steps and len(path) == 1 and path[0] in _NAMED:
                message = f"no {_NAMED[str(path[0])]} '{key}' in this spec"
                raise SpecError([place.problem(message, did_you_mean(key, known))])
            path, value = (*path, key), known.get(key)
        else:
            whole = ".".join(map(str, path))
            message = f"'{path[-1]}' is {value}, and has no '{steps[0].text}'"
            raise SpecError([place.problem(message, f"Set it as a whole: {whole}=…")])
    return path


def _key(known: dict[str, Any], steps: list[_Step]) -> tuple[str, list[_Step]]:
    """Take the longest existing key, which may hold dots; else the first step."""
    if steps[0].plain:
        plain = [step.text for step in takewhile(lambda step: step.plain, steps)]
        for length in range(len(plain), 0, -1):
            if (key := ".".join(plain[:length])) in known:
                return key, steps[length:]
    return steps[0].text, steps[1:]


def _put(value: Any, path: Path, given: Any) -> Any:
    """Return `value` with `given` at `path`; nothing is changed in place."""
    if not path:
        return given
    step, *rest = path
    if isinstance(value, list):
        return [
            _put(item, tuple(rest), given) if index == step else item
            for index, item in enumerate(value)
        ]
    known = value or {}
    return {**known, step: _put(known.get(step), tuple(rest), given)}


def _replaced(places: dict[Path, Place], path: Path, place: Place) -> dict[Path, Place]:
    """Give what is at `path`, and what is new above it, the option's place."""
    kept = {at: old for at, old in places.items() if at[: len(path)] != path}
    made = {path[:length]: place for length in range(1, len(path) + 1)}
    return {**made, **kept, path: place}
