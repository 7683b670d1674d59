"""Whatever stands where a spec has a value, the answer is one error with its place, and soon."""

from __future__ import annotations

import contextlib
import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reportgen.common.errors import SpecError, UsageError
from reportgen.plan.resolve import plan
from reportgen.spec import load, loads

START = "reportgen: 1\ntitle: T\ndatasets: {digits: {}}\nmodels: {M: {source: zoo/digits_mlp}}\n"


def refused(text: str) -> list[str]:
    """Return the first line of each problem."""
    with pytest.raises(SpecError) as caught:
        loads(text, "s.yaml")
    return [str(problem).splitlines()[0] for problem in caught.value.problems]


def bomb(depth: int) -> str:
    lines = ["a0: &a0 {x: 1}"]
    for level in range(1, depth):
        lines.append(f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        pytest.param(
            "claims: [{of: M, metric: {a: 1}, value: 1 G, from: x}]\n",
            "s.yaml:5:26: 'metric' must be text (quote it)",
            id="a mapping for a metric",
        ),
        pytest.param(
            f"report: {'[' * 3000}{']' * 3000}\n", "this is nested too deep", id="far too deep"
        ),
        pytest.param(
            f"report: {'[' * 300}{']' * 300}\n",
            "s.yaml:5:59: this is nested too deep",
            id="too deep",
        ),
        pytest.param(
            'extends: "a\\0b.yaml"\n',
            "s.yaml:5:10: the text holds U+0000 (control character), which cannot be seen",
            id="NUL in a path",
        ),
        pytest.param("x: !!int abc\n", "s.yaml:5:4: `abc` is no number", id="a tag that is wrong"),
        pytest.param("x: !!float abc\n", "s.yaml:5:4: `abc` is no number", id="another tag"),
        pytest.param("x: !!map abc\n", "s.yaml:5:4: the tag `!!map` is not for text", id="no text"),
        pytest.param(
            f"x: {'9' * 5000}\n", f"s.yaml:5:4: `{'9' * 40}` is no number", id="a number too long"
        ),
        pytest.param(bomb(10), "aliases make this more than 100,000 values", id="merge bomb"),
        pytest.param(
            "x: &x {<<: *x, a: 1}\n", "s.yaml:5:4: a mapping that merges itself", id="merges itself"
        ),
        pytest.param(
            "x: &x {a: {<<: *x}}\n", "s.yaml:5:4: a mapping that merges itself", id="merges its own"
        ),
    ],
)
def test_a_spec_that_costs_more_than_it_is_long(more: str, says: str) -> None:
    (line,) = refused(START + more)
    assert line.endswith(says)


def test_a_model_with_a_number_of_data_sets() -> None:
    text = START.replace("digits_mlp}", "digits_mlp, datasets: 5}")
    text += "reported: [{of: M, metric: flops, value: 1 G, from: x}]\n"
    assert refused(text) == ["s.yaml:4:48: 'datasets' must be a list: [a, b]"]


def test_a_data_set_without_a_shape() -> None:
    text = START.replace("digits: {}", "p: {source: synthetic, shape: null, classes: 3}")
    assert refused(text) == ["s.yaml:3:12: a data set from `synthetic` needs 'shape'"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_base_that_is_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    spec = tmp_path / "s.yaml"
    spec.write_text(START + "extends: pipe.yaml\n")
    with pytest.raises(SpecError, match=r"s\.yaml:5:10: no such spec: 'pipe\.yaml'"):
        load(spec)


@pytest.mark.parametrize("name", ["a\0b.yaml", "x" * 5000 + ".yaml"])
def test_a_path_that_no_file_can_have(name: str) -> None:
    with pytest.raises(UsageError):
        load(Path(name))


RICH: dict[str, Any] = {
    "reportgen": 1,
    "title": "T",
    "extends": "_base.yaml",
    "defaults": {"model": {"batch_size": 4}, "dataset": {"resize": 8}},
    "datasets": {
        "digits": {"split": "test", "normalize": {"mean": [0.5], "std": [0.5]}},
        "noise": {"source": "synthetic", "shape": [1, 8, 8], "classes": 10, "count": 4},
    },
    "models": {
        "A": {
            "source": "zoo/digits_cnn",
            "baseline": True,
            "args": {"width": 8},
            "weights": {"fit": {"epochs": 1}},
            "quantize": {"scheme": "int8-static", "calibrate": {"samples": 8}, "unfused": ["*"]},
            "datasets": ["digits"],
            "classes": [10],
            "budgets": {"params": "≤ 2 M"},
        },
        "B": {
            "source": "torchvision/resnet18",
            "heads": {"from": 1, "to": 2},
            "freeze": ["layer1.*"],
            "batch_size": 2,
            "datasets": ["noise"],
        },
        "C": {
            "source": "zoo/decoder",
            "inputs": {"tokens": {"shape": [4], "dtype": "int64", "below": 9, "batch": True}},
        },
    },
    "classes": [10],
    "measure": {
        "complexity": {"batch_size": 1, "backward_factor": 2.0},
        "timing": {"batch_sizes": [1], "threads": 1, "rounds": 3, "seconds": 1.0},
        "accuracy": {"metrics": ["top1"]},
        "time_limit": 10.0,
    },
    "reported": [{"of": "A", "metric": "top1", "value": "9 %", "from": "x", "dataset": "digits"}],
    "claims": [{"of": "A", "metric": "macs", "value": "1 G", "from": "x", "module": "a"}],
    "budgets": {"macs": "≤ 2 G"},
    "report": {
        "formats": ["md"],
        "columns": ["top1", "latency@1"],
        "modules": {"depth": 1, "columns": ["params"]},
        "templates": "t",
    },
}
WRONG = (None, True, "word", [], {}, [None], {"a": [{}]}, 10**30)


def test_the_right_values_are_right(tmp_path: Path) -> None:
    (tmp_path / "_base.yaml").write_text("title: Base\n")
    loads(json.dumps(RICH, indent=1), str(tmp_path / "s.yaml"))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, (dict, list)):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in entries:
            yield from places(inner, (*path, key))


def with_value(value: Any, path: tuple[Any, ...], given: Any) -> Any:
    """Return a copy with another value at a path."""
    if not path:
        return given
    result = copy.copy(value)
    result[path[0]] = with_value(value[path[0]], path[1:], given)
    return result


@pytest.mark.parametrize("path", list(places(RICH))[1:], ids=lambda path: ".".join(map(str, path)))
def test_a_value_of_the_wrong_type(path: tuple[Any, ...], tmp_path: Path) -> None:
    (tmp_path / "_base.yaml").write_text("title: Base\n")
    for wrong in WRONG:
        text = json.dumps(with_value(RICH, path, wrong), indent=1)  # which is YAML
        with contextlib.suppress(SpecError):
            plan(loads(text, str(tmp_path / "s.yaml")), name="s", spec_dir=tmp_path)
