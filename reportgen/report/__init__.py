"""Record → Report → documents. Sees the record and nothing that produced it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reportgen.record.record import Record
from reportgen.report.background import dataset_table, environment_table, models, notation
from reportgen.report.budget_table import budget_table
from reportgen.report.calflops import blocks
from reportgen.report.comparison import comparison_tables, exact_table, spread_table
from reportgen.report.measured import how_measured
from reportgen.report.model import Explanation, Report, Table
from reportgen.report.templating import TemplateError, environment, fill
from reportgen.report.terminal import write as write_for_terminal

__all__ = ["Report", "TemplateError", "build", "render", "write_for_terminal"]

CONTEXT = 1
"""The version of what templates are given; docs/templates.md lists it."""


def build(record: Record, template_dirs: Sequence[Path] = ()) -> Report:
    """Return the report of a record. The same record gives the same report."""
    return Report(
        record=record,
        tables={table.name: table for table in comparison_tables(record)},
        budgets=budget_table(record),
        claims=_claims(record),
        exact=exact_table(record),
        spread=spread_table(record),
        modules={table.name: table for table in _modules(record)},
        explanations=tuple(_explanations(record)),
        environments=environment_table(record),
        datasets=dataset_table(record),
        models=tuple(models(record)),
        notation=tuple(notation(record)),
        how_measured=tuple(how_measured(record)),
        blocks=tuple(blocks(record)),
        template_dirs=tuple(template_dirs),
    )


def render(record: Record, *, template_dirs: Sequence[Path] = ()) -> dict[str, str]:
    """Return the text of each format that the record asks for, by the format's name.

    A template in one of `template_dirs` takes the place of ours of the same name, the first folder
    first. The same record gives the same bytes. Raises TemplateError for a template that fails.
    """
    jinja = environment(template_dirs)
    values = context(build(record, template_dirs))
    return {name: fill(jinja, f"report.{name}.j2", values) for name in record.report.formats}


def context(report: Report) -> dict[str, Any]:
    """Return what every template is given, by name."""
    lists = {"tables": [*report.tables.values()], "modules": [*report.modules.values()]}
    properties = {name: getattr(report, name) for name in ("title", "spec", "marks", "footnotes")}
    return {**vars(report), **properties, **lists, "version": CONTEXT}


# What few reports ask for is imported for those alone.


def _modules(record: Record) -> list[Table]:
    if record.report.module_depth is None:
        return []
    from reportgen.report.modules import module_tables

    return module_tables(record)


def _claims(record: Record) -> Table | None:
    if not any(build.claims for build in record.builds.values()):
        return None
    from reportgen.report.claims_table import claim_table

    return claim_table(record)


def _explanations(record: Record) -> list[Explanation]:
    if not record.report.explain:
        return []
    from reportgen.report.explanation import explanations

    return explanations(record)
