"""How much work one function call is, computed from the shapes that went in and came out.

A product (MAC) is one multiplication with the addition that accumulates it. Products are computed
from the *output's* shape, so padding, strides, dilation and broadcasting need no arithmetic of
their own: whatever they did, PyTorch has already put it into the output.

A formula takes what the function returned, then the function's own arguments. Functions that are
not in ``FORMULAS`` have no products; for them DeepSpeed's own formula says the FLOPs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from torch import Tensor

from reportgen.record.ledger import Kind


class Work(NamedTuple):
    """What one call did; the fields mean what they do in ``reportgen.record.ledger.Operation``."""

    kind: Kind
    macs: int = 0
    flops: int = 0
    bias_elements: int = 0


Formula: TypeAlias = Callable[..., Work]


def _linear(out: Tensor, /, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Work:
    """out[..., o] = sum over i of input[..., i] * weight[o, i].

    DeepSpeed leaves the bias of a linear layer out of its FLOPs.
    """
    macs = out.numel() * weight.shape[-1]
    return Work(Kind.LINEAR, macs, 2 * macs, out.numel() if bias is not None else 0)


def _convolution(
    out: Tensor, /, input: Tensor, weight: Tensor, bias: Tensor | None = None, *_: Any, **__: Any
) -> Work:
    """weight is (C_out, C_in / groups, *kernel); an output sums over all but the first."""
    in_channels = input.shape[1 - weight.dim()]  # counted from the end: a batch may be missing
    depthwise = weight.shape[1] == 1 and in_channels > 1
    kind = Kind.DEPTHWISE_CONVOLUTION if depthwise else Kind.CONVOLUTION
    macs = out.numel() * math.prod(weight.shape[1:])
    bias_elements = out.numel() if bias is not None else 0
    return Work(kind, macs, 2 * macs + bias_elements, bias_elements)


def _transposed_convolution(
    out: Tensor, /, input: Tensor, weight: Tensor, bias: Tensor | None = None, *_: Any, **__: Any
) -> Work:
    """weight is (C_in, C_out / groups, *kernel); an *input* goes into all but the first."""
    macs = input.numel() * math.prod(weight.shape[1:])
    bias_elements = out.numel() if bias is not None else 0
    return Work(Kind.TRANSPOSED_CONVOLUTION, macs, 2 * macs + bias_elements, bias_elements)


def _matmul(out: Tensor, /, input: Tensor, *_: Any, **__: Any) -> Work:
    """An output sums over the last dimension of the first operand."""
    macs = out.numel() * input.shape[-1]
    return Work(Kind.MATMUL, macs, 2 * macs)


def _added_matmul(out: Tensor, /, *operands: Any, **named: Any) -> Work:
    """Input + first @ second; PyTorch also takes the factors of both between them."""
    tensors = [operand for operand in operands if isinstance(operand, Tensor)]
    first = tensors[1] if len(tensors) > 1 else named.get("mat1", named.get("batch1"))
    assert isinstance(first, Tensor)
    macs = out.numel() * first.shape[-1]
    return Work(Kind.MATMUL, macs, 2 * macs + out.numel(), out.numel())


def _attention(
    out: Tensor, /, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any
) -> Work:
    """query (..., L, E), key (..., S, E), value (..., S, V), out (..., L, V).

    Every query meets every key (E products) and weighs every value (V products), masked or not.
    Batch and heads are the output's: with grouped queries, key and value have fewer.
    """
    macs = math.prod(out.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])
    return Work(Kind.ATTENTION, macs, 2 * macs)


def _recurrent_layer(out: Any, /, input: Tensor, *arguments: Any) -> Work:
    """Every row of every step passes through every weight matrix of every layer and direction.

    input is (steps, batch, features) in either order, or (rows of all steps, features) and the
    rows of each step after it when packed. The weights are the list whose first entry is a matrix;
    hidden states, which may come as a list too, have three dimensions.
    """
    lists = (a for a in arguments if isinstance(a, (list, tuple)) and a)
    weights = next(a for a in lists if isinstance(a[0], Tensor) and a[0].dim() == 2)
    return _recurrent(input, weights)


def _recurrent_cell(out: Any, /, input: Tensor, hidden: Any, *weights: Tensor | None) -> Work:
    """One step: input is (batch, features) or (features,)."""
    return _recurrent(input, weights)


def _recurrent(input: Tensor, weights: Sequence[Tensor | None]) -> Work:
    rows = math.prod(input.shape[:-1])
    macs = rows * sum(w.numel() for w in weights if w is not None and w.dim() == 2)
    return Work(Kind.RECURRENT, macs, 2 * macs)


def _batch_norm(
    out: Tensor,
    /,
    input: Tensor,
    running_mean: Any,
    running_var: Any,
    weight: Tensor | None = None,
    bias: Any = None,
    training: bool = False,
    *_: Any,
    **__: Any,
) -> Work:
    """DeepSpeed's estimate. Without running statistics, those of the batch are computed."""
    kind = Kind.BATCH_STATISTICS if training else Kind.BATCH_NORM
    each = (5 if training else 2) - (weight is None)
    return Work(kind, 0, each * input.numel())


def _einsum(
    out: Tensor, /, equation: str, operands: Sequence[Tensor], path: Sequence[int] | None = None
) -> Work:
    """Contract pair after pair, in the order in which PyTorch does.

    A path is a flat list of pairs of positions, and results go to the end; without one, the first
    two are contracted, then their result with the next. An axis of one operand only, wanted by
    nobody else, is summed before the products are made. A pair with no axis to sum over is
    multiplied elementwise: FLOPs, but no products.
    """
    inputs, arrow, output = equation.replace(" ", "").replace("...", ".").partition("->")
    terms = [_axes(t, o.shape) for t, o in zip(inputs.split(","), operands, strict=True)]
    if arrow:
        wanted = set(_axes(output, out.shape))
    else:
        wanted = {axis for term in terms for axis in term if inputs.count(str(axis)) == 1}
        wanted |= {axis for term in terms for axis in term if isinstance(axis, int)}

    macs = flops = 0
    steps = list(path or ())
    while len(terms) > 1:
        first, second = sorted((steps.pop(0), steps.pop(0))) if path else (0, 1)
        right, left = terms.pop(second), terms.pop(first)
        sizes = {axis: max(left.get(axis, 1), right.get(axis, 1)) for axis in left | right}
        needed = wanted.union(*terms)
        summed = [axis for axis in left.keys() & right.keys() if axis not in needed]
        result = {axis: size for axis, size in sizes.items() if axis in needed}
        products = math.prod(result.values()) * math.prod(sizes[axis] for axis in summed)
        macs += products if summed else 0
        flops += 2 * products if summed else products
        terms.insert(len(terms) if path else 0, result)
    return Work(Kind.EINSUM, macs, flops)


def _axes(term: str, shape: Sequence[int]) -> dict[str | int, int]:
    """The size of each axis of a term; those that ``.`` stands for are numbered from the end.

    An axis of size 1 broadcasts: it is as good as absent.
    """
    before, dots, after = term.partition(".")
    hidden = range(len(before) + len(after) - len(shape), 0) if dots else range(0)
    return {
        axis: size
        for axis, size in zip([*before, *hidden, *after], shape, strict=True)
        if size != 1
    }


FORMULAS: Mapping[str, Formula] = {
    "linear": _linear,
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys(
        ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed_convolution
    ),
    **dict.fromkeys(("matmul", "__matmul__", "mm", "bmm"), _matmul),
    **dict.fromkeys(("addmm", "baddbmm"), _added_matmul),
    "scaled_dot_product_attention": _attention,
    "einsum": _einsum,
    "batch_norm": _batch_norm,
    **dict.fromkeys(("rnn_tanh", "rnn_relu", "lstm", "gru"), _recurrent_layer),
    **dict.fromkeys(("rnn_tanh_cell", "rnn_relu_cell", "lstm_cell", "gru_cell"), _recurrent_cell),
}
"""The functions that make products, and batch norm, which is of two kinds."""

KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(
        ("relu", "relu6", "prelu", "elu", "leaky_relu", "silu", "gelu"), Kind.ACTIVATION
    ),
    "layer_norm": Kind.LAYER_NORM,
    "group_norm": Kind.GROUP_NORM,
    "instance_norm": Kind.INSTANCE_NORM,
    **{f"{kind}_pool{n}d": Kind.POOL for kind in ("avg", "max") for n in (1, 2, 3)},
    **{
        f"adaptive_{kind}_pool{n}d": Kind.ADAPTIVE_POOL
        for kind in ("avg", "max")
        for n in (1, 2, 3)
    },
    "upsample": Kind.INTERPOLATE,
    "interpolate": Kind.INTERPOLATE,
    "softmax": Kind.SOFTMAX,
    "embedding": Kind.EMBEDDING,
    "mul": Kind.MUL,
    "add": Kind.ADD,
}
"""The functions without products; one that is in neither table is of kind ``OTHER``."""
