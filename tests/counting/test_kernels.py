"""What an operation answered before is what it would answer now."""

import pytest
import torch
from torch import nn

from reportgen.counting import count
from reportgen.counting.kernels import Kernels

aten = torch.ops.aten


@pytest.fixture
def kernels():
    return Kernels()


def empty(*shape, **kwargs):
    return torch.empty(*shape, device="meta", **kwargs)


def anatomy(value):
    if isinstance(value, torch.Tensor):
        return value.shape, value.stride(), value.dtype, value.device.type
    return type(value), [anatomy(part) for part in value]


IMAGE = empty(2, 4, 6, 5).to(memory_format=torch.channels_last)
CALLS = [
    (aten.relu.default, (IMAGE,), {}),
    (aten.mul.Tensor, (IMAGE, empty(5)), {}),
    (aten.mean.dim, (IMAGE, [2, 3], True), {"dtype": torch.float64}),
    (aten.cat.default, ([IMAGE, IMAGE], 1), {}),
    (aten.max_pool2d_with_indices.default, (IMAGE, [2, 2]), {}),
    (aten._to_copy.default, (IMAGE,), {"dtype": torch.half}),
    (aten.empty.memory_format, ([3, 2],), {"dtype": torch.long, "device": torch.device("meta")}),
    (
        aten.convolution.default,
        (IMAGE, nn.Parameter(empty(8, 4, 3, 3)), None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1),
        {},
    ),
]


@pytest.mark.parametrize(("operation", "args", "kwargs"), CALLS)
def test_the_second_answer_is_like_the_first_and_a_tensor_of_its_own(
    kernels, operation, args, kwargs
):
    first, flops = kernels.run(operation, args, kwargs)
    second, same_flops = kernels.run(operation, args, kwargs)
    assert anatomy(first) == anatomy(second) == anatomy(operation(*args, **kwargs))
    assert flops == same_flops
    assert first is not second


@pytest.fixture
def asked():
    """A new operation, and how often it was asked."""
    times = []
    library = torch.library.Library("reportgen_test_kernels", "DEF")
    library.define("double(Tensor x, Scalar by=2) -> Tensor")
    library.impl("double", lambda x, by=2: times.append(by) or torch.empty_like(x), "Meta")
    yield torch.ops.reportgen_test_kernels.double.default, times
    library._destroy()


def test_an_operation_is_asked_once_for_each_shape_stride_type_and_argument(kernels, asked):
    operation, times = asked
    for x in (
        *(empty(2, 3), empty(3, 2), empty(3, 2).t(), empty(2, 3).half()),
        *(empty(2, 3), empty(3, 2), empty(3, 2).t(), empty(2, 3).half()),
    ):
        kernels.run(operation, (x,), {})
    assert len(times) == 4
    for by in (1, 1.0, True, 1):
        kernels.run(operation, (empty(2, 3), by), {})
    assert times[4:] == [1, 1.0, True]


def test_numbers_of_different_types_make_different_types(kernels):
    whole = empty(3, dtype=torch.long)
    for number, dtype in ((1, torch.long), (1.0, torch.float32), (True, torch.long)):
        out, _ = kernels.run(aten.mul.Tensor, (whole, number), {})
        assert out.dtype == dtype


def test_in_place_means_in_place(kernels):
    for _ in range(2):
        x = empty(2, 3)
        assert kernels.run(aten.add_.Tensor, (x, empty(3)), {}) == (x, (None, None))


def test_a_change_of_shape_is_always_made(kernels):
    for _ in range(2):
        x = empty(2, 3)
        kernels.run(aten.t_.default, (x,), {})
        assert x.shape == (3, 2)


def test_products_are_known_the_second_time_too(kernels):
    for _ in range(2):
        # 2 * 3 outputs of 5 products, two FLOPs each
        _, ran = kernels.run(aten.mm.default, (empty(2, 5), empty(5, 3)), {})
        assert (ran.work.macs, ran.flops) == (30, 60)


def test_what_does_not_fit_is_an_error_every_time(kernels):
    kernels.run(aten.mm.default, (empty(2, 5), empty(5, 3)), {})
    for _ in range(2):
        with pytest.raises(RuntimeError, match="same reduction dim"):
            kernels.run(aten.mm.default, (empty(2, 4), empty(5, 3)), {})


def test_real_tensors_are_computed_with_every_time(kernels):
    for number in (1.0, 2.0):
        out, _ = kernels.run(aten.neg.default, (torch.tensor([number]),), {})
        assert out.item() == -number


def test_equal_blocks_count_like_the_first():
    block = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Hardswish())
    x = empty(1, 3, 8, 8)
    one = count(nn.Sequential(block).to("meta"), [x])
    four = count(nn.Sequential(*[block] * 4).to("meta"), [x])
    assert four.macs == 4 * one.macs == 4 * 8 * 8 * 3 * 27
    assert four.cross_check.verified
    assert [row.calls for row in four.uncounted] == [4 * row.calls for row in one.uncounted] == [4]
