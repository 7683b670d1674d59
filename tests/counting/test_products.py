"""Every operation with products, each with an integer derived by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision  # noqa: F401 - registers its operations
from torch import Tensor, nn
from torch.utils.flop_counter import flop_registry

from reportgen.counting import Count, count
from reportgen.counting.products import FORMULAS, work_of
from reportgen.record.ledger import Kind

aten = torch.ops.aten


def t(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def coo(*places: tuple[int, int], size: tuple[int, int]) -> Tensor:
    return torch.sparse_coo_tensor(
        torch.tensor(places).T, torch.ones(len(places)), size, check_invariants=True
    )


SPARSE = coo((0, 0), (0, 2), (3, 2), size=(4, 3))  # 3 of 12 elements
OTHER = coo((0, 1), (2, 0), (2, 4), size=(3, 5))
ONE, ZERO, HALF = [1, 1], [0, 0], torch.half
IMAGE, KERNEL = t(2, 3, 6, 6), t(8, 3, 3, 3)
MAPS = t(2, 8, 4, 4)  # what a 3 × 3 kernel makes of the image
CONV = 2 * 8 * 4 * 4 * 3 * 9
VOLUME, CUBE, VOLUMES = t(1, 2, 4, 4, 4), t(3, 2, 3, 3, 3), t(1, 3, 2, 2, 2)
CONV3D = 3 * 8 * 2 * 27
DEPTH, DEPTHS = t(8, 1, 3, 3), t(2, 8, 2, 2)
TALL, WIDE = t(2, 3, 6, 6), t(2, 8, 8, 8)
BACK, BACKS = t(3, 8, 3, 3), 2 * 3 * 6 * 6 * 8 * 9  # every input meets 8 · 9 weights
Q, K, V = t(2, 3, 5, 8), t(2, 3, 7, 8), t(2, 3, 7, 4)
PAIRS = 2 * 3 * 5 * 7 * (8 + 4)
TOKENS, QKV, QKV_BIAS, PROJ = t(2, 5, 8), t(24, 8), t(24), t(8, 8)
SELF = 2 * 5 * 8 * (24 + 8) + 2 * 2 * 5 * 5 * 8  # three projections and one, then both products
FFN = t(16, 8), t(16), t(8, 16), t(8)
STEPS, MATRICES = t(7, 2, 3), [t(16, 3), t(16, 4), t(16), t(16)]
LSTM = 7 * 2 * 16 * (3 + 4)
SQUARE, RIGHT = t(2, 5, 5), t(2, 5, 3)
ELIMINATED = 2 * (16 + 9 + 4 + 1)  # of 2 matrices, the rest of 4², 3², 2² and 1²
ONCE = 2 * 3 * (1 + 2 + 3 + 4)  # of 2 · 3 columns, each unknown sums over those before it
INT8, LONG = torch.int8, torch.long


# name: what it returns, what it takes, its products
CALLS: dict[str, tuple[Any, tuple[Any, ...], int]] = {
    "mm": (t(4, 5), (t(4, 3), t(3, 5)), 4 * 3 * 5),
    "bmm": (t(2, 4, 5), (t(2, 4, 3), t(2, 3, 5)), 2 * 60),
    "addmm": (t(4, 5), (t(5), t(4, 3), t(3, 5)), 60),
    "baddbmm": (t(2, 4, 5), (t(5), t(2, 4, 3), t(2, 3, 5)), 2 * 60),
    "addbmm": (t(4, 5), (t(4, 5), t(2, 4, 3), t(2, 3, 5)), 2 * 60),
    "_addmm_activation": (t(4, 5), (t(5), t(4, 3), t(3, 5)), 60),
    "_int_mm": (t(4, 5), (t(4, 3, dtype=INT8), t(3, 5, dtype=INT8)), 60),
    "_scaled_mm": (t(4, 5), (t(4, 3), t(3, 5), t(1), t(1)), 60),
    "_scaled_mm_v2": (t(4, 5), (t(4, 3), t(3, 5), [t(1)]), 60),
    "_foreach_mm": ([], ([t(4, 3), t(1, 2)], [t(3, 5), t(2, 7)]), 60 + 14),
    "_grouped_mm": (t(4, 5), (t(4, 3), t(2, 3, 5)), 60),  # 4 rows among 2 groups
    "_scaled_grouped_mm": (t(2, 4, 5), (t(4, 6), t(6, 5)), 4 * 6 * 5),  # 6 summed among 2
    "_scaled_grouped_mm_v2": (t(4, 5), (t(2, 4, 3), t(3, 5)), 60),  # 5 columns among 2
    "_weight_int4pack_mm": (t(4, 5), (t(4, 32), t(1, 1, 8, 4, dtype=INT8)), 4 * 32 * 5),
    "_weight_int4pack_mm_for_cpu": (t(4, 5), (t(4, 32), t(5, 16, dtype=INT8)), 4 * 32 * 5),
    "_weight_int4pack_mm_with_scales_and_zeros": (t(4, 5), (t(4, 32), t(5, 4)), 4 * 32 * 5),
    "_weight_int8pack_mm": (t(4, 5), (t(4, 3), t(5, 3, dtype=INT8), t(5)), 60),
    "_dyn_quant_matmul_4bit": (t(4, 5), (t(4, 32), t(90), 32, 32, 5), 4 * 32 * 5),
    "_mixed_dtypes_linear": (t(4, 5), (t(4, 32), t(5, 16), t(5)), 4 * 32 * 5),
    "linear": (t(2, 4, 5), (t(2, 4, 3), t(5, 3), t(5)), 2 * 60),
    "mkldnn_linear": (t(2, 4, 5), (t(2, 4, 3), t(5, 3), t(5)), 2 * 60),
    "mv": (t(4), (t(4, 3), t(3)), 12),
    "addmv": (t(4), (t(4), t(4, 3), t(3)), 12),
    "dot": (t(), (t(5), t(5)), 5),
    "vdot": (t(), (t(5), t(5)), 5),
    "addr": (t(4, 3), (t(4, 3), t(4), t(3)), 12),
    # nn.Bilinear(4, 6, 3) on 2 rows: 2·3·4·6 for the first factor and the weight, then 2·3·6.
    "_trilinear": (
        t(2, 3),
        (t(2, 4), t(3, 4, 6), t(2, 6), [1, 3], [0], [1, 2], [2, 3]),
        144 + 36,
    ),
    "_cdist_forward": (t(2, 4, 5), (t(2, 4, 3), t(2, 5, 3), 2.0, None), 2 * 60),
    "_euclidean_dist": (t(4, 5), (t(4, 3), t(5, 3)), 60),
    "_pdist_forward": (t(6), (t(4, 3), 2.0), 6 * 3),
    "_compute_linear_combination": (t(4, 7), (t(3, 7), t(4, 3)), 4 * 3 * 7),
    "_embedding_bag": (
        (t(2, 8),),
        (t(9, 8), t(6, dtype=LONG), t(2, dtype=LONG), False, 0, False, t(6)),
        6 * 8,
    ),
    "_embedding_bag_forward_only": (
        (t(2, 8),),
        (t(9, 8), t(6, dtype=LONG), t(2, dtype=LONG), False, 0, False, None),
        0,
    ),
    "affine_grid_generator": (t(1, 4, 5, 2), (t(1, 2, 3), [1, 1, 4, 5], False), 20 * 2 * 3),
    "cudnn_affine_grid_generator": (t(1, 4, 5, 2), (t(1, 2, 3), 1, 1, 4, 5), 20 * 2 * 3),
    # Three stored elements meet 5 columns.
    "_sparse_addmm": (t(4, 5), (t(4, 5), SPARSE, torch.ones(3, 5)), 3 * 5),
    "hspmm": (t(4, 5), (SPARSE, torch.ones(3, 5)), 15),
    "sspaddmm": (t(4, 5), (SPARSE, SPARSE, torch.ones(3, 5)), 15),
    # (0, 0) meets row 0, which stores 1 element; (0, 2) and (3, 2) meet row 2, which stores 2.
    "_sparse_sparse_matmul": (t(4, 5), (SPARSE, OTHER), 1 + 2 + 2),
    "_sparse_mm_reduce_impl": ((t(4, 5), None), (SPARSE, torch.ones(3, 5), "sum"), 15),
    "sparse_sampled_addmm": (SPARSE, (SPARSE, torch.ones(4, 7), torch.ones(7, 3)), 3 * 7),
    # Half of 8 columns is stored.
    "_sparse_semi_structured_mm": (t(4, 5), (t(4, 4), t(9), t(8, 5)), 4 * 4 * 5),
    "_sparse_semi_structured_addmm": (t(4, 5), (t(4), t(4, 4), t(9), t(8, 5)), 4 * 4 * 5),
    "_sparse_semi_structured_linear": (t(6, 4), (t(6, 8), t(4, 4), t(9)), 6 * 4 * 4),
    "_cslt_sparse_mm": (t(4, 5), (t(40), t(8, 5)), 4 * 5 * 4),
    **dict.fromkeys(
        ("convolution", "_convolution", "convolution_overrideable"),
        (MAPS, (IMAGE, KERNEL, None, ONE, ZERO, ONE, False, ZERO, 1), CONV),
    ),
    "cudnn_convolution": (MAPS, (IMAGE, KERNEL), CONV),
    "cudnn_convolution_relu": (MAPS, (IMAGE, KERNEL, None), CONV),
    "cudnn_convolution_add_relu": (MAPS, (IMAGE, KERNEL, MAPS, 1, None), CONV),
    "miopen_convolution": (MAPS, (IMAGE, KERNEL, None), CONV),
    "miopen_convolution_relu": (MAPS, (IMAGE, KERNEL, None), CONV),
    "miopen_convolution_add_relu": (MAPS, (IMAGE, KERNEL, MAPS, 1, None), CONV),
    "mkldnn_convolution": (MAPS, (IMAGE, KERNEL, None), CONV),
    "_mps_convolution": (MAPS, (IMAGE, KERNEL, None), CONV),
    "_slow_conv2d_forward": (MAPS, (IMAGE, KERNEL, [3, 3], None), CONV),
    "slow_conv_dilated2d": (MAPS, (IMAGE, KERNEL, [3, 3], None), CONV),
    "_nnpack_spatial_convolution": (MAPS, (IMAGE, KERNEL, None), CONV),
    "slow_conv3d_forward": (VOLUMES, (VOLUME, CUBE, [3, 3, 3], None), CONV3D),
    "slow_conv_dilated3d": (VOLUMES, (VOLUME, CUBE, [3, 3, 3], None), CONV3D),
    "conv_depthwise3d": (t(1, 2, 2, 2, 2), (VOLUME, t(2, 1, 3, 3, 3), [3] * 3, None), 2 * 8 * 27),
    "_conv_depthwise2d": (DEPTHS, (MAPS, DEPTH, [3, 3], None), 2 * 8 * 4 * 9),
    "miopen_depthwise_convolution": (DEPTHS, (MAPS, DEPTH, None), 2 * 8 * 4 * 9),
    "cudnn_convolution_transpose": (WIDE, (TALL, BACK), BACKS),
    "miopen_convolution_transpose": (WIDE, (TALL, BACK, None), BACKS),
    "_mps_convolution_transpose": (WIDE, (TALL, BACK), BACKS),
    "slow_conv_transpose2d": (WIDE, (TALL, BACK, [3, 3]), BACKS),
    "slow_conv_transpose3d": (t(1, 3, 6, 6, 6), (VOLUME, t(2, 3, 3, 3, 3)), 2 * 64 * 3 * 27),
    "conv_tbc": (t(5, 2, 8), (t(7, 2, 4), t(3, 4, 8), t(8)), 5 * 2 * 8 * 3 * 4),
    "torchvision.deform_conv2d": (MAPS, (IMAGE, KERNEL, t(2, 18, 4, 4), t(0), t(8)), CONV),
    **{
        name: ((t(2, 3, 5, 4),), (Q, K, V), PAIRS)
        for name in (
            "_scaled_dot_product_flash_attention",
            "_scaled_dot_product_flash_attention_for_cpu",
            "_scaled_dot_product_efficient_attention",
            "_scaled_dot_product_cudnn_attention",
            "_scaled_dot_product_fused_attention_overrideable",
            "_scaled_dot_product_attention_math_for_mps",
        )
    },
    "_triton_scaled_dot_attention": (t(2, 3, 5, 4), (Q, K, V), PAIRS),
    "_flash_attention_forward_no_dropout_inplace": (
        (t(1),),
        (t(2, 5, 3, 4), t(2, 5, 3, 8), t(2, 7, 3, 8), t(2, 7, 3, 4), None, None, 5, 7),
        PAIRS,
    ),
    **{
        name: ((TOKENS,), (TOKENS, TOKENS, TOKENS, 8, 2, QKV, QKV_BIAS, PROJ, t(8)), SELF)
        for name in ("_native_multi_head_attention", "_triton_multi_head_attention")
    },
    "_transformer_encoder_layer_fwd": (
        TOKENS,
        (TOKENS, 8, 2, QKV, QKV_BIAS, PROJ, t(8), False, False, 1e-5, *[t(8)] * 4, *FFN),
        SELF + 2 * 5 * 8 * 16 * 2,
    ),
    "_cudnn_rnn": ((t(7, 2, 4),), (STEPS, MATRICES, 4), LSTM),
    "miopen_rnn": ((t(7, 2, 4),), (STEPS, MATRICES, 4), LSTM),
    "_lstm_mps": ((t(7, 2, 4),), (STEPS, [t(1, 2, 4)] * 2, MATRICES), LSTM),
    "mkldnn_rnn_layer": ((t(7, 2, 4),), (STEPS, *MATRICES), LSTM),
    "linalg_solve_triangular": (RIGHT, (SQUARE, RIGHT), ONCE),
    "triangular_solve": ((RIGHT, SQUARE), (RIGHT, SQUARE), ONCE),
    "_linalg_solve_ex": ((RIGHT,), (SQUARE, RIGHT), ELIMINATED + 2 * ONCE),
    "_cholesky_solve_helper": (RIGHT, (RIGHT, SQUARE, False), 2 * ONCE),
    "cholesky_solve": (RIGHT, (RIGHT, SQUARE), 2 * ONCE),
    "linalg_lu_solve": (RIGHT, (SQUARE, t(2, 5), RIGHT), 2 * ONCE),
    "linalg_ldl_solve": (RIGHT, (SQUARE, t(2, 5), RIGHT), 2 * ONCE),
    "_linalg_det": ((t(2),), (SQUARE,), ELIMINATED),
    "_linalg_slogdet": ((t(2),), (SQUARE,), ELIMINATED),
    # The identity has 5 columns for each matrix.
    "linalg_inv_ex": ((SQUARE,), (SQUARE,), ELIMINATED + 2 * 5 * 2 * 10),
    # Column j of L: of 5 - j elements below and on the diagonal, each sums over j products.
    "linalg_cholesky_ex": ((SQUARE,), (SQUARE,), 2 * (1 * 4 + 2 * 3 + 3 * 2 + 4 * 1)),
}


def overload(name: str) -> Any:
    namespace, _, plain = name.rpartition(".")
    packet = getattr(getattr(torch.ops, namespace or "aten"), plain)
    return getattr(packet, packet.overloads()[0])


def test_every_formula_has_a_case() -> None:
    named = {name if "." in name else f"aten.{name}" for name in CALLS}
    assert set(FORMULAS) - named == {
        f"quantized.{name}{relu}{form}"
        for name, forms in {
            "linear": ("", "_dynamic"),
            **dict.fromkeys(("conv1d", "conv2d", "conv3d"), ("",)),
        }.items()
        for relu in ("", "_relu")
        for form in forms
    }


@pytest.mark.parametrize("name", CALLS)
def test_products(name: str) -> None:
    out, args, macs = CALLS[name]
    work = work_of(overload(name), out, args, {}, None)
    assert work is not None
    assert work.macs == macs


@pytest.mark.parametrize(
    "name",
    [
        "mm",
        "bmm",
        "addmm",
        "baddbmm",
        "_scaled_mm",
        "convolution",
        "_scaled_dot_product_flash_attention",
        "_scaled_dot_product_efficient_attention",
        "_scaled_dot_product_cudnn_attention",
    ],
)
def test_pytorch_says_the_same(name: str) -> None:
    out, args, macs = CALLS[name]
    result = out[0] if isinstance(out, tuple) else out
    assert flop_registry[getattr(aten, name)](*args, out_val=result) == 2 * macs


class Calls(nn.Module):
    def __init__(self, call: Any) -> None:
        super().__init__()
        self.call = call

    def forward(self) -> object:
        return self.call()


def counted(call: Any) -> Count:
    return count(Calls(call))


ROWS, WEIGHT = torch.randn(2, 16, 8), torch.randn(8, 8)
HALVES = torch.zeros(32, 32, dtype=INT8)


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.parametrize(
    ("call", "macs", "function"),
    [
        # 2 · 8 rows of 8 by 8 columns
        (lambda: torch.addbmm(WEIGHT, ROWS[:, :8], ROWS[:, :8]), 1024, "aten.addbmm"),
        (lambda: WEIGHT.clone().addbmm_(ROWS[:, :8], ROWS[:, :8]), 1024, "aten.addbmm_"),
        (
            lambda: torch.addbmm(*map(Tensor.long, (WEIGHT, *[ROWS[:, :8]] * 2))),
            1024,
            "aten.addbmm",
        ),
        (
            lambda: torch.addbmm(WEIGHT, ROWS[:, :8], batch2=ROWS[:, :8], out=torch.empty(8, 8)),
            1024,
            "aten.addbmm",
        ),
        (lambda: torch.addr(WEIGHT, WEIGHT[0], WEIGHT[1]), 64, "aten.addr"),
        # 32 rows: 3 · 8 · 8 each, then 3 · 8
        (lambda: F.bilinear(ROWS, ROWS, torch.randn(3, 8, 8)), 32 * (192 + 24), "aten._trilinear"),
        # 2 · 16 · 16 distances of 8 coordinates, whichever kernel
        (lambda: torch.cdist(ROWS, ROWS), 4096, "aten._cdist_forward"),
        (
            lambda: torch.cdist(ROWS, ROWS, compute_mode="use_mm_for_euclid_dist"),
            4096,
            "aten._euclidean_dist",
        ),
        (lambda: F.pdist(WEIGHT), 28 * 8, "aten._pdist_forward"),
        (lambda: torch._int_mm(HALVES, HALVES), 32**3, "aten._int_mm"),
        # an eye stores 8 elements, each of which meets 8 columns
        (
            lambda: torch.sparse.addmm(WEIGHT, torch.eye(8).to_sparse(), WEIGHT),
            64,
            "aten._sparse_addmm",
        ),
        (lambda: torch.eye(8).to_sparse() @ WEIGHT, 64, "__matmul__"),
        (lambda: F.linear(ROWS[0], torch.eye(8).to_sparse_csr()), 16 * 8, "linear"),
        # 7·8·15 / 6 = 140 to eliminate, 8 columns of 2 · 28 to substitute
        (lambda: torch.linalg.solve(WEIGHT, WEIGHT), 140 + 448, "aten._linalg_solve_ex"),
        (lambda: torch.linalg.inv(WEIGHT), 140 + 448, "aten.linalg_inv_ex"),
        (
            lambda: F.embedding_bag(
                torch.zeros(2, 2, dtype=LONG), WEIGHT, per_sample_weights=WEIGHT[:2, :2], mode="sum"
            ),
            2 * 2 * 8,
            "aten._embedding_bag_forward_only",
        ),
        (
            lambda: torch._grouped_mm(
                t(16, 16, dtype=torch.bfloat16),
                t(2, 16, 16, dtype=torch.bfloat16),
                offs=t(2, dtype=torch.int32),
            ),
            16**3,
            "aten._grouped_mm",
        ),
    ],
)
def test_calls_are_counted_and_verified(call: Any, macs: int, function: str) -> None:
    result = counted(call)
    assert (result.macs, result.cross_check.doubts) == (macs, ())
    assert [op.function for op in result.ledger.operations if op.macs] == [function]


def test_complex_products_are_told_apart() -> None:
    whole = torch.randn(4, 4, dtype=torch.complex64)
    result = counted(lambda: (whole @ whole, WEIGHT @ WEIGHT))
    assert result.macs == 4**3 + 8**3
    assert result.notes == (
        "Of these products, 64 are of complex numbers, each of which is four real ones.",
    )


def test_what_nobody_counts_is_listed() -> None:
    result = counted(lambda: (torch.fft.rfft(ROWS), ROWS.sort(), ROWS.sort(), WEIGHT @ WEIGHT))
    assert (result.macs, result.cross_check.verified) == (512, True)
    assert result.notes == (
        "Counted by nobody, because tools do not agree on the cost: aten._fft_r2c in the model "
        "itself, aten.sort ×2 in the model itself.",
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_int8_kernels_have_products() -> None:
    layer = torch.ao.nn.quantized.Linear(8, 4)
    conv = torch.ao.nn.quantized.Conv2d(3, 8, 3)
    rows = torch.quantize_per_tensor(torch.zeros(2, 8), 0.1, 0, torch.quint8)
    image = torch.quantize_per_tensor(torch.zeros(1, 3, 6, 6), 0.1, 0, torch.quint8)
    assert counted(lambda: layer(rows)).macs == 2 * 8 * 4
    result = counted(lambda: conv(image))
    assert (result.macs, result.ledger.operations[-1].kind) == (8 * 16 * 27, Kind.CONVOLUTION)
