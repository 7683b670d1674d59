"""Products of operations as PyTorch dispatches them, below the functions that DeepSpeed patches.

``OURS`` are formulas that ``FlopCounterMode`` lacks, of operations in which functions end that
DeepSpeed does count: without them the two would seem to differ where both are right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

from reportgen.counting.formulas import FORMULAS, Work
from reportgen.record.ledger import Kind

_aten = torch.ops.aten


def _matrix_by_vector(matrix: Tensor, vector: Tensor, *, out_val: Any, **_: Any) -> int:
    """out[m] = sum over k of matrix[m, k] * vector[k]."""
    return 2 * matrix.numel()


def _added_matrix_by_vector(
    input: Tensor, matrix: Tensor, vector: Tensor, *, out_val: Any, **_: Any
) -> int:
    """out[m] = input[m] + sum over k of matrix[m, k] * vector[k]."""
    return 2 * matrix.numel()


def _vector_by_vector(first: Tensor, second: Tensor, *, out_val: Any, **_: Any) -> int:
    return 2 * first.numel()


def _affine_grid(theta: Tensor, *_: Any, out_val: Tensor, **__: Any) -> int:
    """out[..., i] = sum over k of place[k] * theta[i, k]: a place has three numbers, or four."""
    return 2 * out_val.numel() * theta.shape[-1]


def _attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, out_val: Any, **__: Any) -> int:
    """query (..., L, E), key (..., S, E), value (..., S, V): E + V products for each pair."""
    pairs = math.prod(query.shape[:-1]) * key.shape[-2]
    return 2 * pairs * (query.shape[-1] + value.shape[-1])


OURS: Mapping[Any, Callable[..., int]] = {
    _aten.mv: _matrix_by_vector,
    _aten.addmv: _added_matrix_by_vector,
    _aten.dot: _vector_by_vector,
    _aten.vdot: _vector_by_vector,
    _aten.addmv_: _added_matrix_by_vector,
    _aten.affine_grid_generator: _affine_grid,
    _aten.addmm_: flop_registry[_aten.addmm],
    _aten.baddbmm_: flop_registry[_aten.baddbmm],
    **{
        getattr(_aten, name): _attention
        for name in (
            "_scaled_dot_product_flash_attention_for_cpu",
            "_scaled_dot_product_fused_attention_overrideable",
        )
        if hasattr(_aten, name)
    },
}
"""FLOPs of an operation's products, from what went in and, as ``out_val``, what came out."""


def work_of(packet: Any, flops: int, out: Any, args: tuple[Any, ...]) -> Work:
    """Return the work of an operation that DeepSpeed did not see: two FLOPs for each product.

    A convolution is recognised by its arguments, including the bias.
    """
    macs = flops // 2
    name = packet.__name__
    if name in ("convolution", "_convolution"):
        transposed = args[6]
        formula = FORMULAS["conv_transpose2d" if transposed else "conv2d"]
        return formula(out, *args[:3])._replace(macs=macs)
    if "attention" in name:
        return Work(Kind.ATTENTION, macs, flops)
    biases = out.numel() if name.startswith(("addm", "baddbmm")) else 0
    return Work(Kind.MATMUL, macs, flops, biases)
