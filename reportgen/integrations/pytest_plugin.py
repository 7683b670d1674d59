"""A pytest plugin for golden files: whole documents that lie beside the test that owns them.

    def test_report(golden_report):
        golden_report("specs/cifar10.yaml")     # its record, rendered, against golden/cifar10.md …

    def test_anything(golden_text):
        golden_text("table.md", text)           # a text against golden/table.md

The files are in `golden/`, in the folder of the test. `pytest --update-golden` writes those that
differ, but never if the variable CI is set. pytest loads this module in every project that has
reportgen installed: it imports nothing of ours before a fixture is used.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import pytest

FOLDER = "golden"


GoldenText: TypeAlias = Callable[[str, str], None]
"""Compares the golden file of a name with a text, and fails the test if they differ."""


class GoldenReport(Protocol):
    """Compares the documents of a report with golden files of their names."""

    def __call__(
        self,
        report: str | os.PathLike[str],
        *,
        out: str | os.PathLike[str] = "out",
        templates: Sequence[str | os.PathLike[str]] = (),
    ) -> None:
        """Fail the test if they differ.

        `report` is a spec, with a record in `out`, or a record (`.json`); `templates` are folders
        of templates that replace ours. Paths are relative to pytest's root folder.
        """


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag that rewrites golden files."""
    group = parser.getgroup("reportgen")
    group.addoption(
        "--update-golden", action="store_true", help="write golden files anew (never in CI)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to write golden files in CI."""
    if config.getoption("--update-golden") and os.environ.get("CI"):
        raise pytest.UsageError("--update-golden: golden files are never written in CI.")


@pytest.fixture
def golden_text(request: pytest.FixtureRequest) -> GoldenText:
    """Compare a text with a golden file of the test's folder."""

    def compare(name: str, text: str) -> None:
        __tracebackhide__ = True
        _compare(request, {name: text})

    return compare


@pytest.fixture
def golden_report(request: pytest.FixtureRequest) -> GoldenReport:
    """Render the record of a report, and compare its documents with golden files."""
    root = request.config.rootpath

    def compare(
        report: str | os.PathLike[str],
        *,
        out: str | os.PathLike[str] = "out",
        templates: Sequence[str | os.PathLike[str]] = (),
    ) -> None:
        __tracebackhide__ = True
        from reportgen.common.errors import ReportgenError
        from reportgen.record import record as records
        from reportgen.report import not_installed, render

        path = root / report
        source = path if path.suffix == ".json" else root / out / f"{path.stem}.json"
        try:
            record = records.read(source)
            folders = [root / folder for folder in templates]
            documents = render(record, template_dirs=folders) if record else {}
        except ReportgenError as error:
            pytest.fail(str(error), pytrace=False)
        if record is None:
            pytest.fail(f"{source}: no record. Measure first: reportgen {report}", pytrace=False)
        if missing := not_installed(record):
            pytest.fail(f"{source}: formats not installed: {', '.join(missing)}", pytrace=False)
        _compare(request, {f"{source.stem}.{kind}": each for kind, each in documents.items()})

    return compare


def _compare(request: pytest.FixtureRequest, documents: Mapping[str, str | bytes]) -> None:
    """Compare each document with its golden file, or write those that differ."""
    __tracebackhide__ = True
    from reportgen.common.files import same

    folder = request.path.parent / FOLDER
    complaints = []
    for name, content in documents.items():
        path = folder / name
        wanted = path.read_bytes() if path.exists() else None
        if wanted is not None and same(wanted, content):
            continue
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        else:
            complaints.append(_complaint(f"{FOLDER}/{name}", wanted, content))
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


def _complaint(place: str, wanted: bytes | None, content: str | bytes) -> str:
    if wanted is None:
        return f"{place} does not exist. Write it with --update-golden, and read it."
    if isinstance(content, bytes):
        return f"{place} differs; --update-golden accepts {len(content):,} other bytes."
    before, now = wanted.decode().replace("\r\n", "\n"), content
    diff = difflib.unified_diff(
        before.splitlines(keepends=True), now.splitlines(keepends=True), place, "now"
    )
    lines = [line if line.endswith("\n") else f"{line}\n\\ no newline\n" for line in diff]
    return f"{place} differs; --update-golden accepts this:\n{''.join(lines)}"
