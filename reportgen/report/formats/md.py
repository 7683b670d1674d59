"""Markdown, through a template."""

from __future__ import annotations

from reportgen.record.formats import Format
from reportgen.report.templating import templated

FORMAT = Format("md", templated("report.md.j2"), "GitHub-flavoured Markdown, for pull requests")
