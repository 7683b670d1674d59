"""The code blocks of docs/python.md do what the page says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import reportgen

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"


def test_the_page_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```pycon\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    # A blank line inside an output is written as doctest wants it.
    blocks = [re.sub(r"\n\n(?!>>>)", "\n<BLANKLINE>\n", block) for block in blocks]
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "python.md", None, 0)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=said.append)
    assert "".join(said) == ""
    assert runner.tries == len(re.findall(r"^>>>", "\n".join(blocks), re.M)) > 15


def test_every_error_is_on_the_page() -> None:
    page = PAGE.read_text("utf-8")
    errors = [name for name in reportgen.__all__ if name.endswith("Error")]
    assert [name for name in errors if f"`{name}`" not in page] == []
