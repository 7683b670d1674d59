"""The JSON Schema of specs, from the typed form: what editors complete and explain keys with."""

from __future__ import annotations

import json

from reportgen.spec.model import Spec

URL = "https://json-schema.org/draft/2020-12/schema"


def dumps() -> str:
    """Return the schema as JSON text."""
    schema = {"$schema": URL, **Spec.model_json_schema(by_alias=True)}
    schema["title"] = "reportgen spec"
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
