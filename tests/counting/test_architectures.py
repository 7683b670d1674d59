"""Whole architectures, their products derived by hand from what their papers and code say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from reportgen.counting import Count, build_on_meta, count
from reportgen.zoo.decoder import decoder


def counted(make, *args, **kwargs) -> Count:
    """Count on meta, and insist that the second counter agrees on every operation."""
    result = count(build_on_meta(make), args, kwargs)
    assert result.device == "meta"
    assert result.cross_check.differences == ()
    assert result.cross_check.verified
    return result


def image(size: int) -> Tensor:
    return torch.empty(1, 3, size, size, device="meta")


def test_vit_b_32() -> None:
    patches = 7 * 7  # of 32 × 32 pixels in an image of 224 × 224
    tokens = patches + 1  # and that of the class
    embedding = patches * 768 * (3 * 32 * 32)
    # Queries, keys and values; the tokens of 12 heads of width 64 compared and weighed; the output.
    attention = tokens * 768 * 3 * 768 + 12 * tokens * tokens * (64 + 64) + tokens * 768 * 768
    perceptron = tokens * 768 * 3072 * 2
    result = counted(models.vit_b_32, image(224))
    assert result.macs == embedding + 12 * (attention + perceptron) + 768 * 1000 == 4_409_186_304


def test_swin_t() -> None:
    def block(side: int, width: int) -> int:
        """Products of a block: windows of 7 × 7 positions attend to themselves, 32 to a head.

        A side that windows do not fill is padded, and shifted windows are as many.
        """
        positions = side * side
        padded = (-(-side // 7) * 7) ** 2
        attention = padded * width * 4 * width + padded * 49 * (width + width)
        return attention + positions * width * 4 * width * 2

    total = 56 * 56 * 96 * (3 * 4 * 4)  # patches of 4 × 4 pixels
    for side, width, depth in ((56, 96, 2), (28, 192, 2), (14, 384, 6), (7, 768, 2)):
        total += depth * block(side, width)
        if side > 7:  # four neighbours become one, of twice the width
            total += (side // 2) ** 2 * 4 * width * 2 * width
    total += 768 * 1000
    assert counted(models.swin_t, image(224)).macs == total == 4_490_566_656


def test_maxvit_t() -> None:
    def convolution(side: int, narrow: int, wide: int, stride: int) -> int:
        """An inverted bottleneck, four times as wide inside, and its squeeze and excitation."""
        out, inside = side // stride, 4 * wide
        shortcut = out * out * narrow * wide if narrow != wide or stride > 1 else 0
        squeeze = wide // 4
        return (
            shortcut
            + side * side * narrow * inside
            + out * out * inside * 3 * 3  # depthwise
            + 2 * inside * squeeze
            + out * out * inside * wide
        )

    def attention(side: int, width: int) -> int:
        """Attention in windows (or grids) of 7 × 7, heads of width 32, and a perceptron."""
        positions = side * side
        return (
            positions * width * 3 * width
            + positions * 49 * (width + width)
            + positions * width * width
            + positions * width * 4 * width * 2
        )

    total = 112 * 112 * 64 * (3 * 9) + 112 * 112 * 64 * (64 * 9)  # the stem
    side, narrow = 112, 64
    for width, depth in ((64, 2), (128, 2), (256, 5), (512, 2)):
        for layer in range(depth):
            total += convolution(side, narrow, width, 2 if layer == 0 else 1)
            side, narrow = side // 2 if layer == 0 else side, width
            total += 2 * attention(side, width)
    total += 512 * 512 + 512 * 1000
    assert counted(models.maxvit_t, image(224)).macs == total == 5_558_046_720


@pytest.mark.parametrize("tied", [False, True])
def test_a_decoder_with_grouped_queries_and_tied_weights(tied: bool) -> None:
    def make() -> nn.Module:
        return decoder(
            vocabulary=50, layers=3, width=16, heads=4, key_value_heads=2, hidden=24, tied=tied
        )

    result = counted(make, tokens=torch.zeros(2, 5, dtype=torch.long, device="meta"))
    rows = 2 * 5
    # Queries and the output: 16 × 16 each; keys and values: 2 of 4 heads, 16 × 8 each.
    attention = rows * (2 * 16 * 16 + 2 * 16 * 8) + 2 * 4 * 5 * 5 * (4 + 4)
    assert result.macs == 3 * (attention + rows * 3 * 16 * 24) + rows * 16 * 50 == 70_400
    # Of a layer: 768 weights of attention, 1,152 of the unit, two norms of 16.
    weights = 3 * (768 + 1_152 + 32) + 16 + 50 * 16
    assert result.params == weights + (0 if tied else 50 * 16)


@pytest.mark.parametrize(
    ("sizes", "params", "macs"),
    [
        # Published: 6,738,415,616 parameters; see specs/decoder.yaml.
        # A layer has 4 · 4096² + 3 · 4096 · 11008 weights that make products, one for each token.
        (
            {"layers": 32, "width": 4096, "heads": 32, "key_value_heads": 32, "hidden": 11_008},
            6_738_415_616,
            128 * (32 * (4 * 4096**2 + 3 * 4096 * 11_008) + 4096 * 32_000)
            + 32 * 128 * 128 * 2 * 4096,
        ),
        (
            {"layers": 80, "width": 8192, "heads": 64, "key_value_heads": 8, "hidden": 28_672},
            68_976_648_192,
            128 * (80 * (2 * 8192**2 + 2 * 8192 * 1024 + 3 * 8192 * 28_672) + 8192 * 32_000)
            + 80 * 128 * 128 * 2 * 8192,
        ),
    ],
    ids=["7 B", "70 B"],
)
def test_llama_2(sizes: dict[str, int], params: int, macs: int) -> None:
    tokens = torch.zeros(1, 128, dtype=torch.long, device="meta")
    result = counted(lambda: decoder(**sizes), tokens)
    assert (result.params, result.macs) == (params, macs)


def test_a_model_of_several_inputs_token_ids_among_them() -> None:
    class Captioner(nn.Module):
        """Words look at an image; a mask says at which of them to look."""

        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(100, 12)
            self.patches = nn.Conv2d(3, 12, 4, stride=4)
            self.look = nn.MultiheadAttention(12, 3, batch_first=True)
            self.score = nn.Linear(12, 100)

        def forward(self, image: Tensor, *, tokens: Tensor, mask: Tensor, scale: Tensor) -> Tensor:
            seen = self.patches(image).flatten(2).transpose(1, 2)
            found, _ = self.look(self.words(tokens), seen, seen, key_padding_mask=mask)
            return self.score(found * scale)

    result = counted(
        Captioner,
        torch.empty(2, 3, 16, 8, device="meta"),
        tokens=torch.zeros(2, 5, dtype=torch.long, device="meta"),
        mask=torch.zeros(2, 8, dtype=torch.bool, device="meta"),
        scale=torch.empty((), device="meta"),
    )
    patches = 2 * 8 * 12 * (3 * 4 * 4)
    # 5 words and 8 patches of each image, projected to queries, and to keys and values; compared
    # in 3 heads of width 4, and weighed; the words projected again.
    look = 2 * (5 * 12 * 12 + 8 * 12 * 24) + 2 * 3 * 5 * 8 * (4 + 4) + 2 * 5 * 12 * 12
    assert result.macs == patches + look + 2 * 5 * 12 * 100 == 30_624


def test_an_autoencoder_of_dilated_grouped_and_transposed_convolutions() -> None:
    def make() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, dilation=2),  # 16 → 12
            nn.Conv2d(8, 8, 3, groups=4, stride=2, padding=1),  # 12 → 6
            nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1, groups=2),  # 6 → 12
            nn.ConvTranspose2d(4, 3, 3, dilation=2),  # 12 → 16
        )

    result = counted(make, image(16))
    assert result.macs == (
        8 * 12 * 12 * (3 * 9)
        + 8 * 6 * 6 * (2 * 9)
        + 8 * 6 * 6 * (2 * 16)  # every input goes to 4 / 2 channels of 4 × 4
        + 4 * 12 * 12 * (3 * 9)
    )
    assert result.ledger.modules[0].output_shape == (1, 3, 16, 16)


def test_a_recurrent_network_that_reads_words_and_ends_in_a_shared_layer() -> None:
    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(100, 6)
            self.read = nn.LSTM(6, 4, num_layers=2, bidirectional=True, batch_first=True)
            self.gru = nn.GRU(8, 3, batch_first=True)
            self.shared = nn.Linear(3, 3)
            self.never = nn.Linear(7, 7)

        def forward(self, tokens: Tensor) -> Tensor:
            x, _ = self.gru(self.read(self.words(tokens))[0])
            return self.shared(self.shared(x))

    result = counted(Tagger, torch.zeros(2, 5, dtype=torch.long, device="meta"))
    rows = 2 * 5
    # 4 gates of 4 units, from 6 inputs and then from both directions' 8, and from 4 states.
    lstm = rows * 2 * (16 * (6 + 4) + 16 * (8 + 4))
    gru = rows * 9 * (8 + 3)
    assert result.macs == lstm + gru + rows * 2 * 3 * 3
    paths = {module.path: module.calls for module in result.ledger.modules}
    assert (paths["shared"], paths["never"]) == (2, 0)


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        # As in test_formulas, in a real pass: oneDNN would make each LSTM one operation, in which
        # nobody sees a product.
        (lambda: nn.LSTM(5, 6), 6 * 24 * 11),
        (lambda: nn.LSTM(5, 6, 2, bidirectional=True), 6 * 2 * (24 * 11 + 24 * 18)),
        (lambda: nn.LSTM(5, 6, proj_size=4), 6 * (24 * 9 + 24)),
        (lambda: nn.GRU(5, 6), 6 * 18 * 11),
        (lambda: nn.RNN(5, 6), 6 * 6 * 11),
    ],
)
def test_recurrent_layers_are_confirmed_on_the_cpu_too(layer, macs: int) -> None:
    result = count(layer(), [torch.zeros(3, 2, 5)])
    assert (result.device, result.macs, result.cross_check.macs) == ("cpu", macs, macs)
    assert result.cross_check.verified


def test_packed_sequences_are_confirmed_on_the_cpu() -> None:
    packed = nn.utils.rnn.pack_sequence([torch.zeros(3, 5), torch.zeros(1, 5)])
    result = count(nn.LSTM(5, 6), [packed])
    assert (result.macs, result.cross_check.verified) == (4 * 24 * 11, True)  # 3 + 1 steps
