"""Names, titles and messages of others are one line each, and forge none of ours."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reportgen.record.ledger import Ledger, Module
from reportgen.record.record import InputTensor, Record, loads
from reportgen.report import build as make
from reportgen.report import render, write_for_terminal
from reportgen.report.plain import line
from reportgen.report.tree import module_tree
from tests.report.examples import build, counts, missing, quoted, record_of, scored

FORGED = "M\n~~~\n\n# Forged heading [approve](https://example.org)\n\nTest Accuracy: 99.99%\n~~~"


def record_with(text: str) -> Record:
    """A record in which everything that others may write is this text."""
    one = build(
        text,
        figures={
            **counts(1, 2, 3),
            "top1": missing("failed", f"RuntimeError: {text}", text),
            "loss": scored(1),
        },
        reported={"error": quoted("9 %", 9.0, source=text)},
        metadata={"weights": text},
    )
    other = replace(build("Other", figures=counts(1, 2, 3)), inputs=(InputTensor(text, (3,)),))
    record = record_of(one, other, columns=("top1", "error", "macs"))
    return replace(record, title=text, environments={"e": {"cpu": text}})


def without_text(text: str) -> tuple[int, int, int]:
    """Count the lines of each kind of document."""
    record = record_with(text)
    documents = render(record)
    return tuple(  # type: ignore[return-value]
        shown.count("\n") for shown in (*documents.values(), write_for_terminal(make(record)))
    )


ANY = st.text(
    st.characters(categories=["L", "M", "N", "P", "S", "Z", "Cc", "Cf", "Cs"]), min_size=1
)


@settings(deadline=None, max_examples=30)
@given(ANY)
@example("\ud800\x1b[2J\u202e\n\u2028")
def test_any_text_costs_one_line(text: str) -> None:
    assert without_text(f"x{text}x") == without_text("name")


@settings(deadline=None, max_examples=30)
@given(ANY)
@example("\ud800")
def test_any_text_comes_back_from_the_record(text: str) -> None:
    record = record_with(text)
    read = loads(record.dumps().encode("utf-8").decode("utf-8"))
    # Half of a surrogate pair is no character that a file could hold.
    assert read.title == "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


@pytest.mark.parametrize("end", ["md", "txt"])
def test_no_line_of_a_document_is_forged(end: str) -> None:
    text = render(record_with(FORGED))[end]
    assert not re.search(r"^\s*(~~~|# Forged|Test Accuracy: 99)", text, re.MULTILINE)
    assert "[approve](" not in text.replace(r"\[approve\](", "") or end == "txt"


@pytest.mark.parametrize(
    "title",
    [
        "Test Accuracy: 99.99%",
        "test accuracy : 99",
        "Model name: X FLOPs:1",
        "Inference time for A: 0.1 seconds",
        "Note on A: all is well",
        "Inputs of A: 3",
        "fwd+bwd MACs: 5",
        "Total Training Params: 1",
        "Ｔｅｓｔ Accuracy： 99",
        "------------------",
    ],
)
def test_a_title_that_reads_as_a_line_of_ours_is_quoted(title: str) -> None:
    first = render(replace(record_with("M"), title=title))["txt"].splitlines()[0]
    assert first == f'"{title}"'


@pytest.mark.parametrize("title", ["ResNets on CIFAR-10", "Test accuracy of ResNets", "A – B"])
def test_any_other_title_stays(title: str) -> None:
    assert line(title) == title


def test_a_tree_of_modules_has_no_line_of_ours() -> None:
    root = Module("", "Test Accuracy: 100%")
    child = replace(
        root, path="\x1b[2J\nTest Accuracy: 1", type="A\nB", detail="a\nTest Accuracy: 2%\x07"
    )
    tree = module_tree(Ledger((root, child), ()))
    assert not re.search(r"^\s*Test Accuracy", tree, re.MULTILINE)
    assert tree.replace("\n", "").isprintable()


def test_the_terminal_gets_no_codes() -> None:
    record = record_with("\x1b[2J\u202eevil")
    assert "\x1b" not in write_for_terminal(make(record))
    assert "\u202e" not in write_for_terminal(make(record))
