"""reportgen: reports on neural networks from a YAML spec.

    report = reportgen.run("specs/digits.yaml", out="out")
    count = reportgen.count(model, torch.zeros(1, 3, 224, 224))
    report = reportgen.load("out/cifar10.json")

Names are imported when they are first used: `import reportgen` imports nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportgen.common.lazy import lazily

if TYPE_CHECKING:
    from reportgen.api.count_module import count as count
    from reportgen.api.reports import load as load
    from reportgen.api.runs import run as run
    from reportgen.common.errors import MeasureError as MeasureError
    from reportgen.common.errors import RecordError as RecordError
    from reportgen.common.errors import ReportgenError as ReportgenError
    from reportgen.common.errors import SpecError as SpecError
    from reportgen.common.errors import UsageError as UsageError
    from reportgen.common.registry import PluginError as PluginError
    from reportgen.counting.failures import CountingError as CountingError
    from reportgen.counting.result import Count as Count
    from reportgen.engine.progress import Progress as Progress
    from reportgen.report.tables import Report as Report
    from reportgen.report.templating import TemplateError as TemplateError
    from reportgen.spec.model import Spec as Spec

__version__ = "0.1.0"

_HOMES = {
    "Count": "counting.result",
    "CountingError": "counting.failures",
    "MeasureError": "common.errors",
    "PluginError": "common.registry",
    "Progress": "engine.progress",
    "RecordError": "common.errors",
    "Report": "report.tables",
    "ReportgenError": "common.errors",
    "Spec": "spec.model",
    "SpecError": "common.errors",
    "TemplateError": "report.templating",
    "UsageError": "common.errors",
    "count": "api.count_module",
    "load": "api.reports",
    "run": "api.runs",
}
__all__ = list(_HOMES)


__getattr__ = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
