"""Every valid way to call a function is counted, and none ends the count."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reportgen.counting import Count, count
from reportgen.counting.driver import positional
from reportgen.record.ledger import Kind

WEIGHT = torch.randn(8, 8)
KERNEL = torch.randn(8, 8, 3, 3)
IMAGE = torch.randn(2, 8, 4, 4)
ROWS = torch.randn(2, 16, 8)
MATRIX = torch.randn(32, 8)


class Calls(nn.Module):
    """A module that makes one call."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__()
        self.call = call

    def forward(self) -> object:
        return self.call()


def counted(call: Callable[[], object]) -> Count:
    return count(Calls(call))


WEIGHTS = torch.stack([WEIGHT, WEIGHT, WEIGHT])


def jagged() -> Tensor:
    """Two sequences, of 16 and of 3 rows."""
    return torch.nested.nested_tensor([ROWS[0], ROWS[1][:3]], layout=torch.jagged)


def attend(rows: Tensor) -> Tensor:
    heads = rows.unflatten(-1, (2, 4)).transpose(1, 2)
    return F.scaled_dot_product_attention(heads, heads, heads)


PRODUCTS: dict[str, tuple[Callable[[], object], int]] = {
    "linear": (lambda: F.linear(input=ROWS, weight=WEIGHT), 2 * 16 * 64),
    "linear, mixed": (lambda: F.linear(ROWS, bias=WEIGHT[0], weight=WEIGHT), 2 * 16 * 64),
    "linear of a vector": (lambda: F.linear(WEIGHT[0], WEIGHT, WEIGHT[0]), 64),
    "conv2d": (lambda: F.conv2d(input=IMAGE, weight=KERNEL, padding=1), 2 * 16 * 8 * 72),
    "conv_transpose2d": (lambda: F.conv_transpose2d(input=IMAGE, weight=KERNEL), 2 * 128 * 72),
    "matmul": (lambda: torch.matmul(input=ROWS, other=WEIGHT), 2 * 16 * 64),
    "matmul, out": (lambda: torch.matmul(MATRIX, WEIGHT, out=torch.empty(32, 8)), 32 * 64),
    "Tensor.matmul": (lambda: ROWS.matmul(other=WEIGHT), 2 * 16 * 64),
    "matrix by vector": (lambda: WEIGHT @ WEIGHT[0], 64),
    "vector by vector": (lambda: torch.matmul(WEIGHT[0], WEIGHT[1]), 8),
    "mm": (lambda: torch.mm(input=MATRIX, mat2=WEIGHT), 32 * 64),
    "mm, out": (lambda: torch.mm(MATRIX, mat2=WEIGHT, out=torch.empty(32, 8)), 32 * 64),
    "bmm": (lambda: torch.bmm(input=ROWS, mat2=ROWS.mT), 2 * 16 * 16 * 8),
    "bmm, out": (lambda: torch.bmm(ROWS, ROWS.mT, out=torch.empty(2, 16, 16)), 2 * 16 * 16 * 8),
    "addmm": (lambda: torch.addmm(input=WEIGHT[0], mat1=MATRIX, mat2=WEIGHT, beta=2), 32 * 64),
    "addmm, out": (
        lambda: torch.addmm(WEIGHT[0], MATRIX, WEIGHT, out=torch.empty(32, 8)),
        32 * 64,
    ),
    "Tensor.addmm": (lambda: WEIGHT[0].addmm(mat1=MATRIX, mat2=WEIGHT), 32 * 64),
    "addmm_": (lambda: torch.zeros(32, 8).addmm_(MATRIX, WEIGHT), 32 * 64),
    "baddbmm": (
        lambda: torch.baddbmm(input=torch.zeros(2, 16, 16), batch1=ROWS, batch2=ROWS.mT),
        2 * 16 * 16 * 8,
    ),
    "baddbmm_": (lambda: torch.zeros(2, 16, 16).baddbmm_(ROWS, ROWS.mT), 2 * 16 * 16 * 8),
    "attention": (
        lambda: F.scaled_dot_product_attention(query=ROWS, key=ROWS, value=ROWS, scale=0.1),
        2 * 16 * 16 * (8 + 8),
    ),
    "einsum of a list": (lambda: torch.einsum("bnc,cd->bnd", [ROWS, WEIGHT]), 2 * 16 * 64),
    "tensordot": (lambda: torch.tensordot(ROWS, WEIGHT, 1), 2 * 16 * 64),
    "multi_dot": (lambda: torch.linalg.multi_dot([WEIGHT, WEIGHT, WEIGHT]), 2 * 8 * 64),
    "addmv_": (lambda: torch.zeros(8).addmv_(WEIGHT, WEIGHT[0]), 64),
    # 2 coordinates of 4·4 places in 2 images, each a sum of 3.
    "affine_grid": (
        lambda: F.affine_grid(torch.zeros(2, 2, 3), [2, 8, 4, 4], False),
        2 * 16 * 2 * 3,
    ),
    "vmap over weights": (
        lambda: torch.vmap(lambda w: F.linear(ROWS, w))(WEIGHTS),
        3 * 2 * 16 * 64,
    ),
    "vmap over kernels": (
        lambda: torch.vmap(lambda k: F.conv2d(IMAGE, k, padding=1))(torch.stack([KERNEL, KERNEL])),
        2 * 2 * 16 * 8 * 72,
    ),
    "jagged rows": (lambda: F.linear(jagged(), WEIGHT), (16 + 3) * 64),
    "vmap": (lambda: torch.vmap(lambda row: F.linear(row, WEIGHT))(ROWS), 2 * 16 * 64),
    "functional_call": (
        lambda: torch.func.functional_call(nn.Linear(8, 8), {"weight": WEIGHT}, (ROWS,)),
        2 * 16 * 64,
    ),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_counted_however_they_are_called(name: str) -> None:
    call, macs = PRODUCTS[name]
    result = counted(call)
    assert (result.macs, result.cross_check.verified) == (macs, True)
    assert not any(difference.disputed for difference in result.cross_check.differences)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_attention_of_jagged_rows_is_not_verified_and_costs_nothing_else() -> None:
    result = counted(lambda: (attend(jagged()), F.linear(ROWS, WEIGHT)))
    assert (result.macs, result.cross_check.verified) == (2 * 16 * 64, False)


ELEMENTS = IMAGE.numel()
FLOPS: dict[str, tuple[Callable[[], object], int]] = {
    "relu": (lambda: F.relu(input=IMAGE), ELEMENTS),
    "prelu": (lambda: F.prelu(input=IMAGE, weight=WEIGHT[0]), ELEMENTS),
    "gelu": (lambda: F.gelu(input=IMAGE, approximate="tanh"), ELEMENTS),
    "softmax": (lambda: F.softmax(input=IMAGE, dim=1), ELEMENTS),
    "layer_norm": (lambda: F.layer_norm(input=ROWS, normalized_shape=(8,)), 4 * ROWS.numel()),
    "group_norm": (lambda: F.group_norm(input=IMAGE, num_groups=2), 4 * ELEMENTS),
    "max_pool2d": (lambda: F.max_pool2d(input=IMAGE, kernel_size=2), ELEMENTS),
    "avg_pool2d": (lambda: F.avg_pool2d(input=IMAGE, kernel_size=2), ELEMENTS),
    "adaptive_avg_pool1d": (lambda: F.adaptive_avg_pool1d(input=ROWS, output_size=4), ROWS.numel()),
    "adaptive_avg_pool2d": (lambda: F.adaptive_avg_pool2d(IMAGE, output_size=1), ELEMENTS),
    "adaptive_max_pool2d": (lambda: F.adaptive_max_pool2d(input=IMAGE, output_size=1), ELEMENTS),
    "adaptive_max_pool2d, indices": (
        lambda: F.adaptive_max_pool2d(IMAGE, output_size=1, return_indices=True),
        ELEMENTS,
    ),
    # DeepSpeed counts the outputs where a factor is given, and height times width for a size.
    "interpolate": (lambda: F.interpolate(input=IMAGE, scale_factor=2), 4 * ELEMENTS),
    "interpolate to a size": (lambda: F.interpolate(size=(8, 6), input=IMAGE), 8 * 6),
    "mul": (lambda: torch.mul(input=IMAGE, other=2), ELEMENTS),
    "add": (lambda: torch.add(input=IMAGE, other=IMAGE, alpha=2), ELEMENTS),
    "add, out": (lambda: torch.add(IMAGE, IMAGE, out=torch.empty_like(IMAGE)), ELEMENTS),
}


@pytest.mark.parametrize("name", FLOPS)
def test_flops_are_those_of_a_call_by_position(name: str) -> None:
    call, flops = FLOPS[name]
    result = counted(call)
    assert (result.macs, result.flops) == (0, flops)
    assert result.cross_check.verified


def test_arguments_are_bound_by_the_functions_own_signature() -> None:
    assert positional(F.interpolate, (), {"size": 3, "input": "x"}) == ("x", 3)
    # Functions of C++ have no signature that Python knows.
    assert positional(F.adaptive_avg_pool1d, (), {"output_size": 4, "input": "x"}) == ("x", 4)
    with pytest.raises(TypeError):
        positional(F.interpolate, (), {"siez": 3})


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_formula_that_raises_costs_nothing() -> None:
    def nested() -> Tensor:
        rows = torch.nested.nested_tensor([ROWS[0], ROWS[1][:3]])
        return rows @ torch.nested.nested_tensor([WEIGHT, WEIGHT])

    result = counted(lambda: (nested(), F.linear(ROWS, WEIGHT))[1])
    assert result.macs == 2 * 16 * 64
    assert result.notes == (
        "The formula for __matmul__ cannot read a call of it (RuntimeError): what it did besides "
        "products is not among the FLOPs.",
    )
    # Its products are PyTorch's to know, and it does not.
    assert result.cross_check.doubts == ("aten.matmul in the model itself",)
    kinds = {row.function: row.kind for row in result.ledger.operations}
    assert kinds["__matmul__"] is Kind.OTHER
