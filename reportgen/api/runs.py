"""Bring a report up to date: `reportgen.run`, and what the command line does with each spec."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from reportgen.api import plans
from reportgen.api.plans import PathLike, SpecLike

if TYPE_CHECKING:
    from reportgen.data.search import Search
    from reportgen.engine.progress import Progress
    from reportgen.engine.update import Outcome
    from reportgen.plan.plan import Plan
    from reportgen.plan.selection import Selection
    from reportgen.record.record import Record
    from reportgen.report.tables import Report

T = TypeVar("T", bound=PathLike)


def run(
    spec: SpecLike,
    *,
    out: PathLike | None = None,
    name: str = "",
    folder: PathLike = "",
    overrides: str | Iterable[str] = (),
    data_dirs: PathLike | Iterable[PathLike] = (),
    only: str | Iterable[str] = (),
    remeasure: str | Iterable[str] = (),
    templates: PathLike | Iterable[PathLike] = (),
    offline: bool = False,
    allow_code: bool = False,
    jobs: int | None = None,
    progress: bool | Progress = False,
) -> Report:
    """Measure what is stale in the report of a spec, and return the report.

    Args:
        spec: a path, a dictionary as YAML would give it, or a Spec.
        out: the folder of the record and the documents. Without it everything is measured, and
            nothing is written.
        name: the name of these files; by default the name of the spec's file, or ``report``.
        folder: where relative paths of a dictionary or a Spec start; those of a file start in the
            folder of the file.
        overrides: values of the spec to set, each ``"measure.timing.rounds=5"``.
        data_dirs: folders of data sets and weights.
        only: models to look at, by name or pattern; the rows of others stay as they are.
        remeasure: what to measure again: a kind of figure, a model, ``"unavailable"``, ``"all"``.
        templates: folders of templates that replace the shipped ones of the same name.
        offline: whether to download nothing.
        allow_code: whether to build models with your own code.
        jobs: how many builds to count at a time.
        progress: whether to show progress on stderr, or a Progress of your own.

    Raises:
        SpecError: the spec is wrong; with every problem of it.
        UsageError: a parameter is wrong.
        RecordError: the record in `out` cannot be read.
    """
    from reportgen.engine.progress import Progress, for_terminal
    from reportgen.plan.selection import Selection
    from reportgen.report import build

    with _folder(out) as where:
        plan = plans.plan(spec, name=name, folder=folder, overrides=[*_each(overrides)], out=where)
        selection = Selection(frozenset(_each(remeasure)), frozenset(_each(only)))
        selection.check([plan])
        outcome, _ = run_plan(
            plan,
            where,
            plans.search(plan, _each(data_dirs), offline=offline),
            selection=selection,
            templates=_each(templates),
            allow_code=allow_code,
            jobs=jobs,
            progress=progress
            if isinstance(progress, Progress)
            else for_terminal(quiet=not progress),
        )
    return build(outcome.record, plans.template_dirs(plan, _each(templates)))


@contextmanager
def _folder(out: PathLike | None) -> Iterator[Path]:
    if out is not None:
        yield Path(out)
        return
    with tempfile.TemporaryDirectory(prefix="reportgen-") as folder:
        yield Path(folder)


def _each(value: str | T | Iterable[T]) -> Iterable[T]:
    """Return what a parameter holds: one thing or several."""
    return (value,) if isinstance(value, str | os.PathLike) else value  # type: ignore[return-value]


def run_plan(
    plan: Plan,
    out: Path,
    search: Search,
    *,
    selection: Selection,
    templates: Iterable[PathLike],
    allow_code: bool,
    jobs: int | None,
    progress: Progress,
) -> tuple[Outcome, list[Path]]:
    """Measure what is stale, and write the record and the documents; also return what was written.

    Raises UsageError if the user's code would run and is not allowed, RecordError if the record
    cannot be read.
    """
    from reportgen.common import cache
    from reportgen.common.files import locked
    from reportgen.engine.update import bring_up_to_date

    directories = plans.template_dirs(plan, templates)
    cache.prepare(lambda warning: sys.stderr.write(f"{warning}\n"))
    file = out / f"{plan.name}.json"
    outcome = bring_up_to_date(
        plan,
        file,
        search,
        selection=selection,
        allow_code=allow_code,
        progress=progress,
        jobs=jobs,
    )
    if outcome.merged:
        sys.stderr.write(f"{file}: two branches' records merged\n")
    with locked(file):
        outcome = replace(outcome, record=outcome.latest())
        written = write_documents(outcome.record, file, directories)
    return outcome, [*([file] if outcome.written else []), *written]


def write_documents(record: Record, file: Path, template_dirs: Sequence[Path]) -> list[Path]:
    """Write the documents that differ beside the record's file; return their paths."""
    from reportgen.common import files
    from reportgen.report import render

    documents = render(record, template_dirs=template_dirs)
    paths = {kind: file.with_name(f"{file.stem}.{kind}") for kind in documents}
    return [path for kind, path in paths.items() if files.write(path, documents[kind])]
