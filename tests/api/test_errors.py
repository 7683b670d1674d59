"""One exception tree."""

from __future__ import annotations

import importlib
import pkgutil

import reportgen
from reportgen.common.errors import ReportgenError


def exceptions() -> set[type[BaseException]]:
    """Every exception class that a module of reportgen defines."""
    found = set()
    for info in pkgutil.walk_packages(reportgen.__path__, "reportgen."):
        if info.name != "reportgen.__main__":
            for value in vars(importlib.import_module(info.name)).values():
                if isinstance(value, type) and issubclass(value, BaseException):
                    found.add(value)
    return {error for error in found if error.__module__.startswith("reportgen.")}


def test_every_error_is_a_reportgen_error() -> None:
    found = exceptions()
    assert len(found) >= 15
    assert [error for error in found if not issubclass(error, ReportgenError)] == []
