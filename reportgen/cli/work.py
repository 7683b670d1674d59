"""What several commands do: find specs, plan them, write documents, and say how many."""

from __future__ import annotations

import argparse
import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.common.errors import Problem, RecordError, SpecError, UsageError

if TYPE_CHECKING:
    from reportgen.data.search import Search
    from reportgen.plan.plan import Plan
    from reportgen.record.record import Record

_SUFFIXES = (".yaml", ".yml")


def search(arguments: argparse.Namespace, spec: Path) -> Search:
    """Say where data and weights of a spec may lie."""
    from reportgen.data.search import Search

    directories = list(arguments.data_dir)
    if environment := os.environ.get("REPORTGEN_DATA"):
        directories += [Path(part) for part in environment.split(os.pathsep) if part]
    for directory in arguments.data_dir:
        if not directory.is_dir():
            raise UsageError(f"--data-dir {directory}: no such folder")
    return Search(tuple(directories), arguments.offline, spec.parent)


def paths(words: Sequence[str]) -> list[Path]:
    """Find the specs that are meant by files, folders and patterns, each once.

    In a folder a name that begins with `_` or `.` is none of a spec that stands by itself.
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


def plan(path: Path, overrides: Sequence[str] = (), out: Path | None = None) -> Plan:
    """Load one spec and plan it.

    A model that no installed package has is an error, unless the record in `out` has figures of it.
    """
    from reportgen.plan.resolve import plan
    from reportgen.sources.catalog import known_before
    from reportgen.spec import load

    try:
        return plan(load(path, overrides), name=path.stem, spec_dir=path.parent)
    except SpecError:
        if out is None or not (sources := _recorded_sources(out / f"{path.stem}.json")):
            raise
    with known_before(sources):
        return plan(load(path, overrides), name=path.stem, spec_dir=path.parent)


def _recorded_sources(path: Path) -> set[str]:
    """List the models that a record holds figures of."""
    from reportgen.record import record as records

    try:
        record = records.read(path)
    except (RecordError, OSError, UnicodeDecodeError):
        return set()
    builds = record.builds.values() if record else ()
    return {build.source for build in builds if any(f.is_good for f in build.figures.values())}


def plans(arguments: argparse.Namespace) -> dict[Path, Plan]:
    """Load every spec before anything is measured; two of one name would share their files.

    Raises SpecError with the problems of all of them.
    """
    plans: dict[Path, Plan] = {}
    problems: list[Problem] = []
    for path in paths(arguments.specs):
        try:
            plans[path] = plan(path, arguments.set, arguments.out)
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(dict.fromkeys(problems))
    names = [path.stem for path in plans]
    for path in plans:
        if names.count(path.stem) > 1:
            raise UsageError(f"{path}: another spec here is called '{path.stem}' too: rename one")
    return plans


def write(record: Record, plan: Plan, arguments: argparse.Namespace) -> list[Path]:
    """Write the documents that differ; return their paths."""
    from reportgen.common import files
    from reportgen.report import render

    documents = render(record, template_dirs=template_dirs(plan, arguments))
    paths = {suffix: arguments.out / f"{plan.name}.{suffix}" for suffix in documents}
    return [path for suffix, path in paths.items() if files.write(path, documents[suffix])]


def template_dirs(plan: Plan, arguments: argparse.Namespace) -> list[Path]:
    """Return the folders of templates that go before ours: the command's, then the spec's."""
    directories = [*arguments.templates, *([plan.templates] if plan.templates else [])]
    for directory in directories:
        if not directory.is_dir():
            raise UsageError(f"{directory}: no such folder of templates")
    return directories


def several(count: int, noun: str) -> str:
    """Write `1 build`, `2 builds`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
