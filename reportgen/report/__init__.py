"""Record → documents. Sees the record and nothing that produced it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportgen.record.record import Record
from reportgen.report.background import dataset_table, environment_table, models, notation
from reportgen.report.budget_table import budget_table
from reportgen.report.calflops import blocks
from reportgen.report.comparison import columns, comparison_tables, exact_table, spread_table
from reportgen.report.measured import how_measured
from reportgen.report.table import Table
from reportgen.report.templating import TemplateError, environment, fill
from reportgen.report.terminal import table_for_terminal

if TYPE_CHECKING:
    from reportgen.report.explanation import Explanation

__all__ = ["TemplateError", "render", "table_for_terminal"]


def render(record: Record, *, template_dirs: Sequence[Path] = ()) -> dict[str, str]:
    """Return the text of each format that the record asks for, by the format's name.

    A template in one of `template_dirs` takes the place of ours of the same name, the first folder
    first. The same record gives the same bytes. Raises TemplateError for a template that fails.
    """
    jinja = environment(template_dirs)
    with record.declared():
        values = template_values(record)
        return {name: fill(jinja, f"report.{name}.j2", values) for name in record.report.formats}


def template_values(record: Record) -> Mapping[str, Any]:
    """Return what every template is given, by name: plain values, sorted, nothing to compute.

    `tables`, `modules`, `budgets`, `claims`, `exact`, `spread`, `environments` and `dataset_table`
    are for the filter `table`; the first two are lists, the others may be None. `explanations` hold
    two tables each. `blocks` are the builds for the text document. `how_measured` are sentences
    that are read off the figures, and `allocators` are those of the times. `marks`, `kinds`,
    `metrics` and `batches` say what occurs, so that a template explains no more than that.
    """
    tables = comparison_tables(record)
    exact, spread = exact_table(record), spread_table(record)
    budgets = budget_table(record)
    modules = _modules(record)
    noted = [*tables, *([budgets] if budgets else []), *modules]
    shown = columns(record)
    return {
        "record": record,
        "title": record.title,
        "spec": record.spec,
        "settings": record.report,
        "datasets": record.datasets,
        "tables": tables,
        "exact": exact,
        "budgets": budgets,
        "modules": modules,
        "claims": _claims(record),
        "explanations": _explanations(record),
        "spread": spread,
        "marks": frozenset().union(*(table.marks for table in tables)),
        "footnotes": list(dict.fromkeys(note for table in noted for note in table.notes)),
        "environments": environment_table(record),
        "allocators": sorted(
            {each["allocator"] for each in record.environments.values() if "allocator" in each}
        ),
        "dataset_table": dataset_table(record),
        "models": models(record),
        "notation": notation(record),
        "how_measured": how_measured(record),
        "kinds": frozenset(column.metric.kind for column in shown),
        "metrics": frozenset(column.metric.name for column in shown),
        "batches": sorted(
            {build.batch_size or record.report.batch_size for build in record.builds.values()}
        ),
        "blocks": blocks(record),
    }


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
