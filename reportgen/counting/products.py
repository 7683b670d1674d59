"""The products of operations as PyTorch dispatches them, whatever name they were called by.

One flat table, ``FORMULAS``, has a formula for each operation that multiplies and accumulates. A
formula takes what the operation returned and its arguments, by the names in PyTorch's schema; one
formula serves all overloads, the in-place form and the form with ``out``.

A product of complex numbers counts once here; what ran says how many there were.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import flop_registry

from reportgen.counting import formulas
from reportgen.counting.formulas import Work
from reportgen.record.ledger import Kind

Formula: TypeAlias = Callable[..., Work]
Formulas: TypeAlias = Mapping[str, Callable[..., int]]
"""Formulas of users: an operation's arguments, and as ``out`` what it returned → its MACs."""

_SPARSE = frozenset(
    {torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc}
)


def is_sparse(value: Any) -> bool:
    """Whether a value is a tensor that stores only some of its elements."""
    return isinstance(value, Tensor) and value.layout in _SPARSE


def _work(macs: int, kind: Kind = Kind.PRODUCTS, biases: int = 0) -> Work:
    return Work(kind, int(macs), 2 * int(macs), biases)


# ------------------------------------------------------------------------------------------------
# Matrices
# ------------------------------------------------------------------------------------------------


def _matrices(
    first: str, second: str, kind: Kind = Kind.PRODUCTS, *, added: bool = False
) -> Formula:
    """out[..., n, p] = sum over m of first[..., n, m] * second[..., m, p].

    Args:
        first, second: names of the factors.
        kind: of the operation.
        added: whether another matrix is added to the result.
    """

    def formula(out: Tensor, **given: Any) -> Work:
        macs = _of_matrices(given[first], given[second])
        return _work(macs, kind, out.numel() if added else 0)

    return formula


def _of_matrices(first: Tensor, second: Tensor) -> int:
    """Each element of the first, if it is stored, meets a row of the second."""
    if is_sparse(first) and is_sparse(second):
        columns, rows = (_coordinates(t)[axis] for t, axis in ((first, 1), (second, 0)))
        length = first.shape[1]
        meetings = columns.bincount(minlength=length) * rows.bincount(minlength=length)
        return int(meetings.sum())
    if is_sparse(second):
        return _stored(second) * first.shape[-2]
    return _stored(first) * second.shape[-1]


def _stored(tensor: Tensor) -> int:
    if tensor.layout is torch.sparse_coo:
        return int(tensor._values().numel())
    return int(tensor.values().numel() if is_sparse(tensor) else tensor.numel())


def _coordinates(matrix: Any) -> Any:
    return matrix.to_sparse_coo().coalesce().indices()


def _rows_by(weight: str = "weight", rows: str = "input", kind: Kind = Kind.PRODUCTS) -> Formula:
    """Let every row of the input meet every stored element of a weight of any layout."""

    def formula(out: Tensor, *, bias: Any = None, **given: Any) -> Work:
        count = given[rows].numel() // given[rows].shape[-1]
        biases = out.numel() if bias is not None else 0
        return _work(count * _stored(given[weight]), kind, biases)

    return formula


def _sums_over(name: str, axis: int = -1, *, half: bool = False) -> Formula:
    """Each output sums over one axis of an operand, or over half of it where 2 of 4 are zero."""

    def formula(out: Tensor, **given: Any) -> Work:
        return _work(out.numel() * given[name].shape[axis] // (2 if half else 1))

    return formula


def _matrix_by_vector(name: str, *, added: bool = False) -> Formula:
    """out[m] = sum over k of matrix[m, k] * vector[k]."""

    def formula(out: Tensor, **given: Any) -> Work:
        return _work(_stored(given[name]), Kind.MATMUL, out.numel() if added else 0)

    return formula


def _vectors(out: Tensor, *, self: Tensor, **_: Any) -> Work:
    return _work(self.numel(), Kind.MATMUL)


def _outer(out: Tensor, *, vec1: Tensor, vec2: Tensor, **_: Any) -> Work:
    """out[n, m] = self[n, m] + vec1[n] * vec2[m]."""
    return _work(vec1.numel() * vec2.numel(), biases=out.numel())


def _grouped(out: Tensor, *, self: Tensor, mat2: Tensor, **_: Any) -> Work:
    """Sum over k, with n rows and p columns of the whole: one of n, p and k is split into groups.

    self is (n, k) or (groups, n, k), mat2 (k, p) or (groups, k, p).
    """
    split_columns = self.dim() == 3 and mat2.dim() == 2
    return _work(
        out.numel() * self.shape[-1] if split_columns else self.numel() * mat2.shape[-1],
    )


def _many_matrices(out: Any, *, self: Sequence[Tensor], mat2: Sequence[Tensor], **_: Any) -> Work:
    return _work(sum(map(_of_matrices, self, mat2)))


def _sampled(out: Tensor, *, self: Tensor, mat1: Tensor, **_: Any) -> Work:
    """Only where self stores an element, a row of mat1 meets a column of mat2."""
    return _work(_stored(self) * mat1.shape[-1])


def _four_bits(out: Tensor, *, inp: Tensor, in_features: int, out_features: int, **_: Any) -> Work:
    return _work(inp.numel() * out_features)


def _packed_linear(out: Tensor, *, X: Tensor, **_: Any) -> Work:  # noqa: N803 - PyTorch's name
    return _work(out.numel() * X.shape[-1], Kind.LINEAR)


def _trilinear(
    out: Tensor,
    *,
    i1: Tensor,
    i2: Tensor,
    i3: Tensor,
    expand1: Sequence[int],
    expand2: Sequence[int],
    expand3: Sequence[int],
    sumdim: Sequence[int],
    **_: Any,
) -> Work:
    """Contract the first two, then their result with the third, as ``einsum`` does.

    In ``nn.Bilinear`` these are x (r, i), weight (o, i, j) and y (r, j): r·o·i·j products for x
    and weight, then r·o·j.
    """
    first, second, third = map(_expanded, (i1, i2, i3), (expand1, expand2, expand3))
    pair = [max(sizes) for sizes in zip(first, second, strict=True)]
    early = set(sumdim) & set(expand3)
    left = [1 if axis in early else size for axis, size in enumerate(pair)]
    whole = [max(sizes) for sizes in zip(left, third, strict=True)]
    return _work(
        (math.prod(pair) if early else 0) + (math.prod(whole) if set(sumdim) - early else 0)
    )


def _expanded(tensor: Tensor, axes: Sequence[int]) -> list[int]:
    sizes = list(tensor.shape)
    for axis in sorted(axes):
        sizes.insert(axis, 1)
    return sizes


def _distances(out: Tensor, *, x1: Tensor, p: float = 2.0, **_: Any) -> Work:
    """A Euclidean distance is one square for each coordinate; other distances make no products."""
    return _work(out.numel() * x1.shape[-1] if p == 2 else 0)


def _distances_within(out: Tensor, *, self: Tensor, p: float = 2.0, **_: Any) -> Work:
    return _distances(out, x1=self, p=p)


def _combination(out: Tensor, *, coefficients: Tensor, **_: Any) -> Work:
    """out[m, ...] = sum over n of coefficients[m, n] * input[n, ...]."""
    return _work(out.numel() * coefficients.shape[1])


def _bag(
    out: Any,
    *,
    weight: Tensor,
    indices: Tensor,
    per_sample_weights: Tensor | None = None,
    **_: Any,
) -> Work:
    """Sum rows of the weight, which makes products only where each row has a weight of its own."""
    weighted = indices.numel() * weight.shape[1] if per_sample_weights is not None else 0
    return _work(weighted)


def _affine_grid(out: Tensor, *, theta: Tensor, **_: Any) -> Work:
    """out[..., i] = sum over k of place[k] * theta[i, k]: a place has three numbers, or four."""
    return _work(out.numel() * theta.shape[-1], Kind.MATMUL)


# ------------------------------------------------------------------------------------------------
# Convolutions, attention, recurrent layers
# ------------------------------------------------------------------------------------------------


def _convolution(input: str = "self", *, transposed: bool = False) -> Formula:
    """A convolution of one kind; ``input`` is the name of what it is applied to."""
    functional = formulas.FORMULAS["conv_transpose2d" if transposed else "conv2d"]

    def formula(out: Tensor, *, weight: Tensor, bias: Any = None, **given: Any) -> Work:
        return functional(out, given[input], weight, bias)

    return formula


def _any_convolution(out: Tensor, *, transposed: bool = False, **given: Any) -> Work:
    return _convolution("input", transposed=transposed)(out, **given)


def _deformable(out: Tensor, *, input: Tensor, weight: Tensor, bias: Tensor, **_: Any) -> Work:
    """As a convolution; sampling the input at its offsets is interpolation.

    torchvision adds zeros where there is no bias, which is a parameter otherwise.
    """
    own = bias if isinstance(bias, nn.Parameter) else None
    return formulas.FORMULAS["conv2d"](out, input, weight, own)


def _over_time(out: Tensor, *, weight: Tensor, **_: Any) -> Work:
    """weight is (kernel, C_in, C_out), and an output sums over the first two."""
    return _work(out.numel() * math.prod(weight.shape[:2]), Kind.CONVOLUTION, out.numel())


def _packed_convolution(out: Tensor, *, packed_weight: Any, **_: Any) -> Work:
    weight = packed_weight.unpack()[0]
    return _work(out.numel() * math.prod(weight.shape[1:]), Kind.CONVOLUTION)


def _attention(out: Any, *, query: Tensor, key: Tensor, value: Tensor, **_: Any) -> Work:
    """query (..., L, E), key (..., S, E), value (..., S, V): E + V products for each pair."""
    pairs = math.prod(query.shape[:-1]) * key.shape[-2]
    return _work(pairs * (query.shape[-1] + value.shape[-1]), Kind.ATTENTION)


def _attention_of_rows(
    out: Any, *, query: Tensor, key: Tensor, value: Tensor, cum_seq_q: Any = None, **_: Any
) -> Work:
    """query (batch, L, heads, E), key and value alike; sequences that are packed are unknown."""
    if cum_seq_q is not None:
        raise ValueError("lengths of packed sequences are values")
    query, key, value = (tensor.transpose(1, 2) for tensor in (query, key, value))
    return _attention(out, query=query, key=key, value=value)


def _multi_head_attention(
    out: Any, *, query: Tensor, key: Tensor, value: Tensor, embed_dim: int, **_: Any
) -> Work:
    """Project query, key and value, attend, and project the result: (batch, tokens, E) each."""
    projected = 2 * query.numel() + key.numel() + value.numel()
    macs = projected * embed_dim + 2 * query.numel() * key.shape[1]
    return _work(macs, Kind.ATTENTION)


def _encoder_layer(
    out: Any, *, src: Tensor, embed_dim: int, ffn_weight_1: Tensor, **_: Any
) -> Work:
    """Multi-head attention of a sequence with itself, then two linear layers of one width."""
    attention = _multi_head_attention(out, query=src, key=src, value=src, embed_dim=embed_dim)
    return _work(attention.macs + 2 * src.numel() * ffn_weight_1.shape[0], Kind.ATTENTION)


def _recurrent(*names: str) -> Formula:
    """Every row of the input passes through every matrix; the names are of lists or of tensors."""

    def formula(out: Any, *, input: Tensor, **given: Any) -> Work:
        weights = [w for name in names for w in _list(given[name])]
        return formulas.FORMULAS["lstm_cell"](out, input, None, *weights)

    return formula


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else [value]


# ------------------------------------------------------------------------------------------------
# Linear systems, as textbooks solve them
# ------------------------------------------------------------------------------------------------


def _factorized(n: int) -> int:
    """Gaussian elimination: (n-k)² products for the k-th column."""
    return n * (n - 1) * (2 * n - 1) // 6


def _solution(matrix: str, substitutions: int, *, eliminates: bool = False) -> Formula:
    """Solve with a matrix (..., n, n), whose i-th unknown sums over the i - 1 before it.

    Args:
        matrix: its name.
        substitutions: how often each column of the result is substituted.
        eliminates: whether the matrix is factorized first.
    """

    def formula(out: Any, **given: Any) -> Work:
        n = given[matrix].shape[-1]
        systems = math.prod(given[matrix].shape[:-2])
        columns = _first(out).numel() // n if substitutions else 0
        return _work(
            systems * _factorized(n) * eliminates + columns * substitutions * n * (n - 1) // 2
        )

    return formula


def _first(out: Any) -> Any:
    return out if isinstance(out, Tensor) else out[0]


def _inverse(out: Any, *, A: Tensor, **_: Any) -> Work:  # noqa: N803 - PyTorch's name
    """Eliminate, then substitute each column of the identity twice."""
    n = A.shape[-1]
    return _work(math.prod(A.shape[:-2]) * (_factorized(n) + n * n * (n - 1)))


def _cholesky(out: Any, *, self: Tensor, **_: Any) -> Work:
    """L[i, j] = (A[i, j] - sum over k < j of L[i, k] * L[j, k]) / L[j, j], for j <= i."""
    n = self.shape[-1]
    return _work(math.prod(self.shape[:-2]) * (n - 1) * n * (n + 1) // 6)


_MATMUL, _LINEAR = Kind.MATMUL, Kind.LINEAR
_ADDED = _matrices("mat1", "mat2", _MATMUL, added=True)
_INT4 = _sums_over("self")
_RECTANGULAR = _convolution()
_TRANSPOSED = _convolution(transposed=True)


def _aten(names: str, formula: Formula) -> dict[str, Formula]:
    return {f"aten.{name}": formula for name in names.split()}


FORMULAS: Mapping[str, Formula] = {
    "aten.mm": _matrices("self", "mat2", _MATMUL),
    "aten.bmm": _matrices("self", "mat2", _MATMUL),
    "aten.addmm": _ADDED,
    "aten.baddbmm": _matrices("batch1", "batch2", _MATMUL, added=True),
    "aten.addbmm": _matrices("batch1", "batch2", added=True),
    "aten._addmm_activation": _ADDED,
    "aten._int_mm": _matrices("self", "mat2"),
    "aten._scaled_mm": _matrices("self", "mat2"),
    "aten._scaled_mm_v2": _matrices("self", "mat2"),
    "aten._foreach_mm": _many_matrices,
    **_aten("_grouped_mm _scaled_grouped_mm _scaled_grouped_mm_v2", _grouped),
    **_aten(
        """
        _weight_int4pack_mm _weight_int4pack_mm_for_cpu
        _weight_int4pack_mm_with_scales_and_zeros _weight_int8pack_mm
        """,
        _INT4,
    ),
    "aten._dyn_quant_matmul_4bit": _four_bits,
    "aten._mixed_dtypes_linear": _sums_over("input"),
    "aten.linear": _rows_by(kind=_LINEAR),
    "aten.mkldnn_linear": _rows_by(rows="self", kind=_LINEAR),
    "aten.mv": _matrix_by_vector("self"),
    "aten.addmv": _matrix_by_vector("mat", added=True),
    "aten.dot": _vectors,
    "aten.vdot": _vectors,
    "aten.addr": _outer,
    "aten._trilinear": _trilinear,
    "aten._cdist_forward": _distances,
    "aten._euclidean_dist": _distances,
    "aten._pdist_forward": _distances_within,
    "aten._compute_linear_combination": _combination,
    "aten._embedding_bag": _bag,
    "aten._embedding_bag_forward_only": _bag,
    "aten.affine_grid_generator": _affine_grid,
    "aten.cudnn_affine_grid_generator": _affine_grid,
    # sparse
    **_aten("_sparse_addmm hspmm sspaddmm", _matrices("mat1", "mat2")),
    "aten._sparse_sparse_matmul": _matrices("self", "other"),
    "aten._sparse_mm_reduce_impl": _matrices("self", "other"),
    "aten.sparse_sampled_addmm": _sampled,
    "aten._sparse_semi_structured_mm": _matrices("mat1", "mat2"),
    "aten._sparse_semi_structured_addmm": _matrices("mat1", "mat2"),
    "aten._sparse_semi_structured_linear": _rows_by(),
    "aten._cslt_sparse_mm": _sums_over("dense_B", 0, half=True),
    # convolutions
    **_aten("convolution _convolution convolution_overrideable", _any_convolution),
    **_aten(
        """
        cudnn_convolution cudnn_convolution_relu cudnn_convolution_add_relu miopen_convolution
        miopen_convolution_relu miopen_convolution_add_relu miopen_depthwise_convolution
        mkldnn_convolution _mps_convolution _conv_depthwise2d conv_depthwise3d
        _slow_conv2d_forward slow_conv3d_forward slow_conv_dilated2d slow_conv_dilated3d
        """,
        _RECTANGULAR,
    ),
    "aten._nnpack_spatial_convolution": _convolution("input"),
    **_aten(
        """
        cudnn_convolution_transpose miopen_convolution_transpose _mps_convolution_transpose
        slow_conv_transpose2d slow_conv_transpose3d
        """,
        _TRANSPOSED,
    ),
    "aten.conv_tbc": _over_time,
    "torchvision.deform_conv2d": _deformable,
    # attention
    **_aten(
        """
        _scaled_dot_product_flash_attention _scaled_dot_product_flash_attention_for_cpu
        _scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention
        _scaled_dot_product_fused_attention_overrideable
        _scaled_dot_product_attention_math_for_mps
        """,
        _attention,
    ),
    "aten._flash_attention_forward_no_dropout_inplace": _attention_of_rows,
    "aten._triton_scaled_dot_attention": lambda out, *, q, k, v, **_: _attention(
        out, query=q, key=k, value=v
    ),
    "aten._native_multi_head_attention": _multi_head_attention,
    "aten._triton_multi_head_attention": _multi_head_attention,
    "aten._transformer_encoder_layer_fwd": _encoder_layer,
    # recurrent layers
    "aten._cudnn_rnn": _recurrent("weight"),
    "aten.miopen_rnn": _recurrent("weight"),
    "aten._lstm_mps": _recurrent("params"),
    "aten.mkldnn_rnn_layer": _recurrent("weight0", "weight1"),
    # linear systems
    "aten.linalg_solve_triangular": _solution("self", 1),
    "aten.triangular_solve": _solution("A", 1),
    "aten._linalg_solve_ex": _solution("A", 2, eliminates=True),
    "aten._cholesky_solve_helper": _solution("A", 2),
    "aten.cholesky_solve": _solution("input2", 2),
    "aten.linalg_lu_solve": _solution("LU", 2),
    "aten.linalg_ldl_solve": _solution("LD", 2),
    **_aten("_linalg_det _linalg_slogdet", _solution("A", 0, eliminates=True)),
    "aten.linalg_inv_ex": _inverse,
    "aten.linalg_cholesky_ex": _cholesky,
    # packed weights
    **dict.fromkeys(
        (
            "quantized.linear",
            "quantized.linear_relu",
            "quantized.linear_dynamic",
            "quantized.linear_relu_dynamic",
        ),
        _packed_linear,
    ),
    **dict.fromkeys(
        (f"quantized.conv{n}d{relu}" for n in (1, 2, 3) for relu in ("", "_relu")),
        _packed_convolution,
    ),
}
"""The operations that multiply and accumulate."""


@cache
def key_of(operation: Any) -> str:
    """Name an operation as the tables do: with its namespace, without its in-place underscore."""
    if not isinstance(operation, torch._ops.OpOverload):
        return ""  # a higher-order operator
    name = operation._overloadpacket.__name__
    return f"{operation.namespace}.{name if name.endswith('__') else name.removesuffix('_')}"


@cache
def _names(operation: Any) -> tuple[str, ...]:
    return tuple(argument.name for argument in operation._schema.arguments)


def has_formula(operation: Any) -> bool:
    """Whether an operation has a formula, here or in PyTorch."""
    packet = getattr(operation, "_overloadpacket", operation)
    return key_of(operation) in FORMULAS or packet in flop_registry


def work_of(
    operation: Any, out: Any, args: Sequence[Any], kwargs: Mapping[str, Any], seen: int | None
) -> Work | None:
    """Return the work of a call that has run; None if no formula can read it.

    Args:
        operation: what ran; ``out`` is what it returned.
        seen: FLOPs by PyTorch's own formula; None where it has none.
    """
    formula = FORMULAS.get(key_of(operation))
    if formula is None:
        kind = Kind.ATTENTION if "attention" in str(operation) else Kind.PRODUCTS
        return None if seen is None else _work(seen // 2, kind)
    given = {**dict(zip(_names(operation), args, strict=False)), **kwargs}
    given.pop("out", None)
    try:
        return formula(out, **given)
    except Exception:  # nested tensors have no shape, and packed weights no size
        return None


def by_user(
    formula: Callable[..., int], out: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Work | None:
    """Return the work of a call by a formula of the user's; None if that raises."""
    try:
        return _work(formula(*args, **kwargs, out=out))
    except Exception:  # of somebody's code
        return None
