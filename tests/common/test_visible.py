"""Somebody else's text as one visible line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.common.errors import Problem
from reportgen.common.visible import alike, in_place, is_blank, one_line, unseen


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (" two\n lines\t ", "two lines"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("a\u202eb", r"a\u202eb"),
        ("a\u200b\u2060b", r"a\u200b\u2060b"),
        ("a\ud800", r"a\ud800"),
        ("a\U000e0041", r"a\U000e0041"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("ResNet-20 é 模型 🧪", "ResNet-20 é 模型 🧪"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("a\u200db", r"a\u200db"),
        (ValueError("no\nsuch"), "no such"),
    ],
)
def test_one_line(text: object, line: str) -> None:
    assert one_line(text) == line


@given(st.text())
def test_any_text_is_one_line_that_can_be_seen(text: str) -> None:
    line = one_line(text)
    assert line.splitlines() == [line] * bool(line)
    assert not unseen(line)
    assert {unicodedata.category(letter) for letter in line}.isdisjoint({"Cc", "Cs"})
    assert one_line(line) == line
    assert line.encode("utf-8").decode("utf-8") == line


@given(st.text())
def test_white_space_stays_in_place(text: str) -> None:
    shown = in_place(f"  {text} |")
    assert shown.startswith("  ")
    assert shown.endswith(" |")
    assert len(shown.splitlines()) == 1


def test_names() -> None:
    assert is_blank(" \t\u3164")
    assert not is_blank("a")
    assert alike(" My\u00a0Model") == alike("MyModel")
    assert alike("Cafe\u0301") == alike("Caf\u00e9")
    assert alike("resnet") != alike("ResNet")


def test_a_problem_is_four_lines_whatever_it_is_about() -> None:
    source = "x" * 300 + "\x1b[31m: here" + "y" * 300
    problem = Problem("a\nb.yaml", 2, 308, "no\nsuch 'a\x07'", "write\nthis", source)
    lines = str(problem).split("\n")
    assert lines == [
        r"a b.yaml:2:308: no such 'a\x07'",
        f"  2 | {'x' * 73}\N{REPLACEMENT CHARACTER}[31m: here{'y' * 76}",
        "    | " + " " * 80 + "^",
        "  write this",
    ]


def test_a_problem_repeats_no_novel() -> None:
    said = str(Problem("a.yaml", 1, 1, f"unknown key '{'k' * 10_000}'"))
    assert len(said) == len("a.yaml:1:1: ") + 500
    assert said.endswith("k…")
