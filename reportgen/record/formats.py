"""The formats in which a report is written: what `report: formats` may name.

A package adds one through the entry point group `reportgen.formats`: docs/extending-formats.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reportgen.common.registry import Registry

_SUFFIX = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")


@dataclass(frozen=True)
class Format:
    """One format: `write` turns a `reportgen.report.Report` into the content of a file.

    The file is called as the spec is, and ends in `.suffix`. `meaning` is a sentence for
    `reportgen list formats`.
    """

    suffix: str
    write: Callable[[Any], str | bytes]
    meaning: str

    def __post_init__(self) -> None:
        if self.suffix == "json":
            raise ValueError("the suffix 'json' is taken by the record")
        if not _SUFFIX.fullmatch(self.suffix):
            raise ValueError(f"'{self.suffix}' cannot be a suffix: write one such as 'tex'")


FORMATS: Registry[Format] = Registry(
    "format",
    "formats",
    "reportgen.formats",
    Format,
    {"md": "reportgen.report.formats.md:FORMAT", "txt": "reportgen.report.formats.txt:FORMAT"},
)
