"""The record is read back as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.record import record as records
from reportgen.record.ledger import Ledger, Module
from reportgen.record.metrics import is_known, is_possible
from reportgen.record.record import (
    BuildRecord,
    DatasetRecord,
    Figure,
    InputTensor,
    Record,
    ReportSettings,
)

RECORD = Record(
    spec="s",
    title="T",
    report=ReportSettings(columns=("macs", "top1"), order=("A",), batch_sizes=(1, 8), rounds=5),
    datasets={
        "cifar10": DatasetRecord("cifar10", "test", 10, (3, 32, 32), 10_000, fingerprint="ab12")
    },
    environments={"e1": {"cpu": "c", "threads": "2"}},
    builds={
        "A": BuildRecord(
            model="A",
            dataset="cifar10",
            classes=10,
            source="zoo/resnet_lite",
            input_shape=(3, 32, 32),
            baseline=True,
            dependencies={"complexity": {"model": "12"}},
            figures={
                "macs": Figure("measured", 101_550_592, by="deepspeed 0.19.8", convention="macs"),
                "speedup@8": Figure("measured", 1.5, unit="×", interval=(1.2, 1.7), samples=5),
                "loss": Figure("unavailable", cause="missing", reason="no data"),
            },
            reported={"top1": Figure("reported", 90.24, unit="%", text="90.24 %", source="x")},
            metadata={"weights": "w"},
            ledger=Ledger((Module("", "Net", params=1),)).to_json(),
        ),
        "B": BuildRecord(
            model="B",
            dataset="",
            classes=0,
            source="zoo/decoder",
            input_shape=(),
            inputs=(
                InputTensor("tokens", (128,), "int64", below=32_000),
                InputTensor("mask", (), "bool", fill=False, batch=False),
            ),
        ),
    },
)


def test_it_is_read_back_as_it_was_written() -> None:
    assert records.loads(RECORD.dumps()) == RECORD


def test_an_input_is_one_line() -> None:
    lines = [line.strip() for line in RECORD.dumps().splitlines()]
    assert '{"below": 32000, "dtype": "int64", "name": "tokens", "shape": [128]},' in lines
    assert '{"batch": false, "dtype": "bool", "fill": false, "name": "mask", "shape": []}' in lines


def test_one_figure_is_one_line() -> None:
    lines = RECORD.dumps().splitlines()
    assert '    "macs": {"by": "deepspeed 0.19.8", "convention": "macs", ' in "\n".join(lines)
    assert sum('"provenance"' in line for line in lines) == 4
    assert all(line.count('"provenance"') <= 1 for line in lines)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(-1e30, 1e30)
figures = st.builds(
    Figure,
    provenance=st.sampled_from(["measured", "derived", "reported"]),
    value=NUMBERS,
    reason=TEXTS,
    interval=st.none() | st.tuples(st.floats(0, 4), st.integers(5, 9)),
    spread=st.none() | st.integers(0, 9) | st.floats(0, 9),
    cause=st.none() | st.sampled_from(["undeclared", "missing", "failed"]),
)
KEYS = st.from_regex(r"\A[a-z_]{1,9}(@[1-9][0-9]?)?\Z").filter(
    lambda key: is_possible(key) and not is_known(key)
)


@given(st.dictionaries(KEYS, figures, max_size=4), TEXTS.filter(bool))
def test_any_figures_are_read_back(measured: dict[str, Figure], name: str) -> None:
    build = BuildRecord("m", "d", 2, "zoo/x", (1, 2, 3), figures=measured)
    record = Record("s", name, builds={name: build})
    assert records.loads(record.dumps()) == record


def test_there_is_no_record_yet(tmp_path: Path) -> None:
    assert records.read(tmp_path / "none.json") is None


ROOT = Path(__file__).resolve().parents[2]
SHIPPED = [
    *sorted((ROOT / "out").glob("*.json")),
    ROOT / f"tests/records/version_{records.SCHEMA}.json",
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_record_is_written_back_byte_by_byte(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert records.loads(text).dumps() == text
