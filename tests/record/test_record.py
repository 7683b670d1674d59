"""The record is read back as it was written, and what cannot be read is explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.common.errors import RecordError
from reportgen.record import record as records
from reportgen.record.record import (
    BuildRecord,
    DatasetRecord,
    Figure,
    Input,
    Record,
    ReportSettings,
)

RECORD = Record(
    spec="s",
    title="T",
    report=ReportSettings(columns=("macs", "top1"), order=("A",), batch_sizes=(1, 8), rounds=5),
    datasets={"cifar10": DatasetRecord("cifar10", "test", 10, (3, 32, 32), 10_000, "ab12")},
    environments={"e1": {"cpu": "c", "threads": "2"}},
    builds={
        "A": BuildRecord(
            model="A",
            dataset="cifar10",
            classes=10,
            source="zoo/resnet_lite",
            input_shape=(3, 32, 32),
            baseline=True,
            inputs={"complexity": {"model": "12"}},
            figures={
                "macs": Figure("measured", 101_550_592, by="deepspeed 0.19.8", convention="macs"),
                "speedup@8": Figure("measured", 1.5, unit="×", interval=(1.2, 1.7), samples=5),
                "loss": Figure("unavailable", cause="missing", reason="no data"),
            },
            reported={"top1": Figure("reported", 90.24, unit="%", text="90.24 %", source="x")},
            facts={"weights": "w"},
            ledger={"modules": [["", 1]]},
        ),
        "B": BuildRecord(
            model="B",
            dataset="",
            classes=0,
            source="zoo/decoder",
            input_shape=(),
            takes=(
                Input("tokens", (128,), "int64", below=32_000),
                Input("mask", (), "bool", fill=False, batch=False),
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


figures = st.builds(
    Figure,
    provenance=st.sampled_from(["measured", "derived", "reported", "unavailable"]),
    value=st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    reason=st.text(),
    interval=st.none() | st.tuples(st.floats(0, 9), st.floats(0, 9)),
    cause=st.none() | st.sampled_from(["undeclared", "missing", "failed"]),
)


@given(st.dictionaries(st.text(min_size=1), figures, max_size=4), st.text(min_size=1))
def test_any_figures_are_read_back(measured: dict[str, Figure], name: str) -> None:
    build = BuildRecord("m", "d", 2, "zoo/x", (1, 2, 3), figures=measured)
    record = Record("s", name, builds={name: build})
    assert records.loads(record.dumps()) == record


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{",
            "r.json:1:2: not JSON: Expecting property name enclosed in double quotes. Restore the "
            "file from version control, or delete it to measure everything again.",
        ),
        ("[]", "r.json: not a reportgen record: the key 'reportgen' is missing."),
        (
            '{"reportgen": 99}',
            "r.json: written by a newer reportgen (record version 99, this one reads up to 3). "
            "Upgrade reportgen.",
        ),
        ('{"reportgen": 1}', "r.json: not a reportgen record: KeyError('spec')"),
        (
            '{"reportgen": 0}',
            "r.json: no reportgen ever wrote records of version 0. Restore the file from version "
            "control, or delete it to measure everything again.",
        ),
        (
            "<<<<<<< ours\n{}\n=======\n{}\n>>>>>>> theirs\n",
            "r.json: two branches' records stand side by side here (a merge conflict). Run the "
            "spec: it merges them and measures what is missing.",
        ),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, expected: str) -> None:
    with pytest.raises(RecordError) as caught:
        records.loads(text, "r.json")
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("builds", "A", "colour"), 1, "r.json: A: unknown key 'colour'"),
        (
            ("builds", "A", "figures", "macs", "provenance"),
            "guessed",
            'r.json: A: figures: macs: not a figure: {"by": "deepspeed 0.19.8", "convention": '
            '"macs", "provenance": "guessed", "value',
        ),
        (
            ("builds", "A", "figures", "macs", "colour"),
            1,
            "r.json: A: figures: macs: unknown key 'colour'",
        ),
    ],
)
def test_what_does_not_belong_is_named(path: tuple[str, ...], value: object, expected: str) -> None:
    data = json.loads(RECORD.dumps())
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(RecordError) as caught:
        records.loads(json.dumps(data), "r.json")
    assert str(caught.value) == expected


def test_there_is_no_record_yet(tmp_path: Path) -> None:
    assert records.read(tmp_path / "none.json") is None
