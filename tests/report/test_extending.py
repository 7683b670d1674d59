"""Templates and formats: the examples of their pages run, and the lists there are complete."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from reportgen.claims.judge import Status
from reportgen.cli import main
from reportgen.common import registry
from reportgen.record import record as records
from reportgen.report import build, render, tables
from reportgen.report.templating import context, environment
from tests.common.test_registry import install
from tests.report.test_formats import shipped

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = (ROOT / "docs" / "templates.md").read_text("utf-8")
FORMATS = (ROOT / "docs" / "extending-formats.md").read_text("utf-8")


def block(page: str, language: str, before: str = "") -> str:
    """Return the code block of a page that comes after some words."""
    found = re.search(rf"^```{language}\n(.*?)^```", page[page.index(before) :], re.M | re.S)
    assert found is not None
    return found[1]


def rows(page: str, heading: str) -> dict[str, str]:
    """Return the rows of a table below a heading: the last cell by the first."""
    table = re.search(r"^\| .*?\n\n", page[page.index(heading) :] + "\n\n", re.M | re.S)
    assert table is not None
    lines = table[0].strip().splitlines()[2:]
    return {cells[1].strip(" `"): cells[-2] for cells in (line.split("|") for line in lines)}


def test_the_template_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "report.md.j2").write_text(block(TEMPLATES, "jinja"), "utf-8")
    record = records.read(ROOT / "out" / "digits.json")
    assert record is not None
    text = render(record, template_dirs=[tmp_path])["md"]
    assert isinstance(text, str)
    assert text.startswith(block(TEMPLATES, "text"))


def test_the_page_lists_the_context() -> None:
    record = records.read(ROOT / "out" / "digits.json")
    assert record is not None
    given = context(build(record))
    assert set(rows(TEMPLATES, "## What a template is given")) == set(given)
    assert f"This is version {given['version']} of the context." in TEMPLATES
    ours = {"md", "comment", "code", "html", "table", "line"}
    assert set(rows(TEMPLATES, "| filter ")) == ours <= set(environment().filters)


def test_the_page_lists_the_classes_with_their_fields() -> None:
    page = rows(TEMPLATES, "## The report")
    for name, listed in page.items():
        kind: Any = getattr(tables, name)
        fields = {field.name for field in dataclasses.fields(kind)}
        more = {key for key, value in vars(kind).items() if isinstance(value, property)}
        assert fields | more <= set(re.findall(r"`(\w+)`", listed)), name
    assert set(rows(TEMPLATES, "| mark ")) == set(get_args(tables.Mark))


def test_the_format_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = re.search(
        r'^\[project.entry-points."(.+)"\]\n(\w+) = "(.+)"', block(FORMATS, "toml"), re.M
    )
    assert declared is not None
    group, name, value = declared.groups()
    code = block(FORMATS, "python", "`reportgen_tsv.py`")
    registry._declared.cache_clear()
    install(tmp_path / "site", monkeypatch, "reportgen_tsv", {name: value}, code, group)
    test: dict[str, Any] = {}
    exec(block(FORMATS, "python", "`test_reportgen_tsv.py`"), test)
    monkeypatch.chdir(ROOT)
    test["test_a_line_for_each_figure"]()
    formats = re.search(r"formats: \[(.+)\]", block(FORMATS, "yaml"))
    assert formats is not None
    (tmp_path / "demo").mkdir()
    spec = shipped(tmp_path / "demo", monkeypatch, formats[1])
    assert main([*spec, "--offline"]) == 0
    assert "digits\tCNN\ttop1\t" in (tmp_path / "demo" / "out" / "digits.tsv").read_text("utf-8")
    assert main(["check", *spec]) == 0
    monkeypatch.undo()
    registry._declared.cache_clear()


def test_what_became_of_budgets_and_claims_is_a_value() -> None:
    """A writer reads it there, and not out of a sentence."""
    states = {"kept", "broken", "undecided"}, set(get_args(Status))
    found: list[set[object]] = [set(), set()]
    for path in (ROOT / "out").glob("*.json"):
        record = records.read(path)
        assert record is not None
        report = build(record)
        for values, table in zip(found, (report.budgets, report.claims), strict=True):
            values |= {row.cells[-1].value for row in table.rows} if table else set()
    assert "agrees" in found[1]
    for values, possible in zip(found, states, strict=True):
        assert values <= possible
        assert all(f"`{value}`" in TEMPLATES for value in possible)
