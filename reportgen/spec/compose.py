"""One spec from several texts: its bases, options of the command line, and defaults.

This works on plain values, before anything is checked, and every value keeps its place, so that
errors name it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path as File
from typing import Any

from reportgen.common.errors import SpecError, did_you_mean
from reportgen.spec import yaml_text
from reportgen.spec.override import override
from reportgen.spec.relocate import relocate
from reportgen.spec.yaml_text import Path, Place, Source

# A checkpoint comes from one place: naming another one leaves nothing of the first. These keys name
# no place.
_PINS = {"key", "sha256"}


def compose(parsed: Source, path: File, overrides: Sequence[str] = ()) -> Source:
    """Merge the bases of the spec at `path`, itself, overrides (`path=value`) and defaults.

    Raises SpecError.
    """
    whole = _with_bases(_mapping(parsed), path, ())
    for option in overrides:
        whole = override(whole, option)
    return _with_defaults(whole)


def merge(base: Source, over: Source) -> Source:
    """Merge `over` into `base`: mappings key by key; anything else is replaced."""
    replaced: set[Path] = set()
    value = _merge(base.value, over.value, (), replaced)

    def kept(places: dict[Path, Place]) -> dict[Path, Place]:
        return {
            path: place
            for path, place in places.items()
            if not any(path[:length] in replaced for length in range(len(path) + 1))
        }

    return Source(
        over.text, value, {**kept(base.keys), **over.keys}, {**kept(base.values), **over.values}
    )


def _merge(base: Any, over: Any, path: Path, replaced: set[Path]) -> Any:
    both = isinstance(base, dict) and isinstance(over, dict)
    if not both or (path[-1:] == ("weights",) and _other_origin(base, over)):
        replaced.add(path)
        return over
    result = dict(base)
    for key, value in over.items():
        result[key] = _merge(base[key], value, (*path, key), replaced) if key in base else value
    return result


def _other_origin(base: dict[str, Any], over: dict[str, Any]) -> bool:
    return bool(over.keys() - _PINS) and not ("fit" in base and "fit" in over)


def _mapping(parsed: Source) -> Source:
    if isinstance(parsed.value, dict):
        return parsed
    hint = "`reportgen init` writes one to start from."
    raise SpecError([parsed.problem((), "a spec is a mapping of keys", hint)])


def _with_bases(parsed: Source, path: File, chain: tuple[File, ...]) -> Source:
    """Merge the bases of a spec, in their order, and then the spec itself."""
    chain = (*chain, path)
    bases: Source | None = None
    for at, name in _extended(parsed):
        base = path.parent / name
        if base.resolve() in (file.resolve() for file in chain):
            circle = " → ".join(file.name for file in (*chain, base))
            message = f"'{name}' extends this spec in turn: {circle}"
            raise SpecError([parsed.problem(at, message, "Remove one of them.")])
        read = _with_bases(_mapping(_read(base, parsed, at, name)), base, chain)
        moved = relocate(read, base.parent, path.parent)
        bases = moved if bases is None else merge(bases, moved)
    return parsed if bases is None else merge(bases, parsed)


def _extended(parsed: Source) -> Iterator[tuple[Path, str]]:
    """Yield the names of the bases, each with its place."""
    given = parsed.value.get("extends")
    if isinstance(given, str):
        yield ("extends",), given
    elif isinstance(given, list) and all(isinstance(name, str) for name in given):
        yield from ((("extends", index), name) for index, name in enumerate(given))
    elif "extends" in parsed.value:
        hint = "Write `extends: base.yaml`, or `extends: [one.yaml, two.yaml]`."
        raise SpecError([parsed.problem(("extends",), "'extends' must name specs", hint)])


def _read(base: File, parsed: Source, at: Path, name: str) -> Source:
    try:
        if not base.is_file():  # reading a pipe would wait for ever
            raise FileNotFoundError
        text = base.read_text(encoding="utf-8")
    except OSError:
        folder = base.parent
        near = [entry.name for entry in folder.glob("*.y*ml")] if folder.is_dir() else []
        near = [other for other in near if other != File(parsed.text.name).name]
        hint = did_you_mean(base.name, near)
        raise SpecError([parsed.problem(at, f"no such spec: '{name}'", hint)]) from None
    except UnicodeDecodeError as error:
        message = f"'{name}' is not UTF-8 text (byte {error.start})"
        raise SpecError([parsed.problem(at, message)]) from None
    return yaml_text.parse(text, str(base))


# The keys of `defaults`, and what they are for.
_DEFAULTS = {"model": "models", "dataset": "datasets"}


def _with_defaults(parsed: Source) -> Source:
    """Fill every model and data set from `defaults`."""
    defaults = parsed.value.get("defaults")
    for one, every in _DEFAULTS.items():
        given = defaults.get(one) if isinstance(defaults, dict) else None
        entries = parsed.value.get(every)
        if isinstance(given, dict) and isinstance(entries, dict):
            # A data set without options is written with nothing after its name.
            filled = {
                name: {} if entry is None and every == "datasets" else entry
                for name, entry in entries.items()
            }
            below = _repeated(parsed, ("defaults", one), every, filled)
            parsed = merge(below, replace(parsed, value={**parsed.value, every: filled}))
    return parsed


def _repeated(parsed: Source, origin: Path, every: str, entries: dict[str, Any]) -> Source:
    """Copy what is at `origin` into each of the entries, with its places."""
    given = parsed.value[origin[0]][origin[1]]

    def everywhere(places: dict[Path, Place]) -> dict[Path, Place]:
        inside = {path[2:]: place for path, place in places.items() if path[:2] == origin}
        return {(every, name, *path): place for name in entries for path, place in inside.items()}

    value = {every: dict.fromkeys(entries, given)}
    return Source(parsed.text, value, everywhere(parsed.keys), everywhere(parsed.values))
