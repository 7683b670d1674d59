"""Which of PyTorch's operations make products: the classes that a counted pass sorts them into.

Every operation that PyTorch dispatches is in one class (``Nature``). Rules from its schema and its
tags decide most, the formulas in ``products.FORMULAS`` and the tables below the others by name.
Whatever is in none is unknown, and what could multiply and is unknown makes a count *not verified*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import cache
from typing import Any

import torch
from torch import Tensor

from reportgen.counting.products import has_formula


class Nature(Enum):
    """What is known of an operation before it is called."""

    COMPOSITE = "is made of other operations, which are seen instead"
    NO_PRODUCTS = "moves data, or works on single elements, or reduces"
    NOBODY = "is counted by nobody: tools do not agree on its cost"
    PRODUCTS = "multiplies and accumulates"
    UNKNOWN = "is in no table here"
    OPAQUE = "is somebody's own, or runs a program of its own"


_BUILT_IN = frozenset(
    """
    aten prims torchvision image quantized _quantized quantization onednn mkldnn mkldnn_prepacked
    prepacked mkl xnnpack sparse static_runtime profiler streams rngprims debugprims c10d
    c10d_functional _c10d_functional _c10d_functional_autograd _dtensor
    """.split()  # noqa: SIM905 - a list is no easier to read
)

MOVES_DATA = frozenset(
    """
    arange bernoulli bernoulli_ cat clone constant_pad_nd copy copy_ diag_embed embedding empty
    empty_like empty_permuted empty_strided exponential_ eye fill fill_ flip full full_like gather
    im2col index index_put index_put_ index_select lift_fresh lift_fresh_copy linspace masked_fill
    masked_fill_ native_channel_shuffle new_empty new_empty_strided new_full new_ones new_zeros
    normal_ ones ones_like pixel_shuffle pixel_unshuffle rand rand_like randn randn_like
    reflection_pad1d reflection_pad2d reflection_pad3d repeat replication_pad1d replication_pad2d
    replication_pad3d resize_ roll rot90 scalar_tensor scatter scatter_ select_scatter set_
    slice_scatter stack tril triu uniform_ unfold_copy where zero zero_ zeros zeros_like
    _reshape_alias _to_copy _unsafe_view _unsafe_index
    """.split()  # noqa: SIM905
)
"""Makes tensors, or copies elements from place to place, and computes nothing with them."""

# By name, without the underscore of the in-place form; of torchvision and quantized ones, too.
NO_PRODUCTS = frozenset(
    """
    _amp_foreach_non_finite_check_and_unscale _amp_update_scale _chunk_cat _copy_from
    _copy_from_and_resize _convert_indices_from_csr_to_coo _functional_assert_async
    _index_put_impl _jagged_to_padded_dense_forward _padded_dense_to_jagged_forward
    _nested_from_padded _nested_from_padded_and_nested_example _nested_from_padded_tensor
    _nested_tensor_from_mask _nested_tensor_from_mask_left_aligned
    _nested_tensor_from_tensor_list _new_zeros_with_same_feature_meta _pack_padded_sequence
    _sparse_coo_tensor_with_dims_and_tensors _sparse_mask_projection _spdiags _stack
    _unsafe_index_put _unsafe_masked_index _unsafe_masked_index_put_accumulate
    _validate_compressed_sparse_indices _cudnn_rnn_flatten_weight as_strided_scatter block_diag
    copy_sparse_to_sparse copy_to diagonal_scatter embedding_renorm index_add index_copy
    index_fill index_reduce lu_unpack masked_scatter masked_select max_unpool2d max_unpool3d put
    resize_as resize_as_sparse scatter_add scatter_reduce shallow_copy_data
    sparse_compressed_tensor sparse_mask take _sink_tokens _sparse_semi_structured_apply
    _sparse_semi_structured_apply_dense _dyn_quant_pack_4bit_weight

    __ilshift__ __irshift__ __lshift__ __rshift__ _add_relu _masked_scale _prelu_kernel
    _thnn_fused_gru_cell _thnn_fused_lstm_cell _transform_bias_rescale_qkv _standard_gamma_grad
    _dirichlet_grad add add_relu add_scalar add_out add_relu_out atan2 bitwise_and bitwise_or
    bitwise_xor complex copysign dequantize div eq floor_divide fmod gcd ge glu_jvp
    glu_backward_jvp gt heaviside lcm le linalg_cross logspace lt mul mul_out mul_relu
    mul_relu_out ne polar pow remainder rrelu_with_noise rrelu_with_noise_functional rsub
    shift_left shift_right_arithmetic sub zeta

    _batch_norm_no_update _batch_norm_with_update _batch_norm_with_update_functional
    _fused_rms_norm _native_batch_norm_legit _native_batch_norm_legit_functional
    _native_batch_norm_legit_no_training batch_norm_elemt batch_norm_gather_stats
    batch_norm_gather_stats_with_counts batch_norm_update_stats batch_norm batch_norm1d
    batch_norm2d batch_norm3d batch_norm_relu batch_norm1d_relu batch_norm2d_relu
    batch_norm3d_relu cudnn_batch_norm group_norm instance_norm layer_norm miopen_batch_norm
    native_batch_norm native_group_norm native_layer_norm quantized_batch_norm
    _weight_norm_interface

    _ctc_loss _cudnn_ctc_loss _use_cudnn_ctc_loss _use_miopen_ctc_loss miopen_ctc_loss
    binary_cross_entropy binary_cross_entropy_with_logits dist huber_loss mse_loss
    multi_margin_loss multilabel_margin_loss_forward nll_loss2d_forward nll_loss_forward
    smooth_l1_loss soft_margin_loss

    _cummax_helper _cummin_helper _masked_softmax _nested_tensor_softmax_with_shape
    _has_same_storage_numel _histogramdd_bin_edges _histogramdd_from_bin_cts
    _histogramdd_from_bin_tensors allclose bincount histogram is_same_size is_set_to
    isin segment_reduce

    _grid_sampler_2d_cpu_fallback cudnn_grid_sampler fractional_max_pool2d fractional_max_pool3d
    grid_sampler_2d grid_sampler_3d box_iou_rotated nms ps_roi_align ps_roi_pool qnms qroi_align
    roi_align roi_pool

    _empty_per_channel_affine_quantized _fake_quantize_learnable_per_channel_affine
    _fake_quantize_learnable_per_tensor_affine
    _fake_quantize_per_tensor_affine_cachemask_tensor_qparams _fused_moving_avg_obs_fq_helper
    _fused_moving_avg_obs_fq_helper_functional _make_per_channel_quantized_tensor
    fake_quantize_per_channel_affine_cachemask quantize_per_channel quantize_per_tensor

    _fused_adagrad _fused_adam _fused_adamw _fused_sgd _philox_key_fold_in _philox_normal
    _philox_uniform _test_functorch_fallback binomial randint_like
    """.split()  # noqa: SIM905
)
"""Moves and makes data; single elements; norms; losses; reductions, comparisons and searches;
sampling of images at given places; quantising; optimisers and random numbers."""

UNREADABLE = frozenset(
    """
    quantized_gru quantized_lstm linalg_lstsq linalg_pinv linalg_householder_product ormqr _spsolve
    _cslt_sparse_mm_search convolution_backward_overrideable linear_backward matmul_backward
    mkldnn_linear_backward mkldnn_linear_backward_input mkldnn_linear_backward_weights
    mkldnn_rnn_layer_backward miopen_rnn_backward _cudnn_rnn_backward lstm_mps_backward
    _slow_conv2d_backward mps_convolution_backward mps_convolution_transpose_backward
    _cdist_backward _cudnn_attention_forward _cudnn_attention_backward _deform_conv2d_backward
    _sparse_mm_reduce_impl_backward _scaled_dot_product_flash_attention_for_cpu_backward
    _scaled_dot_product_fused_attention_overrideable_backward
    """.split()  # noqa: SIM905
)
"""Makes products, and has no formula: its weights are packed, its algorithm is chosen as it runs,
or it belongs to a backward pass. It makes a count *not verified*."""

NOBODY = frozenset(
    """
    _fft_c2c _fft_c2r _fft_r2c sort topk kthvalue median nanmedian mode _unique _unique2
    unique_consecutive unique_dim unique_dim_consecutive searchsorted bucketize histc _linalg_eigh
    _linalg_eigvals _linalg_svd linalg_eig linalg_eigvals linalg_qr geqrf linalg_lu
    linalg_lu_factor_ex linalg_ldl_factor_ex linalg_matrix_exp linalg_matrix_sqrth linalg_polar
    cholesky_inverse logcumsumexp _logcumsumexp
    """.split()  # noqa: SIM905
)
"""Has a cost that depends on an algorithm, on which tools do not agree: nobody counts it, and a
note on the count says that it ran."""


@cache
def nature(operation: Any) -> Nature:
    """Return the class of an operation, an ``OpOverload`` or a higher-order operator."""
    if not isinstance(operation, torch._ops.OpOverload):
        return Nature.OPAQUE
    if is_composite(operation):
        return Nature.COMPOSITE
    if not _gives_tensors(operation) or _works_on_elements(operation):
        return Nature.NO_PRODUCTS
    if operation.namespace not in _BUILT_IN:
        return Nature.OPAQUE
    if has_formula(operation):
        return Nature.PRODUCTS
    if not _operands_of(operation):
        return Nature.NO_PRODUCTS
    name = _plain(operation._overloadpacket.__name__)
    if name in UNREADABLE:
        return Nature.PRODUCTS
    if name in NOBODY:
        return Nature.NOBODY
    if name in NO_PRODUCTS or name in _MOVED or "_backward" in name or name.startswith("_foreach_"):
        return Nature.NO_PRODUCTS
    return Nature.UNKNOWN if _operands_of(operation) > 1 else Nature.NO_PRODUCTS


def hides_products(operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a call of an operation without a formula may have made products.

    Those of PyTorch's own need two tensors of numbers that are multiplied, which indices, masks and
    sizes are not.
    """
    kind = nature(operation)
    if kind is Nature.OPAQUE:
        return True
    if kind in (Nature.NO_PRODUCTS, Nature.NOBODY):
        return False
    given = (*args, *(value for name, value in kwargs.items() if name not in _outputs(operation)))
    integers = _INTEGERS if _multiplies_integers(operation) else _SMALL_INTEGERS
    return sum(_may_be_factor(value, integers) for value in _flat(given)) > 1


def is_taken_apart(operation: Any, args: Iterable[Any]) -> bool:
    """Whether a call is to be made of others, which are then seen: not with nested tensors.

    For those PyTorch has kernels of the whole.
    """
    return is_composite(operation) and not any(
        isinstance(value, Tensor) and value.is_nested for value in args
    )


@cache
def is_composite(operation: Any) -> bool:
    """Whether an operation is made of others, which are then counted instead."""
    if not isinstance(operation, torch._ops.OpOverload):
        return False  # a higher-order operator
    composite = torch._C.DispatchKey.CompositeImplicitAutograd
    name = str(operation._schema.name), str(operation._schema.overload_name)
    try:
        return composite in operation.py_kernels or torch._C._dispatch_has_kernel_for_dispatch_key(
            ".".join(filter(None, name)), composite
        )
    except RuntimeError:  # operations of TorchScript, as `sym_size`, are not in the dispatcher
        return False


@cache
def moves_data(packet: Any) -> bool:
    """Whether an operation, by any of its overloads, only makes or moves data."""
    if packet.__name__ in MOVES_DATA:
        return True
    if not isinstance(packet, torch._ops.OpOverloadPacket):
        return False  # a higher-order operator
    overloads = packet.overloads()  # type: ignore[no-untyped-call]
    return any(getattr(packet, overload).is_view for overload in overloads)


@cache
def name_of(packet: Any) -> str:
    """Return the name of an operation with its namespace: ``"torchvision.deform_conv2d"``."""
    namespace = getattr(packet, "_qualified_op_name", "").partition("::")[0]
    return f"{namespace}.{packet.__name__}" if namespace else str(packet.__name__)


def _gives_tensors(operation: Any) -> bool:
    """Whether an operation returns a tensor, or writes to one."""
    schema = operation._schema
    return schema.is_mutable or any("Tensor" in str(r.type) for r in schema.returns)


def _plain(name: str) -> str:
    """Return the name of an operation without the underscore of its in-place form."""
    return name if name.endswith("__") else name.removesuffix("_")


_MOVED = frozenset(map(_plain, MOVES_DATA))


def _works_on_elements(operation: Any) -> bool:
    tags = operation.tags
    return (
        torch.Tag.pointwise in tags
        or torch.Tag.inplace_view in tags
        or torch.Tag.view_copy in tags
        or operation.is_view
    )


def _operands_of(operation: Any) -> int:
    """Count the tensors that an operation reads by its schema; a list of them counts as two."""
    outputs = _outputs(operation)
    kinds = (str(a.type) for a in operation._schema.arguments if a.name not in outputs)
    return sum(
        (2 if kind.startswith("List") else 1)
        for kind in kinds
        if "Tensor" in kind or "torch." in kind
    )


@cache
def _outputs(operation: Any) -> frozenset[str]:
    """Return the names of the arguments that an operation only writes to."""
    arguments = operation._schema.arguments
    return frozenset(
        a.name for a in arguments if a.kwarg_only and a.alias_info and a.alias_info.is_write
    )


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _flat(value)
        else:
            yield value


@cache
def _multiplies_integers(operation: Any) -> bool:
    """Whether integers among the operands are factors: an embedding bag's are indices."""
    name = operation._overloadpacket.__name__
    return nature(operation) is Nature.PRODUCTS and "embedding_bag" not in name


def _may_be_factor(value: Any, integers: frozenset[torch.dtype]) -> bool:
    if isinstance(value, Tensor):
        kind = value.dtype
        return kind.is_floating_point or kind.is_complex or kind in integers
    return isinstance(value, torch.ScriptObject)  # packed weights


_SMALL_INTEGERS = frozenset(
    {torch.int8, torch.uint8, torch.qint8, torch.quint8, torch.qint32, torch.quint4x2}
)
_INTEGERS = _SMALL_INTEGERS | {torch.int16, torch.int32, torch.int64}
