"""Cheap answers on the ``meta`` device.

Nine tenths of a forward pass on ``meta`` is spent in norms, activations and ``addmm``, whose
``meta`` kernels are written in Python. All that is wanted of them is a tensor of the right shape.
Functions that make products still make them, so that a second counter sees the same products.

A shortcut takes the function and its arguments, and answers None where it does not apply: then the
function itself is called, and raises its own error if the shapes are wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor

Shortcut: TypeAlias = Callable[..., Tensor | None]


def _like(input: Tensor) -> Tensor:
    return torch.empty(input.shape, dtype=input.dtype, device="meta")


def _activation(function: Any, input: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
    if kwargs.get("inplace") or True in [a for a in args if isinstance(a, bool)]:
        return input
    return _like(input)


def _batch_norm(
    function: Any, input: Tensor, running_mean: Tensor | None, *_: Any, **__: Any
) -> Tensor | None:
    fits = running_mean is not None and input.dim() > 1 and len(running_mean) == input.shape[1]
    return _like(input) if fits else None


def _layer_norm(function: Any, input: Tensor, normalized_shape: Any, *_: Any, **__: Any) -> Any:
    fits = tuple(input.shape[-len(normalized_shape) :]) == tuple(normalized_shape)
    return _like(input) if fits else None


def _group_norm(function: Any, input: Tensor, num_groups: int, *_: Any, **__: Any) -> Tensor | None:
    fits = input.dim() > 1 and input.shape[1] % num_groups == 0
    return _like(input) if fits else None


def _linear(
    function: Any, input: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor | None:
    """Without its bias, ``addmm`` is ``mm``, which is not written in Python."""
    if bias is None or bias.shape != weight.shape[:1]:
        return None
    out: Tensor = function(input, weight)
    return out


def _attention(
    function: Any, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any
) -> Tensor | None:
    """The two products alone; the scaling and softmax between them are slow here."""
    if not query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
        return None  # grouped queries, or batches that broadcast
    return torch.matmul(torch.matmul(query, key.transpose(-2, -1)), value)


SHORTCUTS: Mapping[str, Shortcut] = {
    **dict.fromkeys(("relu", "relu6", "elu", "leaky_relu", "prelu", "silu", "gelu"), _activation),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "linear": _linear,
    "scaled_dot_product_attention": _attention,
}


def shortcut(name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``function(*args, **kwargs)`` would return on ``meta``, or None to call it."""
    quick = SHORTCUTS.get(name)
    if quick is None or not args or type(args[0]) is not Tensor or not args[0].is_meta:
        return None
    return quick(function, *args, **kwargs)


_ELEMENTWISE = frozenset(
    """
    add add_ div div_ hardsigmoid hardsigmoid_ hardswish hardswish_ hardtanh hardtanh_ leaky_relu
    leaky_relu_ mish mul mul_ relu relu_ rsub sigmoid sigmoid_ silu silu_ sub sub_ tanh tanh_
    """.split()  # noqa: SIM905
)


def elementwise(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """What an elementwise operation would return on ``meta``, or None to run it.

    Only for operands of one shape and one floating-point type, which the result then has.
    """
    if name not in _ELEMENTWISE or kwargs:
        return None
    first, others = args[0], [a for a in args[1:] if not isinstance(a, (int, float))]
    if not isinstance(first, Tensor) or not first.is_meta or not first.is_floating_point():
        return None
    for other in others:
        if not isinstance(other, Tensor) or not other.is_meta:
            return None
        if other.shape != first.shape or other.dtype != first.dtype:
            return None
    return first if name.endswith("_") else _like(first)
