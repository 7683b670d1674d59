"""Plain text, through a template."""

from __future__ import annotations

from reportgen.record.formats import Format
from reportgen.report.templating import templated

FORMAT = Format("txt", templated("report.txt.j2"), "plain text: calflops' block for each model")
