"""The pytest plugin: what it compares, what it writes, when it refuses to, and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reportgen.report import render
from tests.report.examples import cifar10_record

ROOT = Path(__file__).resolve().parents[2]
TEXT = "def test_it(golden_text):\n    golden_text('a.txt', 'two\\n')\n"
REPORT = "def test_it(golden_report):\n    golden_report({})\n"


@pytest.fixture(autouse=True)
def not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


def run(pytester: pytest.Pytester, *flags: str) -> pytest.RunResult:
    return pytester.runpytest(
        "-p", "reportgen.integrations.pytest_plugin", "-p", "no:cacheprovider", *flags
    )


def test_a_missing_golden_file_fails_and_the_flag_writes_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TEXT)
    first = run(pytester)
    first.assert_outcomes(failed=1)
    first.stdout.fnmatch_lines(
        ["golden/a.txt does not exist. Write it with --update-golden, and read it."]
    )
    assert not (pytester.path / "golden").exists()
    run(pytester, "--update-golden").assert_outcomes(passed=1)
    assert (pytester.path / "golden" / "a.txt").read_text() == "two\n"
    run(pytester).assert_outcomes(passed=1)


def test_a_difference_is_shown(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TEXT)
    golden = pytester.mkdir("golden") / "a.txt"
    golden.write_text("one")
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "golden/a.txt differs; --update-golden accepts this:",
            "--- golden/a.txt",
            "+++ now",
            "@@ -1 +1 @@",
            "-one",
            "\\ no newline",
            "+two",
        ]
    )
    result.stdout.no_fnmatch_line("*_compare*")


def test_the_ends_of_lines_do_not_count(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TEXT)
    golden = pytester.mkdir("golden") / "a.txt"
    golden.write_bytes(b"two\r\n")
    run(pytester).assert_outcomes(passed=1)
    run(pytester, "--update-golden").assert_outcomes(passed=1)
    assert golden.read_bytes() == b"two\r\n"
    golden.write_bytes(b"one\r\n")
    run(pytester).stdout.fnmatch_lines(["@@ -1 +1 @@", "-one", "+two"])


def test_ci_never_writes(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makepyfile(TEXT)
    result = run(pytester, "--update-golden")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--update-golden: golden files are never written in CI."])
    assert not (pytester.path / "golden").exists()
    run(pytester).assert_outcomes(failed=1)


@pytest.mark.parametrize("named", ["'specs/cifar10.yaml'", "'out/cifar10.json'"])
def test_a_report_is_rendered_from_its_record(pytester: pytest.Pytester, named: str) -> None:
    pytester.makepyfile(REPORT.format(named))
    record = cifar10_record()
    (pytester.mkdir("out") / "cifar10.json").write_text(record.dumps(), encoding="utf-8")
    run(pytester, "--update-golden").assert_outcomes(passed=1)
    golden = pytester.path / "golden"
    assert {path.name: path.read_text(encoding="utf-8") for path in golden.iterdir()} == {
        f"cifar10.{kind}": text for kind, text in render(record).items()
    }
    run(pytester).assert_outcomes(passed=1)
    # Both documents are compared, and told of together.
    for path in golden.iterdir():
        path.write_text("old\n")
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["golden/cifar10.md differs; *", "golden/cifar10.txt differs; *"])


def test_a_report_through_templates_of_ones_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(REPORT.format("'out/r.json', templates=['looks']"))
    (pytester.mkdir("looks") / "report.md.j2").write_text("{{ title }}!\n")
    (pytester.mkdir("out") / "r.json").write_text(cifar10_record().dumps(), encoding="utf-8")
    run(pytester, "--update-golden").assert_outcomes(passed=1)
    assert (pytester.path / "golden" / "r.md").read_text() == "ResNets on CIFAR-10!\n"


def test_a_report_that_is_not_there_or_is_none(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(REPORT.format("'specs/x.yaml'"))
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*x.json: no record. Measure first: reportgen specs/x.yaml"])
    (pytester.mkdir("out") / "x.json").write_text("{}")
    result = run(pytester)
    result.stdout.fnmatch_lines(
        ['*x.json: not a reportgen record: the key "reportgen" is missing.*']
    )


def test_the_entry_point_and_a_mention_load_it_once(tmp_path: Path) -> None:
    installed = tmp_path / "site" / "reportgen-0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: reportgen\nVersion: 0\n")
    entry = [
        line
        for line in (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
        if line.startswith('"reportgen.integrations.pytest_plugin"')
    ]
    (installed / "entry_points.txt").write_text(f"[pytest11]\n{entry[0]}\n".replace('"', ""))
    (tmp_path / "conftest.py").write_text(
        "pytest_plugins = ['reportgen.integrations.pytest_plugin']\n"
    )
    (tmp_path / "test_it.py").write_text(TEXT)
    path = os.pathsep.join([str(tmp_path / "site"), str(ROOT)])
    for mention in ([], ["-p", "reportgen.integrations.pytest_plugin"]):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--rootdir", str(tmp_path), *mention],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "golden/a.txt does not exist." in done.stdout, done.stdout + done.stderr


def test_it_costs_other_peoples_suites_nothing() -> None:
    program = (
        "import sys, pytest; before = set(sys.modules); "
        "import reportgen.integrations.pytest_plugin; "
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before} - "
        "set(sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "['reportgen']\n"


def test_bytes_are_compared_as_they_are(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(golden_text):\n    golden_text('a.bin', b'\\x00\\r\\n')\n")
    golden = pytester.mkdir("golden") / "a.bin"
    golden.write_bytes(b"\x00\n")
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["golden/a.bin differs; --update-golden accepts 3 other bytes."])
    run(pytester, "--update-golden").assert_outcomes(passed=1)
    assert golden.read_bytes() == b"\x00\r\n"
    run(pytester).assert_outcomes(passed=1)


def test_a_format_that_is_not_installed(pytester: pytest.Pytester) -> None:
    record = cifar10_record()
    settings = replace(record.report, formats=("md", "theirs"))
    (pytester.mkdir("out") / "a.json").write_text(replace(record, report=settings).dumps(), "utf-8")
    pytester.makepyfile(REPORT.format("'specs/a.yaml'"))
    run(pytester).stdout.fnmatch_lines(["*a.json: formats not installed: theirs"])
