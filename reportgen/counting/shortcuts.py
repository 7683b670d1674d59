"""Cheap answers on the ``meta`` device.

Nine tenths of a forward pass on ``meta`` is spent in norms, activations and ``addmm``, whose
``meta`` kernels are written in Python. All that is wanted of them is a tensor of the right shape.
Functions that make products still make them, so that a second counter sees the same products.

A shortcut takes the function and its arguments, and answers None where it does not apply: then the
function itself is called, and raises its own error if the shapes are wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

Shortcut: TypeAlias = Callable[..., Tensor | None]


def _empty(input: Tensor, shape: Sequence[int]) -> Tensor:
    # Not an operation of the model: no need to show it to a second counter.
    with torch._C._DisableTorchDispatch():
        return torch.empty(shape, dtype=input.dtype, device="meta")


def _like(input: Tensor) -> Tensor:
    return _empty(input, input.shape)


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


def _adaptive_pool(function: Any, input: Tensor, output_size: Any) -> Tensor | None:
    """The number of dimensions is the last letter but one of ``adaptive_avg_pool2d``."""
    spatial = int(function.__name__[-2])
    sizes = [output_size] * spatial if isinstance(output_size, int) else list(output_size)
    if len(sizes) != spatial or input.dim() - spatial not in (1, 2):
        return None
    kept = input.shape[-spatial:]
    out = [was if size is None else size for size, was in zip(sizes, kept, strict=True)]
    return _empty(input, (*input.shape[:-spatial], *out))


def _linear(
    function: Any, input: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor | None:
    """Without its bias, ``addmm`` is ``mm``, which is not written in Python."""
    if bias is None or bias.shape != weight.shape[:1]:
        return None
    out: Tensor = function(input, weight)
    return out


def _attention(
    function: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    *_: Any,
    **__: Any,
) -> Tensor | None:
    """The two products alone; the scaling and softmax between them are slow here."""
    batch = query.shape[:-2]
    if not batch == key.shape[:-2] == value.shape[:-2]:
        return None  # grouped queries, or batches that broadcast
    if attn_mask is not None and (
        attn_mask.dim() > query.dim()
        or any(m not in (1, q) for m, q in zip(attn_mask.shape[-3::-1], batch[::-1], strict=False))
    ):
        return None  # a batch of masks
    return torch.matmul(torch.matmul(query, key.transpose(-2, -1)), value)


SHORTCUTS: Mapping[str, Shortcut] = {
    **dict.fromkeys(("relu", "relu6", "elu", "leaky_relu", "prelu", "silu", "gelu"), _activation),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    **dict.fromkeys((f"adaptive_avg_pool{n}d" for n in (1, 2, 3)), _adaptive_pool),
    "linear": _linear,
    "scaled_dot_product_attention": _attention,
}


def shortcut(name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``function(*args, **kwargs)`` would return on ``meta``, or None to call it."""
    quick = SHORTCUTS.get(name)
    if quick is None or not args or type(args[0]) is not Tensor or not args[0].is_meta:
        return None
    return quick(function, *args, **kwargs)
