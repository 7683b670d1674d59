"""Cheap answers have the shape and type of the real ones, and hide no error."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reportgen.counting import build_on_meta, count
from reportgen.counting.shortcuts import SHORTCUTS, shortcut

ONES = torch.ones(4)
IMAGE = torch.zeros(2, 4, 6, 5)

CALLS = [
    ("relu", (IMAGE,), {}),
    ("relu6", (IMAGE,), {}),
    ("elu", (IMAGE, 0.5), {}),
    ("leaky_relu", (IMAGE,), {"negative_slope": 0.2}),
    ("prelu", (IMAGE, torch.ones(1)), {}),
    ("silu", (IMAGE.half(),), {}),
    ("gelu", (IMAGE,), {"approximate": "tanh"}),
    ("batch_norm", (IMAGE, ONES, ONES, ONES, ONES), {}),
    ("layer_norm", (IMAGE.permute(0, 2, 3, 1), (4,)), {"weight": ONES}),
    ("group_norm", (IMAGE, 2), {"weight": ONES, "bias": ONES}),
    ("adaptive_avg_pool1d", (IMAGE[0], 3), {}),
    ("adaptive_avg_pool2d", (IMAGE, (None, 2)), {}),
    ("adaptive_avg_pool2d", (IMAGE[0],), {"output_size": 1}),
    ("adaptive_avg_pool3d", (IMAGE, [2, 1, 7]), {}),
    ("linear", (torch.zeros(2, 7, 4), torch.zeros(3, 4), torch.zeros(3)), {}),
    ("linear", (torch.zeros(4), torch.zeros(3, 4)), {"bias": torch.zeros(3)}),
    ("scaled_dot_product_attention", (IMAGE, torch.zeros(2, 4, 9, 5), torch.zeros(2, 4, 9, 3)), {}),
]


def to_meta(value):
    return value.to("meta") if isinstance(value, torch.Tensor) else value


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_a_shortcut_has_the_shape_and_type_of_the_real_answer(name, args, kwargs):
    function = getattr(F, name)
    real = function(*args, **kwargs)
    on_meta = [to_meta(arg) for arg in args], {key: to_meta(arg) for key, arg in kwargs.items()}
    quick = shortcut(name, function, *on_meta)
    assert (quick.shape, quick.dtype, quick.device.type) == (real.shape, real.dtype, "meta")
    assert shortcut(name, function, args, kwargs) is None  # real tensors are computed with


@pytest.mark.parametrize(
    ("mask", "fits"),
    [((4, 4), True), ((2, 1, 4, 4), True), ((2, 3, 4, 4), False), ((1, 2, 1, 4, 4), False)],
)
def test_a_mask_with_more_batches_than_the_queries_has_no_shortcut(mask, fits):
    query = torch.zeros(2, 1, 4, 8, device="meta")
    args = query, query, query, torch.zeros(mask, device="meta")
    quick = shortcut("scaled_dot_product_attention", F.scaled_dot_product_attention, args, {})
    assert (quick is not None) == fits


def test_every_shortcut_is_tried_here():
    assert {name for name, _, _ in CALLS} == set(SHORTCUTS)


@pytest.mark.parametrize("name", ["relu", "relu6", "silu", "elu", "leaky_relu"])
def test_in_place_means_in_place(name):
    x = IMAGE.to("meta")
    assert shortcut(name, getattr(F, name), (x,), {"inplace": True}) is x
    assert shortcut(name, getattr(F, name), (x,), {}) is not x


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (lambda: nn.BatchNorm2d(4), (2, 5, 6, 6), "running_mean should contain 5 elements not 4"),
        (lambda: nn.LayerNorm(4), (2, 5), "Given normalized_shape=\\[4\\]"),
        (lambda: nn.GroupNorm(2, 4), (2, 5, 6), "divisible by num_groups"),
        (lambda: nn.Linear(4, 2), (2, 5), "must have same reduction dim"),
    ],
)
def test_wrong_shapes_are_still_errors(layer, shape, message):
    with pytest.raises((RuntimeError, ValueError), match=message):
        count(build_on_meta(layer), [torch.empty(shape, device="meta")])
