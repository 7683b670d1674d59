"""The JSON Schema of specs, from the typed form: what editors complete and explain keys with."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import json
from collections.abc import Iterator
from typing import Any

from reportgen.spec.base import Part
from reportgen.spec.key_examples import EXAMPLES
from reportgen.spec.model import Spec

URL = "https://json-schema.org/draft/2020-12/schema"


def dumps() -> str:
    """Return the schema as JSON text."""
    _describe()
    schema = {"$schema": URL, **Spec.model_json_schema(by_alias=True)}
    schema["title"] = "reportgen spec"
    # What is missing here may stand in a base, or in the defaults.
    schema["else"] = {"required": schema.pop("required")}
    schema["if"] = {"required": ["extends"]}
    for one in ("model", "dataset"):
        _allow_everything_of(schema["$defs"], one)
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _allow_everything_of(definitions: dict[str, Any], one: str) -> None:
    """Let `defaults` hold any key of a model or data set; none is a must, here or there."""
    owner = definitions[one.capitalize()]
    owner.pop("required", None)
    default = definitions["Defaults"]["properties"][one]
    default["properties"] = owner["properties"]
    default["additionalProperties"] = False


@functools.cache
def _describe() -> None:
    """Give every key of a spec the text that stands under it, as its description, and examples."""
    parts = list(_below(Part))
    for part in parts:
        for owner in reversed(part.__mro__):
            for name, text in _texts(owner).items() if issubclass(owner, Part) else ():
                field = part.model_fields[name]
                field.description = text
                shown = EXAMPLES.get(f"{owner.__name__}.{field.alias or name}", ())
                field.examples = [*shown] or None
    for part in parts:
        part.model_rebuild(force=True)


def _below(part: type[Part]) -> Iterator[type[Part]]:
    for child in part.__subclasses__():
        yield child
        yield from _below(child)


@functools.cache
def _texts(part: type[Part]) -> dict[str, str]:
    """Map the keys that a class declares itself to the texts that stand under them."""
    (definition,) = ast.parse(inspect.getsource(part)).body
    assert isinstance(definition, ast.ClassDef), "the source of a class is one"
    body = definition.body
    return {
        key.target.id: inspect.cleandoc(text.value.value)
        for key, text in itertools.pairwise(body)
        if isinstance(key, ast.AnnAssign)
        and isinstance(key.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
