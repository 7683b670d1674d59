"""What README and docs show is what the tool takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reportgen.spec import loads

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        pattern = rf"^```{language}\n(.*?)^```"
        for match in re.finditer(pattern, page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
            found.append((page.name, match[1]))
    return found


SPECS = [(page, text) for page, text in blocks("yaml") if text.startswith("reportgen:")]


@pytest.mark.parametrize(("page", "text"), SPECS, ids=[page for page, _ in SPECS])
def test_a_spec_in_the_docs_is_valid(page: str, text: str) -> None:
    assert loads(text, page).models


def test_there_are_specs_in_the_docs() -> None:
    assert SPECS


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_table_in_the_readme_is_the_one_of_the_report() -> None:
    report = (ROOT / "out" / "cifar10.md").read_text("utf-8")
    table = re.search(r"^\| Model .*?\n\n", report, re.MULTILINE | re.DOTALL)
    assert table is not None
    without_footnotes = re.sub(r"\[\^[^]]+\]", "", table[0]).strip()
    assert without_footnotes in (ROOT / "README.md").read_text("utf-8")


def test_the_readme_has_two_commands_for_a_fresh_machine() -> None:
    commands = [text.strip() for page, text in blocks("sh") if page == "README.md"]
    assert commands[:2] == ["python3 bootstrap.py", "python3 bootstrap.py test"]
