"""Inputs of a model's own: what may be said of them, and every way to say it wrong."""

from __future__ import annotations

import pytest

from reportgen.common.errors import SpecError
from reportgen.spec import loads
from reportgen.spec.tensors import Input

GOOD = """\
reportgen: 1
title: T
models:
  D:
    source: zoo/decoder
    inputs:
      tokens: {shape: [128], dtype: int64, below: 32000}
measure:
  complexity: {}
"""
TOKENS = "{shape: [128], dtype: int64, below: 32000}"


def complaint(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        loads(text, "s.yaml")
    return str(caught.value)


def test_a_spec_whose_models_all_have_inputs_needs_no_data_set() -> None:
    spec = loads(GOOD)
    assert spec.datasets == {}
    assert spec.models["D"].inputs == {"tokens": Input(shape=[128], dtype="int64", below=32000)}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("[3, 8]", Input(shape=[3, 8])),
        ("{shape: [3, 8]}", Input(shape=[3, 8], dtype="float32", batch=True)),
        ("{shape: [8], dtype: int64, fill: 1}", Input(shape=[8], dtype="int64", fill=1)),
        ("{shape: [8], dtype: bool, fill: true}", Input(shape=[8], dtype="bool", fill=True)),
        ("{shape: [], batch: false}", Input(shape=[], batch=False)),
        ("{shape: [8], dtype: bfloat16, fill: 2}", Input(shape=[8], dtype="bfloat16", fill=2)),
    ],
)
def test_what_may_be_written(written: str, meant: Input) -> None:
    inputs = loads(GOOD.replace(TOKENS, f"{written}\n      other: [1]")).models["D"].inputs
    assert inputs is not None
    assert inputs["tokens"] == meant


def test_both_spellings_are_one_model() -> None:
    short, long = (
        loads(GOOD.replace(TOKENS, text)).models["D"].model_dump(exclude_defaults=True)
        for text in ("[128]", "{shape: [128], dtype: float32, batch: true}")
    )
    assert short == long


def test_defaults_may_give_all_models_their_inputs() -> None:
    defaults = f"defaults: {{model: {{inputs: {{tokens: {TOKENS}}}}}}}"
    text = GOOD.replace("title: T", f"title: T\n{defaults}")
    text = text.replace(f"tokens: {TOKENS}\n", "tokens: {shape: [64]}\n")
    inputs = loads(text).models["D"].inputs
    assert inputs == {"tokens": Input(shape=[64], dtype="int64", below=32000)}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            ", below: 32000",
            "",
            "s.yaml:7:15: an input of int64 needs 'below'\n"
            "  7 |       tokens: {shape: [128], dtype: int64}\n"
            "    |               ^\n"
            "  Add `below: 32000`, or how many numbers there are (tokens: the vocabulary); or "
            "`fill: 1` for ones.",
            id="integers without an end",
        ),
        pytest.param(
            "dtype: int64",
            "dtype: float16",
            "s.yaml:7:15: 'below' is for integers, and this is float16\n"
            "  7 |       tokens: {shape: [128], dtype: float16, below: 32000}\n"
            "    |               ^\n"
            "  Remove it, or add `dtype: int64`.",
            id="numbers below, of floats",
        ),
        pytest.param(
            "dtype: int64, below: 32000",
            "dtype: int32, below: 3000000000",
            "s.yaml:7:15: int32 ends before 2,999,999,999\n"
            "  7 |       tokens: {shape: [128], dtype: int32, below: 3000000000}\n"
            "    |               ^\n"
            "  Use int64.",
            id="too large for the type",
        ),
        pytest.param(
            "below: 32000",
            "below: 32000, fill: 1",
            "s.yaml:7:15: 'below' draws what 'fill' gives\n"
            "  7 |       tokens: {shape: [128], dtype: int64, below: 32000, fill: 1}\n"
            "    |               ^\n"
            "  Remove one of them.",
            id="drawn and filled",
        ),
        pytest.param(
            "below: 32000",
            "fill: 0.5",
            "s.yaml:7:15: 'fill' must be a whole number where 'dtype' is int64\n"
            "  7 |       tokens: {shape: [128], dtype: int64, fill: 0.5}\n"
            "    |               ^",
            id="filled with what does not fit",
        ),
        pytest.param(
            "dtype: int64, below: 32000",
            "dtype: bool, fill: 1",
            "s.yaml:7:15: 'fill' must be true or false where 'dtype' is bool\n"
            "  7 |       tokens: {shape: [128], dtype: bool, fill: 1}\n"
            "    |               ^",
            id="truth as a number",
        ),
        pytest.param(
            "dtype: int64, below: 32000",
            "fill: true",
            "s.yaml:7:15: 'fill' must be a number where 'dtype' is float32\n"
            "  7 |       tokens: {shape: [128], fill: true}\n"
            "    |               ^",
            id="a number as truth",
        ),
        pytest.param(
            "int64",
            "int",
            "s.yaml:7:37: 'int' is no choice for 'dtype'\n"
            "  7 |       tokens: {shape: [128], dtype: int, below: 32000}\n"
            "    |                                     ^\n"
            "  Did you mean 'int64'?",
            id="unknown type",
        ),
        pytest.param(
            "shape: [128]",
            "shap: [128]",
            "s.yaml:7:16: unknown key 'shap'\n"
            "  7 |       tokens: {shap: [128], dtype: int64, below: 32000}\n"
            "    |                ^\n"
            "  Did you mean 'shape'?",
            id="misspelt key",
        ),
        pytest.param(
            TOKENS,
            "[128, 0]",
            "s.yaml:7:21: '1' must be more than 0\n"
            "  7 |       tokens: [128, 0]\n"
            "    |                     ^",
            id="an axis of nothing",
        ),
        pytest.param(
            "    source: zoo/decoder\n",
            "    source: zoo/decoder\n    classes: [10]\n",
            "s.yaml:6:5: 'zoo/decoder' takes no class count\n"
            "  6 |     classes: [10]\n"
            "    |     ^\n"
            "  Remove 'classes'.",
            id="classes of what has none",
        ),
        pytest.param(
            "    source: zoo/decoder\n",
            "    source: zoo/decoder\n    weights: {fit: {epochs: 1}}\n",
            "s.yaml:6:5: a model with 'inputs' is never evaluated, and times and counts do not "
            "depend on weights\n"
            "  6 |     weights: {fit: {epochs: 1}}\n"
            "    |     ^\n"
            "  Remove 'weights'.",
            id="weights",
        ),
        pytest.param(
            "    source: zoo/decoder\n",
            "    source: zoo/decoder\n    normalize: imagenet\n",
            "s.yaml:6:5: a model with 'inputs' gets no images\n"
            "  6 |     normalize: imagenet\n"
            "    |     ^\n"
            "  Remove 'normalize'.",
            id="normalisation",
        ),
        pytest.param(
            "title: T\n",
            "title: T\ndatasets: {digits: {}}\ndefaults: {model: {datasets: [digits]}}\n",
            "s.yaml:4:20: a model with 'inputs' is run on no data set\n"
            "  4 | defaults: {model: {datasets: [digits]}}\n"
            "    |                    ^\n"
            "  Remove 'datasets'.",
            id="data sets",
        ),
        pytest.param(
            "    source: zoo/decoder\n",
            "    source: zoo/decoder\n    quantize: {scheme: int8-static}\n",
            "s.yaml:6:24: int8-static is calibrated on images, and a model with 'inputs' gets "
            "none\n"
            "  6 |     quantize: {scheme: int8-static}\n"
            "    |                        ^\n"
            "  Write int8-dynamic, or remove 'quantize'.",
            id="calibration",
        ),
        pytest.param(
            "    source: zoo/decoder\n",
            "    source: nets/mine.py:make\n    heads: [layer1]\n",
            "s.yaml:6:5: heads need a class count, and nothing gives this model any\n"
            "  6 |     heads: [layer1]\n"
            "    |     ^\n"
            "  Add `classes: [10]`.",
            id="heads without classes",
        ),
        pytest.param(
            f"    inputs:\n      tokens: {TOKENS}\n",
            "",
            "s.yaml:4:3: 'zoo/decoder' takes no images\n"
            "  4 |   D:\n"
            "    |   ^\n"
            "  Add `inputs: {tokens: {shape: [128], dtype: int64, below: 32000}}`.",
            id="a decoder without tokens",
        ),
        pytest.param(
            f"zoo/decoder\n    inputs:\n      tokens: {TOKENS}\n",
            "zoo/resnet_lite\n",
            "s.yaml:4:3: nothing says what 'D' is run on\n"
            "  4 |   D:\n"
            "    |   ^\n"
            "  Add `datasets: {cifar10: {}}` to the spec, or `inputs: {x: [3, 224, 224]}` to the "
            "model.",
            id="neither data set nor inputs",
        ),
        pytest.param(
            "below: 32000}\nmeasure:\n  complexity: {}",
            "below: 32000, batch: false}\nmeasure:\n  timing: {batch_sizes: [1, 8]}",
            "s.yaml:6:5: batches of 8 are asked for, and no input has an axis for them\n"
            "  6 |     inputs:\n"
            "    |     ^\n"
            "  Remove a `batch: false`, or ask for batches of 1.",
            id="batches without an axis",
        ),
        pytest.param(
            "complexity: {}",
            "timing: {}\nreport: {columns: [time.total]}",
            "s.yaml:10:20: nothing here gives the column 'time.total'\n"
            "  10 | report: {columns: [time.total]}\n"
            "     |                    ^\n"
            "  It is of a data set, and all models here have inputs: remove the column.",
            id="time of a whole data set",
        ),
        pytest.param(
            "measure:",
            "claims:\n  - {of: D, classes: 10, metric: params, value: 1 M, from: x}\nmeasure:",
            "s.yaml:9:13: 'D' has inputs of its own, and has no class count\n"
            "  9 |   - {of: D, classes: 10, metric: params, value: 1 M, from: x}\n"
            "    |             ^\n"
            "  Remove 'classes'.",
            id="claim of a class count",
        ),
        pytest.param(
            "title: T\n",
            "title: T\ndatasets: {digits: {}}\n"
            "claims: [{of: D, dataset: digits, metric: params, value: 1 M, from: x}]\n",
            "s.yaml:4:18: 'D' has inputs of its own, and is run on no data set\n"
            "  4 | claims: [{of: D, dataset: digits, metric: params, value: 1 M, from: x}]\n"
            "    |                  ^\n"
            "  Remove 'dataset'.",
            id="claim of a data set",
        ),
    ],
)
def test_error(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert complaint(GOOD.replace(old, new, 1)) == expected
