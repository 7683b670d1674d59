"""`--set path=value`: what it means, and what it says where it means nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.common.errors import SpecError, UsageError
from reportgen.spec import Spec, loads
from reportgen.spec.override import override
from reportgen.spec.yaml_text import Source, Text

SPEC = """\
reportgen: 1
title: T
datasets:
  cifar10:
models:
  Lite Model: {source: zoo/resnet_lite, baseline: true}
  ResNet-1.5: {source: zoo/cifar_resnet20}
measure: {complexity: {}, timing: {batch_sizes: [1, 8]}}
reported:
  - {of: Lite Model, metric: top1, value: 90 %, from: x}
"""


def given_by(*options: str) -> Spec:
    return loads(SPEC, "s.yaml", options)


def complaint(*options: str) -> str:
    with pytest.raises((SpecError, UsageError)) as caught:
        given_by(*options)
    return str(caught.value)


def test_values_are_set_and_later_ones_win() -> None:
    spec = given_by(
        "measure.timing.rounds=3",
        "measure.timing.rounds=5",
        "models.Lite Model.classes=[10, 20]",
        "models.ResNet-1.5.datasets=[cifar10]",
        "datasets.cifar10.split=train",
        "measure.timing.batch_sizes.1=4",
        "reported.0.value=91 %",
        "reported.0.classes=20",
        "report.columns=[macs]",
        "title=Mine, only",
    )
    assert spec.measure.timing is not None
    assert (spec.measure.timing.rounds, spec.measure.timing.batch_sizes) == (5, [1, 4])
    assert spec.models["Lite Model"].classes == [10, 20]
    assert spec.models["ResNet-1.5"].datasets == ["cifar10"]
    assert spec.datasets["cifar10"].split == "train"
    assert spec.reported[0].value == "91 %"
    assert spec.report.columns == ["macs"]


def test_a_key_with_a_dot_is_quoted_or_found() -> None:
    assert given_by('budgets."time.total"=< 3 s').budgets == {"time.total": "< 3 s"}
    both = given_by('budgets."time.total"=< 3 s', "budgets.time.total=< 4 s")
    assert both.budgets == {"time.total": "< 4 s"}


def test_a_model_can_be_added_as_a_whole() -> None:
    assert "New" in given_by("models.New={source: zoo/resnet_lite}").models


def test_a_mapping_is_replaced() -> None:
    timing = given_by("measure.timing={rounds: 4}").measure.timing
    assert timing is not None
    assert (timing.rounds, timing.batch_sizes) == (4, [1])


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (
            "measure.timing.round=5",
            "--set measure.timing.round=5: unknown key 'round'\n  Did you mean 'rounds'?",
        ),
        (
            "measur.timing.rounds=5",
            "--set measur.timing.rounds=5: unknown key 'measur'\n  Did you mean 'measure'?",
        ),
        (
            "models.Lite Modle.classes=[2]",
            "--set models.Lite Modle.classes=[2]: no model 'Lite Modle' in this spec\n"
            "  Did you mean 'Lite Model'?",
        ),
        (
            "datasets.cifar.split=train",
            "--set datasets.cifar.split=train: no data set 'cifar' in this spec\n"
            "  Did you mean 'cifar10'?",
        ),
        ("title=5", "--set title=5: 'title' must be text (quote it)"),
        ("title=", "--set title=: 'title' is empty\n  Give it a value: text (quote it)."),
        (
            "measure.timing.rounds=1e3",
            "--set measure.timing.rounds=1e3: `1e3` is text in YAML, not a number\n  Write 1.0e+3.",
        ),
        (
            "measure.timing.rounds=[1",
            "--set measure.timing.rounds=[1: not YAML: expected ',' or ']', but got '<stream end>'"
            "\n  While parsing a flow sequence.",
        ),
        (
            "measure.timing.batch_sizes.2=4",
            "--set measure.timing.batch_sizes.2=4: 'batch_sizes' is a list of 2, and has no '2'\n"
            "  Items are numbered from 0.",
        ),
        (
            "title.x=4",
            "--set title.x=4: 'title' is T, and has no 'x'\n  Set it as a whole: title=…",
        ),
        (
            "title",
            "--set title: write PATH=VALUE, such as measure.timing.rounds=5 or "
            "'models.My Model.args.width=2'.",
        ),
    ],
)
def test_error(option: str, expected: str) -> None:
    assert complaint(option) == expected


def test_errors_of_file_and_option_are_told_together() -> None:
    with pytest.raises(SpecError) as caught:
        loads(SPEC.replace("title: T", "titel: T"), "s.yaml", ["measure.timing.rounds=x"])
    assert [problem.file for problem in caught.value.problems] == [
        "--set measure.timing.rounds=x",
        "s.yaml",
    ]


KEYS = st.text(st.sampled_from("ab .-1"), min_size=1, max_size=5)
TREES = st.dictionaries(KEYS, st.integers() | st.dictionaries(KEYS, st.integers()), min_size=1)


@given(TREES, st.data(), st.integers() | st.booleans() | st.lists(st.integers(), max_size=3))
def test_what_is_set_is_there_and_the_rest_as_before(tree: Any, data: Any, value: Any) -> None:
    path = [data.draw(st.sampled_from(sorted(tree)))]
    if isinstance(tree[path[0]], dict):
        path.append(data.draw(KEYS))
    before = json.dumps(tree)
    name = ".".join(f'"{step}"' for step in path)
    result = override(Source(Text("s"), tree), f"{name}={json.dumps(value)}").value
    assert json.dumps(tree) == before
    assert (result[path[0]][path[1]] if len(path) > 1 else result[path[0]]) == value
    assert {k: v for k, v in result.items() if k != path[0]} == {
        k: v for k, v in tree.items() if k != path[0]
    }
