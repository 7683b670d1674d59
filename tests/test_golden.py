"""The golden files' fixture: what it compares, what it writes, and when it refuses to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(folder: Path, *flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a test that compares the text "two" with a golden file."""
    (folder / "test_it.py").write_text("def test_it(golden):\n    golden('a.txt', 'two\\n')\n")
    options = ["-q", "-p", "tests.golden", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    environment = {key: value for key, value in os.environ.items() if key != "CI"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *flags, str(folder)],
        cwd=folder,
        env=environment
        | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missing_golden_file_fails_and_the_flag_writes_it(tmp_path: Path) -> None:
    first = run(tmp_path)
    assert first.returncode == 1
    assert (
        "golden/a.txt does not exist. Write it with --update-golden, and read it." in first.stdout
    )
    assert run(tmp_path, "--update-golden").returncode == 0
    assert (tmp_path / "golden" / "a.txt").read_text() == "two\n"
    assert run(tmp_path).returncode == 0


def test_a_difference_is_shown(tmp_path: Path) -> None:
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "a.txt").write_text("one\n")
    result = run(tmp_path)
    assert result.returncode == 1
    assert "golden/a.txt differs; --update-golden accepts this:" in result.stdout
    assert "-one" in result.stdout
    assert "+two" in result.stdout


def test_ci_never_writes(tmp_path: Path) -> None:
    result = run(tmp_path, "--update-golden", CI="true")
    assert result.returncode == 4
    assert "--update-golden: golden files are never written in CI." in result.stderr
    assert not (tmp_path / "golden").exists()
