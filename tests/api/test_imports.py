"""`import reportgen` is light, and every public name is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import reportgen


def imported(program: str) -> set[str]:
    """The packages that a program imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stderr.splitlines()
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_to_import_reportgen_imports_nothing_heavy() -> None:
    found = imported("import reportgen; reportgen.ReportgenError; reportgen.run")
    heavy = {"torch", "numpy", "pydantic", "deepspeed", "pandas", "yaml", "jinja2"}
    assert "reportgen" in found
    assert found & heavy == set()


def test_to_load_a_report_imports_no_torch() -> None:
    found = imported("import reportgen; reportgen.load('out/digits.json')._repr_html_()")
    assert found & {"torch", "numpy", "deepspeed", "pandas"} == set()


def test_public_names_are_there() -> None:
    for name in reportgen.__all__:
        assert getattr(reportgen, name).__name__ == name
    assert set(reportgen.__all__) <= set(dir(reportgen))


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError) as caught:
        reportgen.runs  # noqa: B018
    assert str(caught.value) == "module 'reportgen' has no attribute 'runs'"
