"""Products of every kind of layer, derived by hand, and confirmed by PyTorch's own counter."""

import einops
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reportgen.counting import build_on_meta, count
from reportgen.record.ledger import Kind


def meta(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype, device="meta")


class Call(nn.Module):
    """A module whose forward is one function."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


def counted(model, *args, **kwargs):
    """Count, and insist that the second counter agrees on every operation."""
    result = count(model, args, kwargs)
    assert result.cross_check.differences == ()
    assert result.cross_check.verified
    return result


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@pytest.mark.parametrize(
    ("layer", "shape", "macs", "bias"),
    [
        # 1 * 32 * 62 * 62 outputs, each 3 * 3 * 3 = 27 products
        (lambda: nn.Conv2d(3, 32, 3), (1, 3, 64, 64), 32 * 62 * 62 * 27, 32 * 62 * 62),
        # stride 2, padding 1, dilation 2: (20 + 2 - 2 * 2 - 1) // 2 + 1 = 9; 9 * 9 * 6 * (4 * 9)
        (
            lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1, dilation=2, bias=False),
            (1, 4, 20, 20),
            9 * 9 * 6 * 36,
            0,
        ),
        # groups=2: each output reads 4 / 2 = 2 channels; 6 * 10 * 10 * (2 * 9)
        (lambda: nn.Conv2d(4, 6, 3, groups=2), (1, 4, 12, 12), 6 * 10 * 10 * 18, 600),
        # "same" with an even kernel: 8 outputs; 5 * 8 * (2 * 4)
        (lambda: nn.Conv1d(2, 5, 4, padding="same", bias=False), (1, 2, 8), 320, 0),
        # no batch dimension: 5 * 6 * (2 * 3)
        (lambda: nn.Conv1d(2, 5, 3), (2, 8), 180, 30),
        # 3-D: 2 images * 4 * 3 * 3 * 3 outputs, each 2 * 2 * 2 * 2 = 16
        (lambda: nn.Conv3d(2, 4, 2), (2, 2, 4, 4, 4), 2 * 4 * 27 * 16, 2 * 4 * 27),
        # transposed: every one of 4 * 5 * 5 inputs goes to 6 * 3 * 3; output 11 * 11
        (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2), (1, 4, 5, 5), 100 * 54, 6 * 11 * 11),
        # transposed with groups=2: to 6 / 2 * 9
        (lambda: nn.ConvTranspose2d(4, 6, 3, groups=2), (1, 4, 5, 5), 100 * 27, 6 * 7 * 7),
        # 2 * 7 rows, each 4 * 3 products
        (lambda: nn.Linear(4, 3), (2, 7, 4), 168, 42),
        (lambda: nn.Linear(4, 3, bias=False), (2, 7, 4), 168, 0),
    ],
)
def test_layers(layer, shape, macs, bias):
    result = counted(build_on_meta(layer), meta(*shape))
    assert result.macs == macs
    assert result.ledger.operations[0].bias_elements == bias
    convolutional = "conv" in result.ledger.operations[0].function
    assert result.flops == 2 * macs + (bias if convolutional else 0)


def test_a_depthwise_convolution_is_a_kind_of_its_own():
    result = counted(build_on_meta(lambda: nn.Conv2d(8, 16, 3, groups=8)), meta(1, 8, 5, 5))
    (row,) = result.ledger.operations
    # 16 * 3 * 3 outputs, each 1 * 9 products
    assert (row.kind, row.macs) == (Kind.DEPTHWISE_CONVOLUTION, 1296)


@pytest.mark.parametrize(
    ("function", "shapes", "macs"),
    [
        # (a function named here would be fetched before it is patched)
        (lambda a, b: a @ b, [(4, 6), (6, 2)], 4 * 6 * 2),
        (
            lambda a, b: torch.matmul(a, b),
            [(4, 6), (3, 6, 5)],
            3 * 4 * 6 * 5,
        ),
        (lambda a, b: torch.matmul(a, b), [(3, 2, 4, 6), (6, 5)], 3 * 2 * 4 * 6 * 5),
        (lambda a, b: torch.mm(a, b), [(4, 6), (6, 2)], 48),
        (lambda a, b: torch.bmm(a, b), [(3, 4, 6), (3, 6, 2)], 3 * 48),
        (lambda a, b: a.bmm(b), [(3, 4, 6), (3, 6, 2)], 3 * 48),
        (lambda c, a, b: torch.addmm(c, a, b), [(2,), (4, 6), (6, 2)], 48),
        (lambda c, a, b: c.addmm(a, b), [(4, 2), (4, 6), (6, 2)], 48),
        (lambda c, a, b: torch.addmm(c, mat1=a, mat2=b), [(4, 2), (4, 6), (6, 2)], 48),
        (lambda c, a, b: torch.baddbmm(c, a, b), [(3, 4, 2), (3, 4, 6), (3, 6, 2)], 144),
    ],
)
def test_matrix_products(function, shapes, macs):
    assert counted(Call(function), *(meta(*shape) for shape in shapes)).macs == macs


@pytest.mark.parametrize(
    ("equation", "shapes", "macs"),
    [
        ("ij,jk->ik", [(4, 6), (6, 2)], 48),
        ("bhld, bhsd -> bhls", [(2, 3, 5, 4), (2, 3, 7, 4)], 2 * 3 * 5 * 7 * 4),
        ("...ij,...jk->...ik", [(5, 4, 6), (5, 6, 2)], 5 * 48),
        ("...ij,jk", [(5, 4, 6), (6, 2)], 5 * 48),
        ("ij,jk", [(4, 6), (6, 2)], 48),  # the output is implied: ik
        ("ij,jk->k", [(4, 6), (6, 2)], 6 * 2),  # i is summed first
        ("bij,bjk->ik", [(3, 4, 6), (3, 6, 2)], 3 * 48),
        ("i,j->ij", [(4,), (5,)], 0),  # nothing is accumulated
        ("ij->ji", [(4, 5)], 0),
        # ij,jk first: 2 * 3 * 4; then ik,kl: 2 * 4 * 5
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)], 24 + 40),
        # three steps, left to right: 2 * 3 * 4 + 2 * 4 * 5 + 2 * 5 * 6
        ("ij,jk,kl,lm->im", [(2, 3), (3, 4), (4, 5), (5, 6)], 24 + 40 + 60),
    ],
)
def test_einsum(equation, shapes, macs):
    operands = [meta(*shape) for shape in shapes]
    assert counted(Call(lambda *xs: torch.einsum(equation, *xs)), *operands).macs == macs
    assert counted(Call(lambda *xs: torch.einsum(equation, xs)), *operands).macs == macs


def test_einsum_in_its_other_notations():
    a, b = meta(4, 6), meta(6, 2)
    by_numbers = Call(lambda a, b: torch.einsum(a, [0, 1], b, [1, 2], [0, 2]))
    assert counted(by_numbers, a, b).macs == 48
    by_names = Call(lambda a, b: einops.einsum(a, b, "row inner, inner column -> row column"))
    assert counted(by_names, a, b).macs == 48


def test_attention_with_keywords_and_grouped_queries():
    # 2 * 8 heads * 5 queries * 7 keys, 16 products to compare and 16 to weigh
    query, key = meta(2, 8, 5, 16), meta(2, 8, 7, 16)
    model = Call(lambda q, k: F.scaled_dot_product_attention(query=q, key=k, value=k))
    assert counted(model, query, key).macs == 2 * 8 * 5 * 7 * 32
    few = meta(2, 2, 7, 16)  # 2 heads of keys for 8 of queries: the same products
    model = Call(lambda q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True))
    assert counted(model, query, few).macs == 2 * 8 * 5 * 7 * 32


@pytest.mark.parametrize("need_weights", [True, False])
def test_multi_head_attention_hides_nothing(need_weights):
    attention = build_on_meta(lambda: nn.MultiheadAttention(32, 4, batch_first=True))
    x = meta(2, 10, 32)
    result = counted(attention, x, x, x, need_weights=need_weights)
    # in: 20 rows * 32 * 96; 2 * 4 heads * 10 * 10 pairs * (8 + 8); out: 20 * 32 * 32
    assert result.macs == 61_440 + 12_800 + 20_480


def test_a_transformer_encoder_is_not_fused_away():
    layer = build_on_meta(lambda: nn.TransformerEncoderLayer(32, 4, 64, batch_first=True))
    # attention as above, then 20 rows through 32 -> 64 -> 32
    assert counted(layer, meta(2, 10, 32)).macs == 94_720 + 20 * 2 * 32 * 64


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        # a row: 4 gates * 6 units * (5 inputs + 6 states); 3 * 2 rows
        (lambda: nn.LSTM(5, 6), (3, 2, 5), 6 * 24 * 11),
        (lambda: nn.LSTM(5, 6, batch_first=True), (2, 3, 5), 6 * 24 * 11),
        # the second layer reads both directions: 24 * (12 + 6); each layer twice
        (lambda: nn.LSTM(5, 6, 2, bidirectional=True), (3, 2, 5), 6 * 2 * (24 * 11 + 24 * 18)),
        # projected to 4: 24 * (5 + 4) and 4 * 6
        (lambda: nn.LSTM(5, 6, proj_size=4), (3, 2, 5), 6 * (24 * 9 + 24)),
        (lambda: nn.GRU(5, 6), (3, 2, 5), 6 * 18 * 11),
        (lambda: nn.RNN(5, 6), (3, 2, 5), 6 * 6 * 11),
        (lambda: nn.RNN(5, 6, nonlinearity="relu"), (3, 2, 5), 6 * 6 * 11),
        (lambda: nn.RNN(5, 6), (3, 5), 3 * 6 * 11),  # no batch
        (lambda: nn.LSTMCell(5, 6), (2, 5), 2 * 24 * 11),
        (lambda: nn.GRUCell(5, 6), (5,), 18 * 11),
        (lambda: nn.RNNCell(5, 6, nonlinearity="relu"), (2, 5), 2 * 6 * 11),
    ],
)
def test_recurrent_layers_and_cells(layer, shape, macs):
    result = counted(build_on_meta(layer), meta(*shape))
    assert (result.macs, result.flops) == (macs, 2 * macs)
    assert [row.kind for row in result.ledger.operations] == [Kind.RECURRENT]


def test_packed_sequences_count_their_real_steps():
    lstm = nn.LSTM(5, 6)
    packed = nn.utils.rnn.pack_sequence([torch.zeros(3, 5), torch.zeros(1, 5)])
    assert count(lstm, (packed,)).macs == 4 * 24 * 11  # 3 + 1 steps


def test_a_subclass_of_a_recurrent_layer_is_one():
    class Mine(nn.LSTM):
        def forward(self, x):
            return super().forward(x)[0]

    assert counted(build_on_meta(lambda: Mine(5, 6)), meta(3, 2, 5)).macs == 6 * 24 * 11


def test_flops_of_what_has_no_products():
    model = build_on_meta(
        lambda: nn.Sequential(
            nn.BatchNorm2d(4),  # 2 for each of 4 * 6 * 6 = 144
            nn.GroupNorm(2, 4),  # 5
            nn.InstanceNorm2d(4),  # 4: no affine parameters
            nn.LayerNorm(6),  # 5
            nn.GELU(),  # 1
            nn.LeakyReLU(inplace=True),  # 1
            nn.MaxPool2d(2),  # 1 for each of the 144 read
            nn.AdaptiveAvgPool2d(1),  # 1 for each of the 4 * 3 * 3 = 36 read
            nn.Softmax(1),  # 1 for each of 4
            nn.Dropout(),  # 0
        )
    )
    result = counted(model, meta(1, 4, 6, 6))
    assert [row.flops for row in result.ledger.operations] == [
        *(288, 720, 576, 720, 144, 144, 144, 36, 4)
    ]
    assert [row.kind.value for row in result.ledger.operations] == [
        *("batch norm", "group norm", "instance norm", "layer norm", "activation", "activation"),
        *("pool", "adaptive pool", "softmax"),
    ]
    assert (result.macs, result.ledger.modules[-1].calls) == (0, 1)


def test_additions_count_as_a_function_and_not_as_an_operator():
    x = meta(2, 3, 4)
    assert counted(Call(lambda x: torch.add(x, x)), x).flops == 24
    assert counted(Call(lambda x: x.mul(2)), x).flops == 24
    assert counted(Call(lambda x: torch.mul(x[0], x)), x).flops == 24  # broadcasts
    in_place = counted(Call(lambda x: x.add_(x)), x)
    assert (in_place.flops, [row.function for row in in_place.uncounted]) == (0, ["add_"])
