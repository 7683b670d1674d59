"""The networks of Keras: sizes and work as Keras counts them, taps, and options of one's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import fx, nn

from reportgen.counting import build_on_meta, count
from reportgen.counting.readings import reading
from reportgen.zoo.conv import conv
from reportgen.zoo.keras_inception_v3 import keras_inception_v3
from reportgen.zoo.keras_mobilenet import keras_mobilenet
from reportgen.zoo.keras_resnet50 import keras_resnet50

Factory = Callable[..., nn.Module]

WORK, TOTAL, FIXED = "flops.keras", "params.keras", "params.keras-non-trainable"


def read(factory: Factory, classes: int, size: int = 224, **kwargs: object) -> dict[str, int]:
    model = build_on_meta(lambda: factory(classes, **kwargs))
    result = count(model, (torch.empty(1, 3, size, size, device="meta"),))
    assert result.cross_check.verified
    return {key: reading(key).total(result.ledger) for key in (WORK, TOTAL, FIXED)}


def resnet_work(blocks: list[int], size: int, classes: int, padded: bool = False) -> int:
    """Add up the products of a bottleneck ResNet, stage by stage."""
    stem = size // 2  # 7x7 of stride 2, padded
    pixels = (stem - 1) // 2 + 1 if padded else (stem - 3) // 2 + 1
    products = 7 * 7 * 3 * 64 * stem**2
    channels = 64
    for stage, count_ in enumerate(blocks):
        width = 64 * 2**stage
        pixels = pixels if stage == 0 else (pixels - 1) // 2 + 1
        for block in range(count_):
            # the first 1x1 carries the stride: all of a block sees the smaller image
            one = channels * width + 9 * width * width + width * 4 * width
            one += channels * 4 * width if block == 0 else 0
            products += one * pixels**2
            channels = 4 * width
    return products + channels * classes


def resnet_params(blocks: list[int], classes: int) -> tuple[int, int]:
    """Add up weights and biases, and the running statistics of norms."""
    total, norms, channels = 7 * 7 * 3 * 64 + 64, 64, 64
    for stage, count_ in enumerate(blocks):
        width = 64 * 2**stage
        for block in range(count_):
            total += channels * width + width + 9 * width * width + width
            total += width * 4 * width + 4 * width
            norms += width + width + 4 * width
            if block == 0:
                total += channels * 4 * width + 4 * width
                norms += 4 * width
            channels = 4 * width
    # a norm has scale, shift, mean and variance
    return total + channels * classes + classes + 4 * norms, 2 * norms


@pytest.mark.parametrize(
    ("blocks", "classes", "size"),
    [
        ([3, 4, 6, 3], 10, 224),
        ([3, 4, 6, 3], 100, 224),
        ([3, 4, 23, 3], 1000, 224),  # ResNet-101
        ([3, 8, 36, 3], 1000, 224),  # ResNet-152
        ([1, 2, 1], 7, 160),  # nobody's
    ],
)
def test_resnets(blocks: list[int], classes: int, size: int) -> None:
    total, fixed = resnet_params(blocks, classes)
    assert read(keras_resnet50, classes, size, blocks=blocks) == {
        WORK: resnet_work(blocks, size, classes),
        TOTAL: total,
        FIXED: fixed,
    }


def test_resnet50_is_the_one_of_the_published_tables() -> None:
    assert resnet_work([3, 4, 6, 3], 224, 10) == 3_832_303_616
    assert resnet_params([3, 4, 6, 3], 10) == (23_608_202, 53_120)


def test_a_padded_pool_gives_the_second_stage_56_pixels() -> None:
    # Only the second stage changes: 3,025 pixels become 3,136. Its products for a pixel:
    # first block 64*64 + 9*64*64 + 64*256 + 64*256 = 73,728, then two of 256*64 + 9*64*64 + 64*256
    # = 69,632; 111 * (73,728 + 2 * 69,632) = 23,642,112.
    found = read(keras_resnet50, 10, pool_padding=True)
    assert found[WORK] == 3_832_303_616 + 23_642_112 == 3_855_945_728
    assert found[WORK] == resnet_work([3, 4, 6, 3], 224, 10, padded=True)
    assert found[TOTAL] == 23_608_202


@pytest.mark.parametrize(
    ("alpha", "size", "classes"),
    [(0.75, 224, 10), (0.75, 224, 100), (1.0, 224, 1000), (0.5, 160, 10), (0.25, 100, 3)],
)
def test_mobilenets(alpha: float, size: int, classes: int) -> None:
    widths = (64, 128, 128, 256, 256, *[512] * 6, 1024, 1024)
    strides = (1, 2, 1, 2, 1, 2, *[1] * 5, 2, 1)
    pixels, channels = (size + 1) // 2, int(32 * alpha)
    work, total, norms = 27 * channels * pixels**2, 27 * channels, channels
    for width, stride in zip(widths, strides, strict=True):
        out = int(width * alpha)
        pixels = (pixels + 1) // 2 if stride == 2 else pixels
        work += channels * out * pixels**2  # the 3x3 of each channel by itself counts nothing
        total += 9 * channels + channels * out
        norms += channels + out
        channels = out
    last = channels * pixels**2
    assert read(keras_mobilenet, classes, size, alpha=alpha, image_size=size) == {
        WORK: work + last * classes,
        TOTAL: total + 4 * norms + last * classes + classes,
        FIXED: 2 * norms,
    }


def test_mobilenet_is_the_one_of_the_published_tables() -> None:
    # 7*7*768 * 10 + 10 = 376,330 of its 2,209,306 parameters are the last layer's
    assert read(keras_mobilenet, 10, alpha=0.75) == {
        WORK: 311_969_280,
        TOTAL: 2_209_306,
        FIXED: 16_416,
    }


@pytest.mark.parametrize(
    ("size", "classes", "last"),
    # Windows of 3: 224 → 111 → 109 → 54 → 52 → 25 → 12 → 5;
    # 139 → 69 → 67 → 33 → 31 → 15 → 7 → 3; 75 → 37 → 35 → 17 → 15 → 7 → 3 → 1.
    [(224, 10, 5), (224, 100, 5), (139, 100, 3), (75, 2, 1)],
)
def test_inceptions(size: int, classes: int, last: int) -> None:
    # 21,802,784 parameters without the last layer, as Keras prints for include_top=False
    found = read(keras_inception_v3, classes, size, image_size=size)
    assert found[TOTAL] == 21_802_784 + last * last * 2048 * classes + classes
    # 17,216 channels have a norm: as many means, variances and shifts, and no scales
    assert found[FIXED] == 2 * 17_216


def test_inception_is_the_one_of_the_published_tables() -> None:
    found = read(keras_inception_v3, 10)
    # without the last layer 2,835,873,120 products
    assert found[WORK] == 2_835_873_120 + 5 * 5 * 2048 * 10 == 2_836_385_120
    assert found[TOTAL] == 22_314_794


def test_images_too_small_for_inception() -> None:
    with pytest.raises(ValueError, match="images of 74×74 are too small: 75×75 is the least"):
        keras_inception_v3(10, image_size=74)


@pytest.mark.parametrize(
    ("factory", "kwargs", "names"),
    [
        (keras_resnet50, {}, [f"add_{n}" for n in range(1, 17)]),
        (keras_resnet50, {"blocks": [1, 1]}, ["add_1", "add_2"]),
        (keras_mobilenet, {}, [f"conv_pw_{n}_relu" for n in range(1, 14)]),
        (keras_inception_v3, {}, [f"mixed{n}" for n in range(11)]),
    ],
)
def test_taps_have_the_names_of_keras(
    factory: Factory, kwargs: dict[str, object], names: list[str]
) -> None:
    model = build_on_meta(lambda: factory(10, **kwargs))
    taps = model.taps()
    assert list(taps) == names
    assert set(taps.values()) <= set(model.modules())


@pytest.mark.parametrize("factory", [keras_resnet50, keras_mobilenet, keras_inception_v3])
def test_class_count_channels_and_tracing(factory: Factory) -> None:
    size = {} if factory is keras_resnet50 else {"image_size": 96}
    model = factory(7, in_channels=1, **size).eval()
    with torch.no_grad():
        assert fx.symbolic_trace(model)(torch.zeros(2, 1, 96, 96)).shape == (2, 7)


def test_a_single_convolution() -> None:
    # 62*62 pixels of 32 channels, 27 products each; 27 * 32 weights and 32 biases
    found = read(conv, 32, 64)
    assert found == {WORK: 62 * 62 * 32 * 27, TOTAL: 896, FIXED: 0}
    assert found[WORK] == 3_321_216
