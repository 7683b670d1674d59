"""What several commands do: find specs and plan them."""

from __future__ import annotations

import argparse
import glob
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.common.errors import Problem, SpecError, UsageError

if TYPE_CHECKING:
    from reportgen.plan.plan import Plan

_SUFFIXES = (".yaml", ".yml")


def paths(words: Sequence[str]) -> list[Path]:
    """Find the specs that files, folders and patterns name, each once.

    In a folder, files whose names begin with `_` or `.` are ignored.
    """
    found: list[Path] = []
    for word in words:
        path = Path(word)
        if path.is_dir():
            inside = sorted(entry for entry in path.iterdir() if _is_spec(entry))
            if not inside:
                raise UsageError(f"{word}: there is no spec in this folder")
            found += inside
        elif not path.exists() and glob.has_magic(word):
            matches = sorted(map(Path, glob.glob(word, recursive=True)))
            if not matches:
                raise UsageError(f"{word}: no file has a name like this")
            found += matches
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _is_spec(path: Path) -> bool:
    return path.suffix in _SUFFIXES and not path.name.startswith(("_", "."))


def plans(arguments: argparse.Namespace) -> dict[Path, Plan]:
    """Load every spec before anything is measured; two of one name are an error.

    Raises SpecError with the problems of all of them.
    """
    from reportgen.api.plans import plan

    plans: dict[Path, Plan] = {}
    problems: list[Problem] = []
    for path in paths(arguments.specs):
        try:
            plans[path] = plan(path, overrides=arguments.set, out=arguments.out)
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(dict.fromkeys(problems))
    names = [path.stem for path in plans]
    for path in plans:
        if names.count(path.stem) > 1:
            raise UsageError(f"{path}: another spec here is called '{path.stem}' too: rename one")
    return plans


def several(count: int, noun: str) -> str:
    """Write `1 build`, `2 builds`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
