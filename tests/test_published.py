"""Every published figure that is right stands in a committed report, to its last printed digit.

`published.json` holds the figures of four texts, and what tools print for the same models, each
with where it must be found. It was made from the collection of figures that the shipped specs are
about; only what an independent computation had confirmed is in it.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reportgen import record as records
from reportgen.counting.readings import reading
from reportgen.ledger import Ledger
from reportgen.record import BuildRecord, Record
from reportgen.units import parse_quantity

ROOT = Path(__file__).resolve().parent.parent
FIGURES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "published.json").read_text("utf-8")
)


def name(figure: dict[str, Any]) -> str:
    place = [figure["build"], *([figure["module"]] if "module" in figure else []), figure["key"]]
    return f"{figure['report']}: {', '.join(place)}: {figure['value']}"


@cache
def record(report: str) -> Record:
    found = records.read(ROOT / "out" / f"{report}.json")
    assert found is not None, f"reportgen specs/{report}.yaml"
    return found


@cache
def lines(report: str) -> list[str]:
    return (ROOT / "out" / f"{report}.md").read_text("utf-8").splitlines()


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
    model = record(figure["report"]).builds[figure["build"]].model
    report = lines(figure["report"])
    if "module" not in figure:
        return [line for line in report if line.startswith(f"| {model} |")]
    start = report.index(f"## Modules of {model}")
    return [line for line in report[start:] if line.startswith(f"| {figure['module']} |")][:1]


def says(printed: str | int, exact: int) -> bool:
    """Whether a printed figure is the exact one, rounded to as many digits as were printed."""
    if isinstance(printed, int):
        return printed == exact
    digits, _, prefix = printed.partition(" ")
    scale = Decimal(parse_quantity(f"1 {prefix}")[0])
    return (Decimal(exact) / scale).quantize(Decimal(digits)) == Decimal(digits)


@pytest.mark.parametrize("figure", FIGURES, ids=map(name, FIGURES))
def test_a_published_figure_is_in_a_report(figure: dict[str, Any]) -> None:
    build = record(figure["report"]).builds[figure["build"]]
    exact = measured(build, figure["key"], figure.get("module"))
    assert says(figure["value"], exact)
    assert any(f"| {exact:,} |" in row for row in rows(figure))


def test_the_figures_are_of_four_texts() -> None:
    assert {figure["seed"] for figure in FIGURES} == {"001", "002", "003", "004"}
    assert len(FIGURES) == 233


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
