"""The published JSON Schema of records is that of the records that are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reportgen.cli import main
from reportgen.record.json_schema import dumps
from reportgen.record.record import SCHEMA
from tests.report.examples import cifar10_record

ROOT = Path(__file__).resolve().parents[2]


def problems(value: Any) -> list[str]:
    """Say where a value breaks the schema."""
    validator = Draft202012Validator(json.loads(dumps()))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def test_the_committed_schema_is_the_one_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "record"]) == 0
    assert capsys.readouterr().out == dumps()
    committed = (ROOT / "record.schema.json").read_text(encoding="utf-8")
    assert committed == dumps(), "reportgen schema record > record.schema.json"


SHIPPED = [*sorted((ROOT / "out").glob("*.json")), ROOT / f"tests/records/version_{SCHEMA}.json"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_records_that_were_written_fit(path: Path) -> None:
    assert problems(json.loads(path.read_text(encoding="utf-8"))) == []


def test_an_example_fits_and_what_does_not_belong_is_found() -> None:
    data = json.loads(cifar10_record().dumps())
    assert problems(data) == []
    name, build = next(iter(data["builds"].items()))
    build["colour"] = "red"
    build["classes"] = "ten"
    build["figures"]["macs"]["provenance"] = "guessed"
    del data["title"]
    assert set(problems(data)) == {
        "$: 'title' is a required property",
        f"$.builds['{name}'].classes: 'ten' is not of type 'integer'",
        f"$.builds['{name}'].figures.macs.provenance: 'guessed' is not one of ['measured', "
        "'derived', 'reported', 'unavailable']",
        f"$.builds['{name}']: Additional properties are not allowed ('colour' was unexpected)",
    }
