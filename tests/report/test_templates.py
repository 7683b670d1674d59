"""Templates of one's own, and what is said when one of them is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reportgen.record.record import Record
from reportgen.report import TemplateError, render
from reportgen.report.templating import builtin_templates
from tests.report.examples import build, counted, record_of


def record(*formats: str) -> Record:
    one = build("A", figures={"macs": counted(5)})
    return record_of(one, columns=("macs",), formats=formats or ("md",))


def problem(folder: Path, text: str, *formats: str) -> str:
    """Return what is said of a template, its folder written as DIR."""
    (folder / "report.md.j2").write_text(text)
    with pytest.raises(TemplateError) as caught:
        render(record(*formats), template_dirs=[folder])
    assert caught.value.exit_code == 2
    return str(caught.value).replace(str(folder), "DIR")


def test_a_users_template_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "report.md.j2").write_text("{{ tables[0] | table }}\n")
    documents = render(record("md", "txt"), template_dirs=[tmp_path])
    assert documents["md"] == "| Model | MACs ↓ |\n| --- | ---: |\n| A | 5 |\n"
    assert "Calculate Flops Results" in documents["txt"]


def test_a_users_template_extends_ours(tmp_path: Path) -> None:
    (tmp_path / "report.md.j2").write_text(
        '{% extends "default/report.md.j2" %}{% block notation %}\nMine.\n{% endblock %}'
    )
    text = render(record(), template_dirs=[tmp_path])["md"]
    assert "| A | 5 |" in text
    assert "Mine." in text
    assert "## Notation" not in text


def test_the_ends_of_a_templates_lines_do_not_count(tmp_path: Path) -> None:
    ours = (builtin_templates() / "report.md.j2").read_bytes()
    (tmp_path / "report.md.j2").write_bytes(ours.replace(b"\n", b"\r\n"))
    assert render(record(), template_dirs=[tmp_path]) == render(record())


def test_the_first_folder_wins(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.md.j2").write_text(name)
    folders = [tmp_path / "two", tmp_path / "one"]
    assert render(record(), template_dirs=folders)["md"] == "two"


def test_an_undefined_name(tmp_path: Path) -> None:
    assert problem(tmp_path, "# {{ title }}\n\n{{ tabels }}\n") == (
        "DIR/report.md.j2:3: 'tabels' is undefined. Did you mean 'tables'?"
    )


def test_an_undefined_attribute(tmp_path: Path) -> None:
    assert problem(tmp_path, "{% for table in tables %}\n{{ table.titel }}\n{% endfor %}") == (
        "DIR/report.md.j2:2: 'reportgen.report.tables.Table object' has no attribute 'titel'."
    )


def test_an_error_inside_an_include_names_the_included_file(tmp_path: Path) -> None:
    (tmp_path / "part.j2").write_text("\n\n{{ nothing_like_it }}")
    assert problem(tmp_path, '{% include "part.j2" %}') == (
        "DIR/part.j2:3: 'nothing_like_it' is undefined. Known: blocks, budgets, claims, datasets, "
        "environments, exact, explanations, footnotes, how_measured, marks, models, modules, "
        "notation, record, spec, spread, tables, template_dirs, title, version."
    )


def test_broken_syntax(tmp_path: Path) -> None:
    message = problem(tmp_path, "fine\n{% if %}\n")
    assert message == ("DIR/report.md.j2:2: Expected an expression, got 'end of statement block'")


def test_a_template_that_is_not_there(tmp_path: Path) -> None:
    assert problem(tmp_path, '\n{% include "report.text.j2" %}') == (
        "DIR/report.md.j2:2: there is no template 'report.text.j2'. Did you mean 'report.txt.j2'?"
    )


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TemplateError) as caught:
        render(record(), template_dirs=[tmp_path / "none"])
    assert str(caught.value) == f"{tmp_path / 'none'}: there is no such folder of templates."


def test_any_other_mistake(tmp_path: Path) -> None:
    assert problem(tmp_path, "\n{{ 1 // 0 }}") == (
        "DIR/report.md.j2:2: ZeroDivisionError: integer division or modulo by zero"
    )


@pytest.mark.parametrize(
    ("text", "attribute"),
    [
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "'__class__' of 'str' object"),
        ("{{ record.dumps.__globals__ }}", "'__globals__' of 'method' object"),
        ("{{ record.builds.__init__ }}", "'__init__' of 'dict' object"),
    ],
)
def test_a_template_cannot_leave_its_sandbox(tmp_path: Path, text: str, attribute: str) -> None:
    assert problem(tmp_path, text) == (
        f"DIR/report.md.j2:1: not allowed in a template: access to attribute {attribute} is unsafe."
    )


def test_a_template_cannot_change_the_record(tmp_path: Path) -> None:
    one = record()
    assert problem(tmp_path, "{{ record.builds.clear() }}").startswith(
        "DIR/report.md.j2:1: not allowed in a template: "
    )
    assert one.builds


def test_ours_are_found() -> None:
    names = {path.name for path in builtin_templates().glob("*.j2")}
    assert names >= {"report.md.j2", "report.txt.j2", "calflops.txt.j2"}


def test_rendering_imports_nothing_that_measures() -> None:
    program = (
        "import sys, reportgen.report\n"
        "assert 'jinja2' not in sys.modules, 'imported before it is needed'\n"
        "from reportgen.record.record import Record, ReportSettings\n"
        "reportgen.report.render(Record('x', 'x'))\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
