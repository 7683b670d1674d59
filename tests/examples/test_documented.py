"""What docs/extending.md shows is what the example package has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOWN = re.findall(
    r"<!-- (?P<path>\S+) -->\n```\w+\n(?P<text>.*?)```",
    (ROOT / "docs" / "extending.md").read_text(encoding="utf-8"),
    re.DOTALL,
)


@pytest.mark.parametrize(("path", "text"), SHOWN, ids=[path for path, _ in SHOWN])
def test_the_text_is_in_the_file(path: str, text: str) -> None:
    assert text in (ROOT / path).read_text(encoding="utf-8")
