"""What a spec may say of its documents: columns, formats, tables of modules, templates."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from reportgen.spec.base import Part, PositiveInt
from reportgen.spec.columns import Column, ModuleColumn

Format = Literal["md", "txt"]


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


class Report(Part):
    """Contents and formats of the documents."""

    formats: list[Format] = Field(default_factory=lambda: [*get_args(Format)])
    """Documents to write beside the record."""
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
