"""What a spec may say of its documents: columns, formats, tables of modules, templates."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from reportgen.common.errors import did_you_mean
from reportgen.record.formats import FORMATS
from reportgen.spec.base import Part, PositiveInt, problem
from reportgen.spec.columns import Column, ModuleColumn


def _known_format(name: str) -> str:
    if name not in FORMATS:
        hint = f"{did_you_mean(name, FORMATS)} `reportgen list formats` lists all."
        raise problem(f"unknown format '{name}'", hint)
    return name


class ModuleTables(Part):
    """A table of each model's modules, down to some depth."""

    depth: PositiveInt = 1
    """How far down: 1 for the stages of a network, 2 for their blocks …"""
    columns: Annotated[list[ModuleColumn], Field(min_length=1)] = Field(
        default_factory=lambda: ["params", "macs", "activations"]
    )
    """Columns for each module; its share is that of the first column of work.

    `time.share` is its part of the CPU time, which is measured only for this column.
    """


class Documents(Part):
    """Contents and formats of the documents."""

    formats: list[Annotated[str, AfterValidator(_known_format)]] = ["md", "txt"]
    """Documents to write beside the record: `reportgen list formats`."""
    columns: Annotated[list[Column], Field(min_length=1)] | None = None
    """Columns of the tables; default: everything measured."""
    tree: bool = False
    """Add every module's share to the text document."""
    modules: ModuleTables | None = None
    """Add a table of each model's modules to the Markdown document."""
    explain: bool = False
    """Add to the Markdown document what each tool counts for each model, and why."""
    templates: str | None = None
    """A folder, beside the spec, of templates that replace the shipped ones of the same name."""
