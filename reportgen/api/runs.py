"""Bring a report up to date: what the command line does with each spec."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.api import plans
from reportgen.api.plans import PathLike

if TYPE_CHECKING:
    from reportgen.data.search import Search
    from reportgen.engine.progress import Progress
    from reportgen.engine.update import Outcome
    from reportgen.plan.plan import Plan
    from reportgen.plan.selection import Selection
    from reportgen.record.record import Record


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

    Raises UsageError where measuring would run a user's code without leave, RecordError where the
    record cannot be read.
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
    from reportgen.common.files import write_text
    from reportgen.report import render

    documents = render(record, template_dirs=template_dirs)
    paths = {kind: file.with_name(f"{file.stem}.{kind}") for kind in documents}
    return [path for kind, path in paths.items() if write_text(path, documents[kind])]
