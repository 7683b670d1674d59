"""What README and docs show is what the tool takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reportgen import __version__
from reportgen.spec import loads

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


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


def test_the_figures_of_the_readme_are_those_of_the_benchmarks() -> None:
    results = (ROOT / "benchmarks" / "results.md").read_text("utf-8")
    rows = re.search(
        r"^\| Benchmark \|.*?\n\n", (ROOT / "README.md").read_text("utf-8"), re.M | re.S
    )
    assert rows is not None
    stated = {
        figure
        for row in rows[0].strip().splitlines()[2:]
        for figure in re.findall(r"\d+\.\d+", row.split("|")[2])
    }
    stated -= {"4.3", "27.9", "2.9", "21.5"}  # 1.043 and so on there
    assert {
        figure for figure in stated if not re.search(rf"\b{re.escape(figure)}", results)
    } == set()
    assert all(f"| {ratio} |" in results for ratio in ("1.043", "1.279", "1.029", "1.215"))


def test_the_changelog_has_the_version_of_the_package() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## (\S+)", changelog, re.MULTILINE)
    assert headings[:2] == ["Unreleased", __version__]


def test_every_package_is_in_the_architecture() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    packages = {path.parent.name for path in (ROOT / "reportgen").glob("*/__init__.py")}
    assert {name for name in packages if f"\n| `{name}` | " not in page} == set()


def headings(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_headings_that_a_page_links_to_are_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", page.read_text("utf-8"))
    targets = [(page.parent / path if path else page, anchor) for path, anchor in links]
    assert [anchor for target, anchor in targets if anchor not in headings(target)] == []
