"""Read a spec, and report all errors at once, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reportgen.common.errors import Problem, SpecError, UsageError, did_you_mean, nearest
from reportgen.spec import mapping, yaml_text
from reportgen.spec.base import Part
from reportgen.spec.compose import compose
from reportgen.spec.model import Spec
from reportgen.spec.references import reference_problems


def load(path: Path, overrides: Sequence[str] = ()) -> Spec:
    """Read the spec at `path`, with what it extends; `overrides` are written `path=value`.

    Raises SpecError with every problem found, UsageError if there is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        near = [entry.name for entry in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise UsageError(f"{path}: no such spec. {did_you_mean(path.name, near)}".strip()) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text (byte {error.start}).") from None
    except (OSError, ValueError) as error:  # not ours to read, or no name that a file can have
        raise UsageError(f"{path}: cannot be read: {error}.") from None
    return loads(text, str(path), overrides)


def loads(text: str, file: str = "<spec>", overrides: Sequence[str] = ()) -> Spec:
    """Read a spec from YAML text; `file` stands in its errors, and what it extends beside that.

    Raises SpecError, and UsageError for an override that is none.
    """
    return _checked(compose(yaml_text.parse(text, file), Path(file), overrides))


def of_mapping(spec: Mapping[str, Any], folder: Path, overrides: Sequence[str] = ()) -> Spec:
    """Read a spec from a dictionary as YAML would give it; what it extends is in `folder`.

    Its errors name the path of a value. Raises SpecError, UsageError for an override that is none.
    """
    return _checked(compose(mapping.source(spec), folder / "report", overrides))


def _checked(parsed: yaml_text.Source) -> Spec:
    problems: list[Problem] = list(reference_problems(parsed))
    spec: Spec | None = None
    try:
        spec = Spec.model_validate(parsed.value)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems.extend(_problems(parsed, details))
    if problems or spec is None:
        raise SpecError(dict.fromkeys(problems))
    return spec


def _problems(parsed: yaml_text.Source, details: list[ErrorDetails]) -> Iterator[Problem]:
    seen: set[yaml_text.Path] = set()
    misspelt = {
        (*detail["loc"][:-1], nearest(str(detail["loc"][-1]), _fields(detail["loc"][:-1])))
        for detail in details
        if detail["type"] == "extra_forbidden"
    }
    for detail in details:
        # A value that may be of several types is reported once for each; a key that is there, but
        # misspelt, is not missing.
        path = _real_path(parsed.value, detail["loc"])
        if path in seen or (detail["type"] == "missing" and path in misspelt):
            continue
        seen.add(path)
        yield _problem(parsed, path, detail)


def _real_path(value: Any, loc: tuple[int | str, ...]) -> yaml_text.Path:
    """Drop from a pydantic location what names a type, not a key of the file."""
    path: list[int | str] = []
    for position, step in enumerate(loc):
        inside = (isinstance(value, dict) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and step < len(value)
        )
        if inside:
            value = value[step]
            path.append(step)
        elif position == len(loc) - 1 and isinstance(value, dict):
            path.append(step)  # a key that is missing
    return tuple(path)


def _problem(parsed: yaml_text.Source, path: yaml_text.Path, detail: ErrorDetails) -> Problem:
    kind, context = detail["type"], detail.get("ctx", {})
    name = path[-1] if path else ""
    if kind == "spec":
        at_key = detail["loc"][-1:] == ("[key]",)
        return parsed.problem(path, context["message"], context["hint"], at_key=at_key)
    if kind == "extra_forbidden":
        known = _fields(path[:-1])
        hint = did_you_mean(str(name), known, show=20)
        return parsed.problem(path, f"unknown key '{name}'", hint, at_key=True)
    if kind == "missing":
        return parsed.problem(
            path[:-1], f"the key '{name}' is missing", f"Add `{name}: …` here.", at_key=True
        )
    if detail["input"] is None:
        wanted = context["expected"] if kind == "literal_error" else _expected(kind, context)
        return parsed.problem(path, f"'{name}' is empty", f"Give it a value: {wanted}.")
    if kind == "literal_error":
        choices = context["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        return parsed.problem(
            path,
            f"'{detail['input']}' is no {_noun(path)}",
            did_you_mean(str(detail["input"]), choices, show=20),
        )
    return parsed.problem(path, f"'{name}' must be {_expected(kind, context)}")


def _noun(path: yaml_text.Path) -> str:
    """Name what stands at a path in the singular: an item of `formats` is a format."""
    names = [step for step in path if isinstance(step, str)]
    name = names[-1] if names else "value"
    return name.removesuffix("s") if isinstance(path[-1], int) else f"choice for '{name}'"


def _expected(kind: str, context: dict[str, Any]) -> str:
    """Say in words what a pydantic error type wanted."""
    if kind == "less_than_equal":
        return f"at most {context['le']:,}".removesuffix(".0")
    if kind.startswith("greater_than"):
        limit = context.get("gt", context.get("ge"))
        return f"more than {limit}" if kind == "greater_than" else f"at least {limit}"
    if kind in ("too_short", "too_long"):
        count = context.get("min_length", context.get("max_length"))
        return f"{count} or more" if kind == "too_short" else f"at most {count}"
    if kind == "string_pattern_mismatch":
        return {
            r"^[0-9a-f]{8,64}$": "8 to 64 hexadecimal digits in small letters (quote them)"
        }.get(context["pattern"], "an http or https address")
    return {
        "int_type": "a whole number",
        "float_type": "a number",
        "string_type": "text (quote it)",
        "bool_type": "true or false",
        "list_type": "a list: [a, b]",
        "dict_type": "a mapping: {key: value}",
        "model_type": "a mapping: {key: value}",
        "string_too_short": "text of one letter or more",
        "string_too_long": f"at most {context.get('max_length')} letters",
        "finite_number": "a finite number",
    }.get(kind, kind.replace("_", " "))


def _fields(path: yaml_text.Path) -> list[str]:
    """Return the keys that are allowed in the mapping at `path`."""
    inside: Any = Spec
    for step in path:
        if isinstance(inside, type) and issubclass(inside, BaseModel):
            fields = inside.model_fields.items()
            inside = next((_plain(f.annotation) for k, f in fields if step in (k, f.alias)), None)
        else:  # the items of a list, the values of a mapping
            inside = _plain((get_args(inside) or (None,))[-1])
    if isinstance(inside, type) and issubclass(inside, BaseModel):
        declared = [info.alias or key for key, info in inside.model_fields.items()]
        return declared + (inside.other_keys() if issubclass(inside, Part) else [])
    return []


def _plain(annotation: Any) -> Any:
    """Strip `Annotated` and what stands beside a model in a union."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        options = [_plain(option) for option in get_args(annotation)]
        return next(
            (o for o in options if isinstance(o, type) and issubclass(o, BaseModel)),
            next((o for o in options if get_origin(o)), None),
        )
    return annotation
