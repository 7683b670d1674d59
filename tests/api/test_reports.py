"""A report in Python: as a table of a notebook, as a DataFrame, and written into a folder."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

import reportgen
from reportgen.record.record import Record
from reportgen.report import build
from tests.api.test_run import files

OUT = Path(__file__).resolve().parents[2] / "out"


@pytest.fixture(scope="module")
def report() -> reportgen.Report:
    return reportgen.load(OUT / "cifar10.json")


def test_a_notebook_shows_the_comparison(report: reportgen.Report) -> None:
    shown = report._repr_html_()
    assert "<caption>cifar10</caption>" in shown
    assert "<th>Top-1 ↑</th>" in shown
    assert "<td><i>87.79 %</i><sup>1</sup></td><td>–<sup>2</sup></td>" in shown
    assert "<td><b>81.67 M</b></td>" in shown
    assert "\n<sup>2</sup> The spec gives no weights.<br>\n" in shown
    assert shown == report.tables["cifar10"]._repr_html_()


def test_markdown_is_that_of_the_document(report: reportgen.Report) -> None:
    shown = report._repr_markdown_()
    title, rows, notes = shown.split("\n\n")
    assert title == "**cifar10**"
    document = (OUT / "cifar10.md").read_text("utf-8")
    assert rows in document
    assert all(f"\n{note}\n" in document for note in notes.splitlines())


def test_text_of_others_is_no_html() -> None:
    shown = reportgen.load(OUT / "cifar10.json").tables["cifar10"]
    row = shown.rows[0]
    cell = replace(row.cells[0], text="<script>")
    table = replace(shown, rows=(replace(row, cells=(cell, *row.cells[1:])),), title="<b>")
    assert "<td>&lt;script&gt;</td>" in table._repr_html_()
    assert "<caption>&lt;b&gt;</caption>" in table._repr_html_()


def test_a_frame_holds_the_values(report: reportgen.Report) -> None:
    pytest.importorskip("pandas")
    frame = report.to_pandas()
    assert list(frame.columns[:3]) == ["table", "row", "top1"]
    row = frame.set_index("row").loc["ResNet-20"]
    assert (row["table"], row["params"], row["top1"]) == ("cifar10", 269_722, 91.73)
    assert frame.attrs["units"]["latency@1"] == "ms"
    assert len(frame) == len(report.tables["cifar10"].rows)
    assert frame["loss"].isna().sum() == 6  # those without weights have none


def test_tables_of_several_data_sets_are_one_frame() -> None:
    pytest.importorskip("pandas")
    report = reportgen.load(OUT / "elastic.json")
    frame = report.to_pandas()
    assert list(dict.fromkeys(frame["table"])) == list(report.tables)
    assert len(frame) == sum(len(table.rows) for table in report.tables.values())
    assert len(report.tables["cifar10"].to_pandas()) == len(report.tables["cifar10"].rows)


def test_without_pandas(report: reportgen.Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(reportgen.UsageError) as caught:
        report.to_pandas()
    assert str(caught.value) == "to_pandas needs pandas: pip install pandas"


@pytest.mark.parametrize(
    ("name", "kinds"), [("cifar10", ["json", "md", "txt"]), ("elastic", ["json", "md"])]
)
def test_a_report_is_saved_as_it_was_written(name: str, kinds: list[str], tmp_path: Path) -> None:
    report = reportgen.load(OUT / f"{name}.json")
    changed = report.save(tmp_path / "new")
    assert [path.name for path in changed] == [f"{name}.{kind}" for kind in kinds]
    written = files(tmp_path / "new")
    assert written == {file: (OUT / file).read_bytes() for file in written}
    assert report.save(tmp_path / "new") == []


def test_an_empty_report_shows_nothing() -> None:
    assert build(Record("x", "A title"))._repr_html_() == ""
