"""Comparisons as a Markdown document, through a template that users may replace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reportgen.report.templating import environment, fill
from reportgen.review.changes import Comparison
from reportgen.review.present import labels, line, section
from reportgen.review.thresholds import Judged

TEMPLATE = "diff.md.j2"


def markdown(
    comparisons: Sequence[Comparison],
    judged: Sequence[Judged] = (),
    *,
    base: str,
    head: str,
    template_dirs: Sequence[Path] = (),
) -> str:
    """Write what changed from `base` to `head`, as those are called.

    Raises TemplateError for a template that fails.
    """
    values = {
        "base": base,
        "head": head,
        "quiet": all(found.quiet for found in comparisons),
        "sections": [section(found) for found in comparisons],
        "judged": [_judged(entry) for entry in judged],
    }
    return fill(environment(tuple(template_dirs)), TEMPLATE, values)


def _judged(entry: Judged) -> dict[str, Any]:
    figures = f"{entry.held} figure{'s' * (entry.held != 1)}"
    return {
        "text": entry.threshold.text,
        "held": entry.held,
        "said": f"holds for {figures}" if entry.held else "no figure is on both sides",
        "broken": [line(labels(found.rows)[row], cell) for found, row, cell in entry.broken],
    }
