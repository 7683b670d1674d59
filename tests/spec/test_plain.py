"""A spec as a dictionary: the same checks, and the path of a value where a file has its line."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from reportgen.common.errors import SpecError, UsageError
from reportgen.spec import loads, of_mapping

SPEC: dict[str, Any] = {
    "reportgen": 1,
    "title": "T",
    "datasets": {"digits": {}},
    "models": {"ResNet v1.5": {"source": "zoo/digits_mlp", "args": {"hidden": 4}}},
    "measure": {"complexity": {}, "timing": {"batch_sizes": (1, 64)}},
}
TEXT = """\
reportgen: 1
title: T
datasets: {digits: {}}
models: {ResNet v1.5: {source: zoo/digits_mlp, args: {hidden: 4}}}
measure: {complexity: {}, timing: {batch_sizes: [1, 64]}}
"""


def problems(changes: dict[str, Any]) -> str:
    with pytest.raises(SpecError) as caught:
        of_mapping(SPEC | changes, Path())
    return str(caught.value)


def test_a_dictionary_is_what_the_yaml_says() -> None:
    assert of_mapping(SPEC, Path()) == loads(TEXT)


def test_a_path_is_text() -> None:
    spec = of_mapping(SPEC | {"report": {"templates": PurePosixPath("a/b")}}, Path())
    assert spec.report.templates == "a/b"


def test_values_are_set_as_on_the_command_line() -> None:
    spec = of_mapping(SPEC, Path(), ["models.ResNet v1.5.args.hidden=8"])
    assert spec.models["ResNet v1.5"].args == {"hidden": 8}
    assert SPEC["models"]["ResNet v1.5"]["args"] == {"hidden": 4}


def test_it_extends_specs_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(TEXT)
    spec = of_mapping({"extends": "base.yaml", "title": "Mine"}, tmp_path)
    assert (spec.title, list(spec.models)) == ("Mine", ["ResNet v1.5"])


def test_errors_name_the_path_of_a_value() -> None:
    assert problems({"titel": "T", "models": {"A.b": {"source": "zoo/digits_mpl"}}}) == (
        "models.\"A.b\".source: unknown model 'zoo/digits_mpl'\n"
        "  Did you mean 'zoo/digits_mlp'? `reportgen list models` lists all.\n"
        "titel: unknown key 'titel'\n"
        "  Did you mean 'title'?"
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"measure": {"timing": {"batch_sizes": [1, "2"]}}},
            "measure.timing.batch_sizes.1: '1' must be a whole number",
        ),
        ({"title": {1, 2}}, "title: a value of the type set\n  A spec holds text, numbers, true, "),
        (
            {"datasets": {"digits": {}, 7: {}}},
            'datasets: the key `7` is not text\n  Write "7".',
        ),
        ({"title": "a\u202eb"}, "title: the text holds U+202E (right-to-left override), which can"),
    ],
)
def test_what_yaml_could_not_hold(changes: dict[str, Any], expected: str) -> None:
    assert problems(changes).startswith(expected)


def test_what_is_missing_is_missing_in_the_spec() -> None:
    with pytest.raises(SpecError) as caught:
        of_mapping({"reportgen": 1, "models": {}}, Path())
    assert "the spec: the key 'title' is missing\n  Add `title: …` here." in str(caught.value)


def test_a_dictionary_that_contains_itself() -> None:
    spec = dict(SPEC)
    spec["measure"] = spec
    with pytest.raises(SpecError) as caught:
        of_mapping(spec, Path())
    place, _, message = str(caught.value).partition(": ")
    assert place.startswith("measure.measure.measure.")
    assert message == "this is nested too deep\n  A spec is at most 50 levels deep."


def test_an_override_that_is_none() -> None:
    with pytest.raises(UsageError):
        of_mapping(SPEC, Path(), ["title"])
