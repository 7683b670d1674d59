"""The JSON Schema of records, from their typed form: for whoever reads them without reportgen."""

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
    """Turn a dataclass's schema into that of what is written of it: no unknown keys, no nulls."""
    part["additionalProperties"] = False
    for entry in part["properties"].values():
        entry.pop("title", None)
        # What is at its default is left out of the file; null is never written.
        entry.pop("default", None)
        options = [option for option in entry.get("anyOf", []) if option != {"type": "null"}]
        if len(options) == 1:
            del entry["anyOf"]
            entry.update(options[0])
        elif options:
            entry["anyOf"] = options
