"""What each tool says of the models in specs/conventions.yaml, operation by operation."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.common.units import parse_amount
from reportgen.record import record as records
from reportgen.record.record import Record
from reportgen.report.explanation import as_text, explain, explanations
from tests.golden import Golden
from tests.report.examples import headers

OUT = Path(__file__).resolve().parents[2] / "out"


@pytest.fixture(scope="module")
def shipped() -> Record:
    record = records.read(OUT / "conventions.json")
    assert record is not None
    return record


def test_every_model_of_the_shipped_report(shipped: Record, golden: Golden) -> None:
    golden("explain.txt", "\n".join(map(as_text, explanations(shipped))))


@pytest.mark.parametrize(
    ("convention", "split"),
    [
        # fvcore's by_operator(): conv, linear, batch_norm, adaptive_avg_pool2d
        ("fvcore", (4_087_136_256, 2_048_000, 22_227_968, 0, 0, 100_352, 0)),
        # FlopCounterMode's aten.convolution and aten.addmm
        ("torch", (8_174_272_512, 4_096_000, 0, 0, 0, 0, 0)),
    ],
)
def test_the_operations_of_resnet50_as_the_tools_list_them(
    shipped: Record, convention: str, split: tuple[int, ...]
) -> None:
    explanation = explain(shipped, shipped.builds["ResNet-50 @ images"], "ResNet-50")
    assert explanation is not None
    table = explanation.operations
    assert headers(table) == (
        *("Convention", "Convolution", "Linear", "Batch norm", "Activation", "Pool"),
        *("Adaptive pool", "Parameters"),
    )
    rows = {row.name: [cell.value for cell in row.cells[1:]] for row in table.rows}
    assert tuple(rows[convention]) == split


def test_the_operations_add_up(shipped: Record) -> None:
    for explanation in explanations(shipped):
        for said, split in zip(explanation.work.rows, explanation.operations.rows, strict=True):
            assert said.name == split.name
            parts = [parse_amount(cell.text)[0] for cell in split.cells[1:]]
            assert sum(parts) == parse_amount(said.cells[1].text)[0] == said.cells[1].value
