"""The Markdown document: whole documents, escaping, and figures that come back out of it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reportgen.common.units import parse_amount
from reportgen.common.visible import one_line
from reportgen.record.record import BuildRecord, Figure, Record, loads
from reportgen.report import markdown, render
from reportgen.report.figures import shown
from reportgen.report.tables import Cell, Column, Note, Row, Table
from tests.golden import Golden
from tests.report.examples import (
    build,
    cifar10_record,
    counted,
    counts,
    missing,
    quoted,
    record_of,
    scored,
    timed,
)


def markdown_of(record: Record) -> str:
    return render(replace(record, report=replace(record.report, formats=("md",))))["md"]


def rows_of(text: str) -> Iterator[list[str]]:
    """Yield the rows of every table as a Markdown reader shows them, without footnotes."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    row: list[str] = []
    for token in tokens:
        if token.type == "tr_open":
            row = []
        elif token.type == "inline" and token.level >= 3:
            row.append(re.sub(r"\s*\[\^[a-z0-9-]+\]", "", _shown(token)))
        elif token.type == "tr_close":
            yield row
            row = []  # what follows the last row belongs to no table


def _shown(token: Token) -> str:
    return "".join(child.content for child in token.children or [])


def awkward_record() -> Record:
    """Two data sets, class counts, names and notes that Markdown would take for its own."""
    note = "a `tick`, a | pipe and\na line break"
    return replace(
        record_of(
            build("a|b <script> `x`", figures={"top1": scored(9_000), "macs": counted(7_680)}),
            build("a|b <script> `x`", classes=100, figures={"top1": scored(9_000)}),
            build("*bold* _it_ $x$ [l](u) ~~s~~ &amp; \\", figures={"macs": counted(896)}),
            build("snake_case_name # 1", figures={"macs": counted(1_000, note=note)}),
            build("Größe 模型 🚀", dataset="other <set>", classes=2, reported={
                "top1": quoted("50 | 51 %", 50.0, source="*A* [blog](x) post"),
            }),
            build("x" * 120, dataset="other <set>", classes=2),
            columns=("top1", "macs"),
        ),
        title="*Stars* & <bars>",
    )  # fmt: skip


def test_a_whole_report(golden: Golden) -> None:
    golden("cifar10.md", markdown_of(cifar10_record()))


def test_an_awkward_report(golden: Golden) -> None:
    golden("awkward.md", markdown_of(awkward_record()))


def test_nothing_to_report(golden: Golden) -> None:
    golden("empty.md", markdown_of(record_of(build("Only"), columns=("macs", "top1"))))
    assert markdown_of(record_of()).startswith("<!-- Written by reportgen")


def test_awkward_names_come_back() -> None:
    names = {row[0] for row in rows_of(markdown_of(awkward_record()))}
    assert {build.model.strip() for build in awkward_record().builds.values()} <= names


def test_the_table_says_what_the_record_says() -> None:
    record = cifar10_record()
    header, *rows = list(rows_of(markdown_of(record)))[: 1 + len(record.builds)]
    assert header[0] == "Model"
    keys = ("top1", "loss", "latency@1", "speedup@1", "time.total", "flops", "macs", "params")
    compared = 0
    for row, one in zip(rows, record.builds.values(), strict=True):
        for text, key in zip(row[1:], keys, strict=True):
            figure = shown(one, key)
            assert figure is not None
            if figure.value is None:
                assert text == "–"
                continue
            value, _ = parse_amount(text.removeprefix("≈").removesuffix(" ?"))
            assert value == pytest.approx(figure.value, rel=5e-3)
            compared += 1
    assert compared == 34


def test_exact_counts_come_back_to_the_digit() -> None:
    record = cifar10_record()
    tables = list(rows_of(markdown_of(record)))
    start = tables.index(["Model", "FLOPs", "MACs", "Params"]) + 1
    found = {row[0].removesuffix(" (int8)"): row[1:] for row in tables[start : start + 5]}
    for name, texts in found.items():
        figures = record.builds[f"{name} @ cifar10 10"].figures
        wanted = [figures[key].value for key in ("flops", "macs", "params")]
        assert [parse_amount(text)[0] for text in texts] == wanted


def test_a_new_row_changes_no_other() -> None:
    record = cifar10_record()
    longer = build("A much longer name than all the others" * 3, figures=counts(1, 2, 3))
    grown = replace(
        record,
        builds={**record.builds, "new": longer},
        report=replace(record.report, order=("new", *record.report.order)),
    )
    before, after = markdown_of(record).splitlines(), markdown_of(grown).splitlines()
    # Only the marks of the best move: the newcomer takes them from ResNet-20.
    lost = [line for line in before if line not in after]
    assert [line.partition(" |")[0] for line in lost] == ["| ResNet-20"]
    assert len(after) == len(before) + 3  # two rows and a line about the model


def test_the_same_record_gives_the_same_bytes() -> None:
    for record in (cifar10_record(), awkward_record()):
        again = loads(record.dumps())
        assert render(again) == render(record)


def test_a_thousand_builds_take_less_than_a_second() -> None:
    figures = dict(next(iter(cifar10_record().builds.values())).figures)
    one = cifar10_record()
    many: dict[str, BuildRecord] = {
        f"Model {number}": build(
            f"Model {number}",
            figures=figures | {"latency@1": timed(1 + number / 7)},
            reported={"top1": quoted("87.79 %", 87.79, source=f"paper {number}")},
        )
        for number in range(1_000)
    }
    record = replace(one, builds=many, report=replace(one.report, order=tuple(many)))
    started = time.process_time()  # not the wall's: other work on the machine is none of ours
    documents = render(record)
    assert time.process_time() - started < 1
    assert documents["md"].count("\n| Model ") == 2 * (
        1_000 + 1
    )  # the comparison and the exact counts


def test_footnotes_are_named_after_what_they_say() -> None:
    one, same, other = Note("quoted", "A."), Note("quoted", "A."), Note("quoted", "B.")
    assert one.id == same.id != other.id
    assert re.fullmatch(r"quoted-[0-9a-f]{8}", one.id)


def test_every_footnote_is_there_once() -> None:
    text = markdown_of(cifar10_record())
    named = re.findall(r"^\[\^(.+?)\]:", text, re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(re.findall(r"\[\^(.+?)\](?!:)", text)) == set(named)


def test_a_failed_measurement_of_a_quoted_figure_is_told() -> None:
    one = build(
        "One",
        figures={"top1": missing("failed", "the disk is full", "free some space")},
        reported={"top1": quoted("90 %", 90.0, source="a paper")},
    )
    text = markdown_of(record_of(one, columns=("top1",)))
    assert "| *90 %*[^quoted-" in text
    assert "]: Quoted from a paper, not measured here. The disk is full. Free some space.\n" in text


def test_a_quoted_number_without_a_unit_gets_one() -> None:
    reported = {
        "top1": Figure("reported", 90.5, "%", text="90.5", source="a paper"),
        "macs": Figure("reported", 7_800_000_000, text="7800000000.0", source="a paper"),
    }
    text = markdown_of(record_of(build("One", reported=reported), columns=("top1", "macs")))
    assert "| One | *90.5 %*[^" in text
    assert "| *7.800 G*[^" in text


@given(st.text())
def test_any_text_shows_as_it_is(text: str) -> None:
    columns = (Column("a", "A", number=False), Column("b", "B"))
    cells = (Cell(text), Cell("end", marks=frozenset({"best"})))
    table = Table("x", "x", columns, (Row("r", cells),))
    _, row = rows_of(markdown.table(table))
    assert [cell.replace("\u200b", "") for cell in row] == [one_line(text), "end"]


@given(st.text())
def test_any_text_is_a_paragraph(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(markdown.escape(text))
    wanted = one_line(text)
    shown = [_shown(token).replace("\u200b", "") for token in tokens if token.type == "inline"]
    assert shown == [wanted] * bool(wanted)
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}


def test_a_comment_cannot_be_ended_from_within() -> None:
    assert "-->" not in markdown.comment("a --> b --- c ->- >")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("ask @somebody", "ask @&#8203;somebody"),
        ("a@b.c, latency@256", "a@b.c, latency@256"),
        ("see #1 and lab/nets#12", "see \\#&#8203;1 and lab/nets#&#8203;12"),
        ("GH-7", "GH-&#8203;7"),
        ("<!-- hidden -->", r"\<!-- hidden --\>"),
        ("\x1b[31mred", r"\\x1b\[31mred"),
    ],
)
def test_what_github_would_act_upon(text: str, written: str) -> None:
    assert markdown.escape(text) == written


@given(st.text("`ab \n~|<", max_size=20))
def test_any_text_is_code(text: str) -> None:
    (token,) = (
        child
        for entry in MarkdownIt("commonmark").parse(f"- {markdown.code('x' + text + 'x')} end")
        for child in entry.children or []
        if child.type == "code_inline"
    )
    assert token.content == one_line(f"x{text}x")


@given(st.text("~`a \n\x1b", max_size=30))
def test_any_lines_are_fenced(text: str) -> None:
    fenced = markdown.fence(f"{text}\nlast", "diff")
    (token,) = MarkdownIt("commonmark").parse(f"before\n\n{fenced}\n\nafter")[3:-3]
    assert (token.type, token.info) == ("fence", "diff")
    assert token.content.splitlines()[-1] == "last"


def test_text_within_html() -> None:
    assert markdown.html("<b>&\n@me #1") == "&lt;b&gt;&amp; @&#8203;me #&#8203;1"
