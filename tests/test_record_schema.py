"""The published JSON Schema of records is that of the records that are written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reportgen.cli import main
from reportgen.record import SCHEMA
from reportgen.record_schema import dumps
from tests.report.examples import cifar10_record

ROOT = Path(__file__).resolve().parent.parent
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def problems(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str) -> list[str]:
    """Say where a value breaks a schema: the keywords that ours uses, and no others."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        tried = [problems(value, option, root, at) for option in schema["anyOf"]]
        return [] if [] in tried else tried[0]
    if "const" in schema:
        return [] if value == schema["const"] else [f"{at}: {value}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value}"]
    if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
        return [f"{at}: no {schema['type']}: {value}"]
    found = []
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        found += [
            f"{at}: {key} is missing" for key in schema.get("required", []) if key not in value
        ]
        for key, entry in value.items():
            if key in known:
                found += problems(entry, known[key], root, f"{at}/{key}")
            elif others is False:
                found.append(f"{at}: {key} is unknown")
            elif isinstance(others, dict):
                found += problems(entry, others, root, f"{at}/{key}")
    if isinstance(value, list):
        if isinstance(schema.get("items"), dict):
            for number, entry in enumerate(value):
                found += problems(entry, schema["items"], root, f"{at}/{number}")
        if len(value) < schema.get("minItems", 0):
            found.append(f"{at}: too short")
    return found


def test_the_committed_schema_is_the_one_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "record"]) == 0
    assert capsys.readouterr().out == dumps()
    committed = (ROOT / "record.schema.json").read_text(encoding="utf-8")
    assert committed == dumps(), "reportgen schema record > record.schema.json"


SHIPPED = [*sorted((ROOT / "out").glob("*.json")), ROOT / f"tests/records/version_{SCHEMA}.json"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_records_that_were_written_fit(path: Path) -> None:
    schema = json.loads(dumps())
    assert problems(json.loads(path.read_text(encoding="utf-8")), schema, schema, "") == []


def test_an_example_fits_and_what_does_not_belong_is_found() -> None:
    schema = json.loads(dumps())
    data = cifar10_record().to_json()
    data = json.loads(json.dumps(data))
    assert problems(data, schema, schema, "") == []
    build = next(iter(data["builds"].values()))
    build["colour"] = "red"
    build["classes"] = "ten"
    build["figures"]["macs"]["provenance"] = "guessed"
    del data["title"]
    assert len(problems(data, schema, schema, "")) == 4
