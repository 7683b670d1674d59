"""What an editor is told of each key: a text, and examples where there is no choice to show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from reportgen.spec import documents, model, quoted, shared, variants
from reportgen.spec.base import Part
from reportgen.spec.key_examples import EXAMPLES
from reportgen.spec.schema import dumps
from reportgen.spec.starter import STARTER
from reportgen.spec.tensors import Input

PARTS = {
    name: part
    for module in (model, quoted, documents, shared, variants)
    for name, part in vars(module).items()
    if isinstance(part, type) and issubclass(part, BaseModel) and part is not Part
} | {"Input": Input}


def keys() -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """List the keys of all parts: part, key, what is said of it, and of the part that is its."""
    schema = json.loads(dumps())
    for name, owner in {"Spec": schema, **schema["$defs"]}.items():
        for key, entry in owner["properties"].items():
            yield (
                name,
                key,
                entry,
                schema["$defs"].get(entry.get("$ref", "").rpartition("/")[2], {}),
            )


def test_every_key_is_explained() -> None:
    for name, key, entry, part in keys():
        assert entry.get("description") or part.get("description"), f"{name}: {key}"


def test_every_key_shows_what_may_stand_there() -> None:
    for name, key, entry, part in keys():
        text = json.dumps([entry, part])
        shown = any(f'"{word}"' in text for word in ("examples", "enum", "const", "properties"))
        plain = entry.get("default") is not None or '"boolean"' in text
        parts = "$ref" in text  # whose own keys are shown
        assert shown or plain or parts, f"{name}: {key}"


def adapter(field: FieldInfo) -> TypeAdapter[Any]:
    kind = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    return TypeAdapter(kind)


@pytest.mark.parametrize("key", EXAMPLES)
def test_examples_are_good_ones(key: str) -> None:
    owner, _, name = key.partition(".")
    fields = PARTS[owner].model_fields
    field = next(info for field, info in fields.items() if name in (info.alias or field, field))
    for example in EXAMPLES[key]:
        adapter(field).validate_python(example)


def test_a_bad_example_would_be_found() -> None:
    source = adapter(PARTS["Model"].model_fields["source"])
    with pytest.raises(ValidationError, match="unknown model"):
        source.validate_python("zoo/cifar_resnet5")


SPECS = sorted((Path(__file__).resolve().parents[2] / "specs").glob("*.yaml"))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_shipped_specs_fit(path: Path) -> None:
    assert problems(path.read_text(encoding="utf-8")) == []


def test_the_starter_fits_and_what_an_editor_should_mark_is_found() -> None:
    assert problems(STARTER) == []
    assert problems(STARTER.replace("title:", "titel:")) == [
        "$: 'title' is a required property",
        "$: Additional properties are not allowed ('titel' was unexpected)",
    ]


def problems(text: str) -> list[str]:
    """Say where a spec breaks the schema, as an editor would."""
    found = Draft202012Validator(json.loads(dumps())).iter_errors(yaml.safe_load(text))
    return sorted(f"{error.json_path}: {error.message}" for error in found)
