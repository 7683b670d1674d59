"""What a build was run on, in words, and what its figures are of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reportgen.record.record import BuildRecord, Figure, InputTensor, Record
from reportgen.report import render
from reportgen.report.input_text import inputs_text

IMAGES = BuildRecord("Net", "digits", 10, "zoo/digits_mlp", (1, 8, 8))
TOKENS = InputTensor("tokens", (128,), "int64", below=32_000)


def of(*takes: InputTensor) -> BuildRecord:
    return BuildRecord("Net", "", 0, "net.py:make", (), inputs=takes)


@pytest.mark.parametrize(
    ("build", "plain", "batched"),
    [
        (IMAGES, "1×8×8", "4×1×8×8"),
        (of(TOKENS), "tokens: 128 (int64 below 32,000)", "tokens: 4×128 (int64 below 32,000)"),
        (of(InputTensor("x", (3, 8))), "x: 3×8", "x: 4×3×8"),
        (of(InputTensor("x", (), batch=False)), "x: a number (without batch)", None),
        (of(InputTensor("x", (2,), "bool", batch=False)), "x: 2 (bool, without batch)", None),
        (of(InputTensor("x", (2,), "int32", fill=1)), "x: 2 (int32 all 1)", "x: 4×2 (int32 all 1)"),
        (of(InputTensor("x", (2,), fill=0.5)), "x: 2 (all 0.5)", "x: 4×2 (all 0.5)"),
        (
            of(InputTensor("x", (2,)), InputTensor("y", (3,), "bool")),
            "x: 2, y: 3 (bool)",
            "x: 4×2, y: 4×3 (bool)",
        ),
    ],
)
def test_inputs_in_words(build: BuildRecord, plain: str, batched: str | None) -> None:
    assert inputs_text(build) == plain
    assert inputs_text(build, 4) == (batched or plain)


def test_throughput_is_of_what_a_batch_is_made_of() -> None:
    def rate(unit: str) -> dict[str, Figure]:
        return {"throughput@1": Figure("derived", 50.0, unit=unit)}

    record = Record(
        "s",
        "T",
        builds={
            "A": replace(IMAGES, model="A", figures=rate("images/s")),
            "B": replace(of(TOKENS), model="B", figures=rate("samples/s")),
        },
    )
    record = replace(record, report=replace(record.report, batch_sizes=(1,)))
    text = render(record)["md"]
    assert "| A | 50.0 images/s |" in text
    assert "| B | 50.0 samples/s |" in text


@pytest.mark.parametrize(
    ("other", "marked"),
    [
        ((replace(TOKENS, name="words"),), True),
        ((TOKENS, InputTensor("mask", (128,), "bool")), True),
        ((replace(TOKENS, shape=(64,)),), False),
    ],
)
def test_the_least_work_is_the_best_only_where_inputs_are_as_large(
    other: tuple[InputTensor, ...], marked: bool
) -> None:
    def counts(value: int) -> dict[str, Figure]:
        return {key: Figure("measured", value) for key in ("params", "macs")}

    record = Record(
        "s",
        "T",
        builds={
            "A": replace(of(TOKENS), model="A", figures=counts(20)),
            "B": replace(of(*other), model="B", figures=counts(10)),
        },
    )
    text = render(record)["md"]
    assert ("| **10** | **10** |\n" in text, "| **10** | 10 |\n" in text) == (marked, not marked)
