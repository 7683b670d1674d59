"""Formats: those of packages stand beside ours, from the spec to the file and to `check`."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reportgen.cli import main
from reportgen.common import registry
from reportgen.common.registry import PluginError
from reportgen.record import record as records
from reportgen.record.formats import FORMATS, Format
from reportgen.record.record import Record, ReportSettings
from reportgen.report import not_installed, render
from tests.common.test_registry import install
from tests.report.examples import build, counted, record_of

ROOT = Path(__file__).resolve().parents[2]
Install = Callable[..., None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package with one format, for as long as the test takes."""

    def added(name: str, suffix: str, body: str) -> None:
        code = (
            "from reportgen.report import Format\n"
            f"def write(report):\n{textwrap.indent(body, '    ')}\n"
            f"FORMAT = Format({suffix!r}, write, 'a format of the tests')\n"
        )
        module = f"pack_{name}"
        monkeypatch.delitem(sys.modules, module, raising=False)
        points = {name: f"{module}:FORMAT"}
        install(tmp_path / "site", monkeypatch, module, points, code, "reportgen.formats")
        registry._declared.cache_clear()

    yield added
    monkeypatch.undo()
    registry._declared.cache_clear()
    for name in set(FORMATS._loaded) - set(FORMATS.shipped()):
        del FORMATS._loaded[name]


NAMES = "return ','.join(row.name for table in report.tables.values() for row in table.rows)"


def one(*formats: str) -> Record:
    return record_of(
        build("A", figures={"macs": counted(5)}), columns=("macs",), formats=formats or ("md",)
    )


def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, formats: str) -> list[str]:
    """Copy a report that ships, with other formats in its spec; return what names it."""
    for folder in ("specs", "out"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "out" / "digits.json", tmp_path / "out")
    text = (ROOT / "specs" / "digits.yaml").read_text("utf-8")
    text = text.replace("report:\n", f"report:\n  formats: [{formats}]\n")
    (tmp_path / "specs" / "digits.yaml").write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    return ["specs/digits.yaml"]


@pytest.mark.parametrize("content", ["text", "bytes"])
def test_from_the_spec_to_the_file_and_to_check(
    content: str,
    package: Install,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = f"names{content}"
    package(name, "names", f"{NAMES}{'.encode()' if content == 'bytes' else ''}")
    spec = shipped(tmp_path, monkeypatch, f"md, {name}")
    assert main([*spec, "--offline"]) == 0
    written = tmp_path / "out" / "digits.names"
    assert written.read_text() == "CNN,Quantised CNN,Residual CNN,Perceptron"
    assert (tmp_path / "out" / "digits.md").exists()
    assert not (tmp_path / "out" / "digits.txt").exists()
    assert records.read(tmp_path / "out" / "digits.json").report.formats == ("md", name)  # type: ignore[union-attr]
    assert main(["check", *spec]) == 0
    written.write_text("CNN,Other")
    capsys.readouterr()
    assert main(["check", *spec]) == 3
    shown = capsys.readouterr().out
    assert "out/digits.names: edited by hand, or written with another template" in shown
    detail = {"text": "-CNN,Other", "bytes": "9 bytes here, 41 from the record"}[content]
    assert detail in shown
    assert main(["list", "formats"]) == 0
    assert f"{name}  a format of the tests (NAME.names)" in capsys.readouterr().out


def test_a_format_that_is_not_installed_is_an_error_of_the_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = shipped(tmp_path, monkeypatch, "md, markdwon")
    assert main(spec) == 2
    assert capsys.readouterr().err == (
        "specs/digits.yaml:31:17: unknown format 'markdwon'\n"
        "  31 |   formats: [md, markdwon]\n"
        "     |                 ^\n"
        "  Known: md, txt. `reportgen list formats` lists all.\n"
    )


def test_a_format_that_is_no_longer_installed_stays_in_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = one("md", "their-format")
    assert list(render(record)) == ["md"]
    assert not_installed(record) == ["their-format"]
    assert records.loads(record.dumps()).report.formats == ("md", "their-format")
    spec = shipped(tmp_path, monkeypatch, "md")
    path = tmp_path / "out" / "digits.json"
    was = records.read(path)
    assert was is not None
    path.write_text(replace(was, report=replace(was.report, formats=("md", "theirs"))).dumps())
    assert main(["check", *spec]) == 3
    said = "the format 'theirs' of the record is not installed here"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 1 / 0", "failed: ZeroDivisionError: division by zero"),
        ("return 3", "failed: TypeError: it wrote a int, not text or bytes"),
    ],
)
def test_a_format_that_fails_is_an_error_of_its_package(
    body: str, message: str, package: Install
) -> None:
    package("faulty", "f", body)
    with pytest.raises(PluginError) as caught:
        render(one("faulty"))
    assert str(caught.value) == f"the format 'faulty' of the package pack_faulty {message}"


def test_two_formats_of_one_file(package: Install) -> None:
    package("other", "md", NAMES)
    with pytest.raises(PluginError) as caught:
        render(one("md", "other"))
    assert str(caught.value) == "the formats 'md' and 'other' both write a file '.md'"


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        ("json", "the suffix 'json' is taken by the record"),
        ("../x", "'../x' cannot be a suffix: write one such as 'tex'"),
    ],
)
def test_a_suffix_that_cannot_be(suffix: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Format(suffix, str, "")


def test_the_usual_formats_are_those_of_the_registry() -> None:
    assert ReportSettings().formats == tuple(FORMATS.shipped()) == ("md", "txt")
    assert list(render(one("txt", "md"))) == ["txt", "md"]
