"""A pytest plugin for golden files: whole documents that lie beside the test that owns them.

`golden("report.md", text)` compares a text with `golden/report.md` in the folder of the test.
`pytest --update-golden` writes what differs; where the variable CI is set it refuses to, so that a
golden file is always one that somebody has read.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

Golden = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag that rewrites golden files."""
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to write golden files where nobody would read them."""
    if config.getoption("--update-golden") and os.environ.get("CI"):
        raise pytest.UsageError("--update-golden: golden files are never written in CI.")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare a text with a golden file of the test's folder."""
    folder: Path = request.path.parent / "golden"
    update: bool = request.config.getoption("--update-golden")

    def compare(name: str, text: str) -> None:
        path = folder / name
        wanted = path.read_bytes().decode() if path.exists() else None
        if wanted == text:
            return
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
            return
        place = f"golden/{name}"
        if wanted is None:
            pytest.fail(f"{place} does not exist. Write it with --update-golden, and read it.")
        diff = difflib.unified_diff(
            wanted.splitlines(keepends=True), text.splitlines(keepends=True), place, "now"
        )
        lines = [line if line.endswith("\n") else f"{line}\n\\ no newline\n" for line in diff]
        pytest.fail(f"{place} differs; --update-golden accepts this:\n{''.join(lines)}")

    return compare
