"""Inputs that are not a batch of images: tensors by name, as a spec describes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from reportgen.common.errors import Problem
from reportgen.record import record
from reportgen.sources import catalog
from reportgen.sources.model_source import ModelEntry, UnknownModelError
from reportgen.spec.base import Name, Part, PositiveInt, problem
from reportgen.spec.yaml_text import Path, Source, mapping

Dtype = Literal["float32", "float16", "bfloat16", "float64", "int64", "int32", "bool"]
_LARGEST = {"int64": 2**63 - 1, "int32": 2**31 - 1}


class Input(Part):
    """One tensor: its shape and type. Its values are random, the same on every run."""

    shape: list[PositiveInt]
    """Its shape, without the batch axis."""
    dtype: Dtype = "float32"
    """Type of its elements."""
    below: PositiveInt | None = None
    """For integers: random values are from 0 to below this. For tokens: the vocabulary size."""
    fill: bool | int | float | None = None
    """Value of every element, instead of random values: `1` for a mask of ones."""
    batch: bool = True
    """Whether a batch axis is added before its own axes."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        """Read `[128]`, which is short for `{shape: [128]}`."""
        return {"shape": data} if isinstance(data, list) else data

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Allow the short form too."""
        whole = handler(core_schema)
        items = whole["properties"]["shape"]["items"]
        return {**whole, "type": ["object", "array"], "items": items}

    @model_validator(mode="after")
    def _values_fit(self) -> Input:
        integer = self.dtype in _LARGEST
        if self.below is not None and not integer:
            raise problem(
                f"'below' is for integers, and this is {self.dtype}",
                "Remove it, or add `dtype: int64`.",
            )
        if self.below is not None and self.fill is not None:
            raise problem("'below' draws what 'fill' gives", "Remove one of them.")
        if integer and self.below is None and self.fill is None:
            raise problem(
                f"an input of {self.dtype} needs 'below'",
                "Add `below: 32000`, or how many numbers there are (tokens: the vocabulary); "
                "or `fill: 1` for ones.",
            )
        if self.below is not None and self.below - 1 > _LARGEST[self.dtype]:
            raise problem(f"{self.dtype} ends before {self.below - 1:,}", "Use int64.")
        return self

    @model_validator(mode="after")
    def _fill_fits(self) -> Input:
        kinds = {"bool": bool, **dict.fromkeys(_LARGEST, int)}
        wanted = kinds.get(self.dtype)
        given = self.fill
        if given is None or type(given) is wanted:
            return self
        if wanted is None and not isinstance(given, bool):
            return self
        noun = {bool: "true or false", int: "a whole number"}.get(wanted or float, "a number")
        raise problem(f"'fill' must be {noun} where 'dtype' is {self.dtype}")


Inputs: TypeAlias = Annotated[dict[Name, Input], Field(min_length=1)]
"""Tensors by the names under which a model's forward takes them."""


def described(inputs: Mapping[str, Input]) -> tuple[record.InputTensor, ...]:
    """Return inputs as a record holds them, in the order of the spec."""
    return tuple(
        record.InputTensor(
            name, tuple(entry.shape), entry.dtype, entry.below, entry.fill, entry.batch
        )
        for name, entry in inputs.items()
    )


# Keys for images of a data set, and why a model with `inputs` cannot have them.
_OF_IMAGES = {
    "datasets": "is run on no data set",
    "normalize": "gets no images",
    "weights": "is never evaluated, and times and counts do not depend on weights",
}


def input_problems(parsed: Source) -> Iterator[Problem]:
    """Find models without data set or inputs, with keys for images, or without a batch axis."""
    for name, model in mapping(parsed.value.get("models")).items():
        path: Path = ("models", name)
        options = mapping(model)
        entry = _entry(options.get("source"))
        if options.get("inputs") is not None:
            if entry and not entry.classes_argument and options.get("classes") is not None:
                message = f"'{entry.source}' takes no class count"
                yield parsed.problem((*path, "classes"), message, "Remove 'classes'.", at_key=True)
            yield from _beside(parsed, (*path, "inputs"), options)
            yield from _batches(parsed, (*path, "inputs"), options)
            continue
        if entry and entry.example_inputs:
            message = f"'{entry.source}' takes no images"
            yield parsed.problem(
                path, message, f"Add `inputs: {entry.example_inputs}`.", at_key=True
            )
        elif "datasets" not in parsed.value and isinstance(model, dict):
            yield parsed.problem(
                path,
                f"nothing says what '{name}' is run on",
                "Add `datasets: {cifar10: {}}` to the spec, or `inputs: {x: [3, 224, 224]}` to "
                "the model.",
                at_key=True,
            )


def _entry(source: Any) -> ModelEntry | None:
    try:
        return catalog.find(source) if isinstance(source, str) else None
    except UnknownModelError:
        return None


def _beside(parsed: Source, path: Path, options: dict[str, Any]) -> Iterator[Problem]:
    owner = path[:-1]
    for key, why in _OF_IMAGES.items():
        if options.get(key) is not None:
            message = f"a model with 'inputs' {why}"
            yield parsed.problem((*owner, key), message, f"Remove '{key}'.", at_key=True)
    if mapping(options.get("quantize")).get("scheme") == "int8-static":
        yield parsed.problem(
            (*owner, "quantize", "scheme"),
            "int8-static is calibrated on images, and a model with 'inputs' gets none",
            "Write int8-dynamic, or remove 'quantize'.",
        )
    if options.get("heads") is not None and not options.get("classes"):
        yield parsed.problem(
            (*owner, "heads"),
            "heads need a class count, and nothing gives this model any",
            "Add `classes: [10]`.",
            at_key=True,
        )


def _batches(parsed: Source, path: Path, options: dict[str, Any]) -> Iterator[Problem]:
    """Find batch sizes for inputs without a batch axis."""
    inputs = options["inputs"]
    if not isinstance(inputs, dict) or not inputs:
        return
    if any(mapping(entry).get("batch") is not False for entry in inputs.values()):
        return
    measure = mapping(parsed.value.get("measure"))
    complexity = options.get("batch_size") or mapping(measure.get("complexity")).get("batch_size")
    sizes = mapping(measure.get("timing")).get("batch_sizes")
    wanted = [complexity, *(sizes if isinstance(sizes, list) else [])]
    larger = next((size for size in wanted if isinstance(size, int) and size > 1), None)
    if larger is not None:
        yield parsed.problem(
            path,
            f"batches of {larger} are asked for, and no input has an axis for them",
            "Remove a `batch: false`, or ask for batches of 1.",
            at_key=True,
        )
