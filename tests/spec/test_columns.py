"""Columns by convention, tables of modules, heads and frozen parts: what may be written."""

from __future__ import annotations

import pytest

from reportgen.common.errors import SpecError
from reportgen.spec import loads
from reportgen.spec.variants import TapRange, frozen_text, heads_text

SPEC = """\
reportgen: 1
title: T
datasets: {cifar10: {}}
models:
  A:
    source: zoo/keras_resnet50
MODEL
report:
REPORT
"""


def text(model: str = "", report: str = "tree: true") -> str:
    lines = f"    {model}" if model else ""
    return SPEC.replace("MODEL", lines).replace("REPORT", f"  {report}")


def complaint(spec: str) -> list[str]:
    """Return the message and the hint of the only problem, without its place."""
    with pytest.raises(SpecError) as caught:
        loads(spec, "s.yaml")
    (only,) = caught.value.problems
    return [only.message, only.hint]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (
            "columns: [flops.kerass]",
            [
                "no convention 'kerass' counts flops",
                "Did you mean 'keras'? `reportgen list conventions` lists all.",
            ],
        ),
        (
            "columns: [params.thop]",
            [
                "no convention 'thop' counts params",
                "Known: all, keras, keras-non-trainable, trainable. `reportgen list conventions` "
                "lists all.",
            ],
        ),
        (
            "columns: [macs.thop]",
            [
                "'macs' has no conventions",
                "Write flops.thop: a convention goes with flops and params only.",
            ],
        ),
        (
            "columns: [flop.thop]",
            ["unknown metric 'flop.thop'", "`reportgen list metrics` lists all."],
        ),
        (
            "modules: {columns: [params, latency]}",
            [
                "'latency' is not available for modules",
                "Known: params, trainable_params, macs, flops, activations, time.share; and flops "
                "and params by a convention, such as flops.thop.",
            ],
        ),
        (
            "modules: {columns: [mac]}",
            ["unknown metric 'mac'", "Did you mean 'macs'? `reportgen list metrics` lists all."],
        ),
        (
            "modules: {columns: [flops.thopp]}",
            [
                "no convention 'thopp' counts flops",
                "Did you mean 'thop'? `reportgen list conventions` lists all.",
            ],
        ),
        (
            "modules: {columns: [macs, time.shar]}",
            [
                "unknown metric 'time.shar'",
                "Did you mean 'time.share'? `reportgen list metrics` lists all.",
            ],
        ),
        (
            "columns: [macs, time.share]",
            [
                "'time.share' is available only in `report.modules`",
                "Write `modules: {columns: [params, macs, time.share]}` under `report`.",
            ],
        ),
        (
            "modules: {columns: [macs, time.share]}",
            [
                "nothing here gives the column 'time.share'",
                "Add `timing: {}` to `measure`, or remove the column.",
            ],
        ),
        (
            "modules: {columns: [macs, macs]}",
            ["the column 'macs' is listed twice", "Remove one."],
        ),
        ("modules: {dept: 2}", ["unknown key 'dept'", "Did you mean 'depth'?"]),
        ("modules: {depth: 0}", ["'depth' must be more than 0", ""]),
    ],
)
def test_a_wrong_column_is_explained(report: str, expected: list[str]) -> None:
    assert complaint(text(report=report)) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("heads: al", ["'al' is no choice for 'heads'", "Did you mean 'all'?"]),
        ("heads: {form: 9}", ["unknown key 'form'", "Did you mean 'from'?"]),
        ("heads: []", ["'heads' must be 1 or more", ""]),
        ("heads: [1.5]", ["'0' must be a whole number", ""]),
        (
            "freeze: backbones",
            ["'backbones' is no choice for 'freeze'", "Did you mean 'backbone'?"],
        ),
        ("batch_size: 0", ["'batch_size' must be more than 0", ""]),
    ],
)
def test_a_wrong_variant_is_explained(model: str, expected: list[str]) -> None:
    assert complaint(text(model)) == expected


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("all", "all taps"),
        ("{from: 9, to: 16}", "taps 9 to 16"),
        ("{from: add_9}", "taps add_9 to the last"),
        ("{to: 3}", "taps 1 to 3"),
        ("[add_9, 16]", "add_9, tap 16"),
    ],
)
def test_the_forms_of_heads(written: str, said: str) -> None:
    assert heads_text(loads(text(f"heads: {written}")).models["A"].heads) == said


def test_what_is_not_said() -> None:
    model = loads(text()).models["A"]
    assert (model.heads, model.freeze, model.batch_size) == (None, None, None)
    assert (heads_text(None), frozen_text(None)) == ("", "")
    assert TapRange() == TapRange(**{"from": 1})


def test_the_forms_of_freezing() -> None:
    assert frozen_text(loads(text("freeze: backbone")).models["A"].freeze) == "backbone"
    given = loads(text('freeze: ["stage*", "!stage5"]')).models["A"].freeze
    assert frozen_text(given) == "stage*, !stage5"


def test_tables_of_modules_need_counts() -> None:
    spec = text(report="modules: {}") + "measure: {timing: {}}\n"
    assert complaint(spec) == [
        "nothing here gives the tables of modules",
        "Add `complexity: {}` to `measure`, or remove them.",
    ]


def test_a_table_of_modules_by_default() -> None:
    modules = loads(text(report="modules: {}")).report.modules
    assert modules is not None
    assert (modules.depth, modules.columns) == (1, ["params", "macs", "activations"])


def test_the_time_of_modules_is_asked_for_by_its_column() -> None:
    spec = text(report="modules: {columns: [params, time.share]}")
    given = loads(spec + "measure: {complexity: {}, timing: {}}\n").report.modules
    assert given is not None
    assert given.columns == ["params", "time.share"]


@pytest.mark.parametrize("section", ["reported", "claims"])
def test_nobody_can_be_quoted_with_a_share(section: str) -> None:
    entry = "{of: A, metric: time.share, value: 5 %, from: x}"
    message, _ = complaint(text() + f"{section}: [{entry}]\nmeasure: {{timing: {{}}}}\n")
    assert message == "'time.share' is available only in `report.modules`"
