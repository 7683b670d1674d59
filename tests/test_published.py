"""Every published figure that is right stands in a committed report, to its last printed digit.

`published.json` holds the figures of five texts, and what tools print for the same models, each
with where it must be found. It was made from the collection of figures that the shipped specs are
about; only what an independent computation had confirmed is in it. A place is one of

- `build`, `key` and perhaps `module`: an exact count of ours, which the figure is, in a row;
- `build` and `claim`: a claim of that metric, judged, and our figure (`ours`) beside it;
- `operations`, `convention`, `column`: a cell of what a tool counts by operation;
- `document` and `line`, in a `block` or anywhere: a line that begins so and holds the figure.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from reportgen.claims.judge import judge
from reportgen.common.units import parse_amount
from reportgen.counting.readings import reading
from reportgen.record import record as records
from reportgen.record.ledger import Ledger
from reportgen.record.metrics import metric_of
from reportgen.record.record import BuildRecord, Record
from reportgen.report.comparison import build_label

ROOT = Path(__file__).resolve().parent.parent
FIGURES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "published.json").read_text("utf-8")
)


def of(form: str) -> dict[str, Any]:
    """Parametrise a test with the figures whose place has this key."""
    chosen = [figure for figure in FIGURES if form in figure]
    return {"argvalues": chosen, "ids": map(name, chosen)}


def name(figure: dict[str, Any]) -> str:
    keys = (
        "build",
        "operations",
        "convention",
        "column",
        "block",
        "line",
        "module",
        "key",
        "claim",
    )
    place = [figure[key] for key in keys if key in figure]
    return f"{figure['report']}: {', '.join(place)}: {figure['value']}"


@cache
def record(report: str) -> Record:
    found = records.read(ROOT / "out" / f"{report}.json")
    assert found is not None, f"reportgen specs/{report}.yaml"
    return found


@cache
def lines(report: str, document: str = "md") -> list[str]:
    return (ROOT / "out" / f"{report}.{document}").read_text("utf-8").splitlines()


def cells(row: str) -> list[str]:
    return row.strip("| ").split(" | ")


def measured(build: BuildRecord, key: str, module: str | None) -> int:
    if module is None:
        figure = build.figures[key]
        assert figure.provenance == "measured"
        assert isinstance(figure.value, int)
        return figure.value
    assert build.ledger is not None
    ledger = Ledger.from_json(build.ledger)
    return ledger.subtree_sums(reading(key).by_module(ledger))[ledger.index(module)]


def rows(figure: dict[str, Any]) -> list[str]:
    """Return the rows of the report in which the figure may stand."""
    label = build_label(record(figure["report"]).builds[figure["build"]])
    report = lines(figure["report"])
    if "module" not in figure:
        return [line for line in report if line.startswith(f"| {label} |")]
    start = report.index(f"## Modules of {label}")
    return [line for line in report[start:] if line.startswith(f"| {figure['module']} |")][:1]


def says(printed: str | int, exact: int) -> bool:
    """Whether a printed figure is the exact one, rounded to as many digits as were printed."""
    if isinstance(printed, int):
        return printed == exact
    digits, _, prefix = printed.partition(" ")
    scale = Decimal(parse_amount(f"1 {prefix}")[0])
    return (Decimal(exact) / scale).quantize(Decimal(digits)) == Decimal(digits)


@pytest.mark.parametrize("figure", **of("key"))
def test_a_published_figure_is_a_count_of_ours(figure: dict[str, Any]) -> None:
    build = record(figure["report"]).builds[figure["build"]]
    exact = measured(build, figure["key"], figure.get("module"))
    assert says(figure["value"], exact)
    assert any(f"| {exact:,} |" in row for row in rows(figure))


@pytest.mark.parametrize("figure", **of("claim"))
def test_a_published_figure_is_judged(figure: dict[str, Any]) -> None:
    found = record(figure["report"])
    (verdict,) = (
        verdict
        for verdict in judge(found)
        if (verdict.build, verdict.subject) == (figure["build"], figure["claim"])
        if verdict.claim.value == str(figure["value"])
    )
    assert not verdict.broken
    assert verdict.ours is not None
    assert figure.get("ours", verdict.ours) == verdict.ours
    label = build_label(found.builds[figure["build"]])
    what = metric_of(figure["claim"]).label
    row = [label, what, str(figure["value"]), f"{verdict.ours:,}"]
    assert any(cells(line)[1:5] == row for line in lines(figure["report"]))


@pytest.mark.parametrize("figure", **of("operations"))
def test_a_published_figure_is_told_by_operation(figure: dict[str, Any]) -> None:
    report = lines(figure["report"])
    section = report[report.index(f"## What each tool says of {figure['operations']}") :]
    table = section[section.index("By operation:") + 2 :]
    header = cells(table[0])
    (row,) = (
        cells(line)
        for line in takewhile(bool, table)
        if line.startswith(f"| {figure['convention']} |")
    )
    assert row[header.index(figure["column"])] == f"{figure['value']:,}"


@pytest.mark.parametrize("figure", **of("line"))
def test_a_published_figure_is_in_a_line(figure: dict[str, Any]) -> None:
    report = lines(figure["report"], figure["document"])
    found = [line for line in block(report, figure) if line.startswith(figure["line"])]
    assert any(figure["value"] in line for line in found)


def block(report: list[str], figure: dict[str, Any]) -> list[str]:
    """Return the lines of one build in a text document, of one section in Markdown, or all."""
    if "block" not in figure:
        return report
    if figure["document"] == "md":
        start = report.index(figure["block"])
        return [*takewhile(lambda line: not line.startswith("## "), report[start + 1 :])]
    (end,) = (
        n for n, line in enumerate(report) if line.startswith(f"Model name: {figure['block']} ")
    )
    starts = [n for n, line in enumerate(report[:end]) if " Calculate Flops Results " in line]
    return report[starts[-1] : end + 1]


def test_the_figures_are_of_five_texts() -> None:
    assert {figure["seed"] for figure in FIGURES} == {"000", "001", "002", "003", "004"}
    assert len(FIGURES) == 299
    forms = ("key", "claim", "operations", "line")
    assert all(sum(form in figure for form in forms) == 1 for figure in FIGURES)


@pytest.mark.parametrize(
    ("printed", "exact", "right"),
    [
        (5, 5, True),
        (5, 6, False),
        ("22.28 M", 22_280_362, True),
        ("22.28 M", 22_290_362, False),
        ("16.534970368 G", 16_534_970_368, True),
        ("16.534970368 G", 16_534_970_369, False),
    ],
)
def test_what_a_rounded_figure_says(printed: str | int, exact: int, right: bool) -> None:
    assert says(printed, exact) == right
