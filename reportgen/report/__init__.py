"""Record → Report → documents. Sees the record and nothing that produced it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reportgen.common.errors import ReportgenError
from reportgen.common.registry import PluginError, imported
from reportgen.record.formats import FORMATS, Format
from reportgen.record.record import Record
from reportgen.report.background import dataset_table, environment_table, models, notation
from reportgen.report.budget_table import budget_table
from reportgen.report.calflops import blocks
from reportgen.report.comparison import comparison_tables, exact_table, spread_table
from reportgen.report.measured import how_measured
from reportgen.report.tables import Report
from reportgen.report.templating import TemplateError
from reportgen.report.terminal import write as write_for_terminal

__all__ = [
    "Format",
    "Report",
    "TemplateError",
    "build",
    "not_installed",
    "render",
    "suffixes",
    "write_for_terminal",
]


def build(record: Record, template_dirs: Sequence[Path] = ()) -> Report:
    """Return the report of a record. The same record gives the same report."""
    with record.declared():
        return _build(record, template_dirs)


def _build(record: Record, template_dirs: Sequence[Path]) -> Report:
    claimed = any(build.claims for build in record.builds.values())
    modules = _if(record.report.module_depth is not None, "modules:module_tables", record)
    explanations = _if(record.report.explain, "explanation:explanations", record)
    return Report(
        record=record,
        tables={table.name: table for table in comparison_tables(record)},
        budgets=budget_table(record),
        claims=_if(claimed, "claims_table:claim_table", record),
        exact=exact_table(record),
        spread=spread_table(record),
        modules={table.name: table for table in modules or ()},
        explanations=tuple(explanations or ()),
        environments=environment_table(record),
        datasets=dataset_table(record),
        models=tuple(models(record)),
        notation=tuple(notation(record)),
        how_measured=tuple(how_measured(record)),
        blocks=tuple(blocks(record)),
        template_dirs=tuple(template_dirs),
    )


def render(record: Record, *, template_dirs: Sequence[Path] = ()) -> dict[str, str | bytes]:
    """Return the documents that the record asks for, by the suffix of their file's name.

    A template in one of `template_dirs` takes the place of ours of the same name, the first folder
    first. The same record gives the same bytes. Leaves out formats that are not installed. Raises
    TemplateError for a template that fails, PluginError for a format that does.
    """
    report = build(record, template_dirs)
    with record.declared():
        return {suffix: _written(name, report) for suffix, name in suffixes(record).items()}


def suffixes(record: Record) -> dict[str, str]:
    """Return the formats that a record asks for and that are installed, by their suffixes.

    Raises PluginError where two write the same file.
    """
    found: dict[str, str] = {}
    for name in record.report.formats:
        if name in FORMATS and found.setdefault(FORMATS[name].suffix, name) != name:
            first, suffix = found[FORMATS[name].suffix], FORMATS[name].suffix
            raise PluginError(f"the formats '{first}' and '{name}' both write a file '.{suffix}'")
    return found


def not_installed(record: Record) -> list[str]:
    """Return the formats that a record asks for and nothing installed here writes."""
    return [name for name in record.report.formats if name not in FORMATS]


def _written(name: str, report: Report) -> str | bytes:
    """Write one format; what goes wrong in a package's own code is an error of that package."""
    package, _ = FORMATS.package(name)
    try:
        content = FORMATS[name].write(report)
        if not isinstance(content, str | bytes):
            raise TypeError(f"it wrote a {type(content).__name__}, not text or bytes")
    except Exception as error:
        if not package or isinstance(error, ReportgenError):
            raise
        said = f"{type(error).__name__}: {error}"
        raise PluginError(f"the format '{name}' of the package {package} failed: {said}") from error
    return content


def _if(wanted: object, target: str, record: Record) -> Any:
    """Make what few reports ask for, and import it for those alone."""
    return imported(f"reportgen.report.{target}")(record) if wanted else None
