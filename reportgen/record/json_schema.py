"""The JSON Schema of records, for readers without reportgen."""

from __future__ import annotations

import json
from typing import Any

from reportgen.record.record import SCHEMA, Record

URL = "https://json-schema.org/draft/2020-12/schema"


def dumps() -> str:
    """Return the schema as JSON text."""
    from pydantic import TypeAdapter

    generated = TypeAdapter(Record).json_schema()
    for part in (generated, *generated["$defs"].values()):
        _describe(part)
    generated["properties"] = {
        "reportgen": {"const": SCHEMA, "description": "Version of this schema."},
        **generated["properties"],
    }
    generated["required"] = ["reportgen", *generated["required"]]
    schema = {"$schema": URL, **generated, "title": "reportgen record"}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _describe(part: dict[str, Any]) -> None:
    """Turn a dataclass's schema into that of its JSON: no nulls, no defaults."""
    for entry in part["properties"].values():
        entry.pop("title", None)
        # What is at its default is left out of the file; null is never written.
        entry.pop("default", None)
        options = entry.pop("anyOf", [])
        _choose(entry, [option for option in options if option != {"type": "null"}])
        _simplify(entry)


def _simplify(part: dict[str, Any]) -> None:
    """Simplify the schema of a value and of those inside it: an integer or number is a number."""
    options = part.pop("anyOf", [])
    numbers = [option for option in options if option.get("type") == "number"]
    integers = [{**number, "type": "integer"} for number in numbers]
    _choose(part, [option for option in options if option not in integers])
    values = part.get("patternProperties", {})
    if values:
        part["additionalProperties"] = False
    several = (*part.get("prefixItems", ()), *values.values())
    for inner in (part.get("items"), part.get("additionalProperties"), *several):
        if isinstance(inner, dict):
            _simplify(inner)


def _choose(part: dict[str, Any], options: list[dict[str, Any]]) -> None:
    if len(options) == 1:
        part.update(options[0])
    elif options:
        part["anyOf"] = options
