"""The CIFAR networks: their published sizes, work and accuracies."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, fx, nn

from reportgen.counting import build_on_meta, count
from reportgen.zoo.cifar_resnet import (
    PadShortcut,
    resnet20,
    resnet32,
    resnet44,
    resnet56,
    resnet110,
)
from reportgen.zoo.cifar_resnet50 import cifar_resnet50
from reportgen.zoo.resnet_lite import resnet_lite

Factory = Callable[..., nn.Module]


def work(factory: Factory, **kwargs: object) -> tuple[int, int, int]:
    model = build_on_meta(lambda: factory(10, **kwargs))
    result = count(model, (torch.empty(1, 3, 32, 32, device="meta"),))
    assert result.cross_check.verified
    return result.params, result.macs, result.flops


def test_bottleneck_resnet50() -> None:
    # The figures of the CIFAR-10 demo: 23.5208 M, 1.2978 GMACs, 2.6073 GFLOPS. Products, for each
    # pixel of the convolution's output; the stride is in the first 3x3 of a stage:
    macs = (
        1024 * 64 * 9 * 3  # the stem, 32*32 pixels
        # 1x1 reduce      3x3                  1x1 expand         projection
        + 1024 * 64 * 64 + 1024 * 9 * 64 * 64 + 1024 * 64 * 256 + 1024 * 64 * 256
        + 2 * 1024 * (256 * 64 + 9 * 64 * 64 + 64 * 256)
        + 1024 * 256 * 128 + 256 * 9 * 128 * 128 + 256 * 128 * 512 + 256 * 256 * 512
        + 3 * 256 * (512 * 128 + 9 * 128 * 128 + 128 * 512)
        + 256 * 512 * 256 + 64 * 9 * 256 * 256 + 64 * 256 * 1024 + 64 * 512 * 1024
        + 5 * 64 * (1024 * 256 + 9 * 256 * 256 + 256 * 1024)
        + 64 * 1024 * 512 + 16 * 9 * 512 * 512 + 16 * 512 * 2048 + 16 * 1024 * 2048
        + 2 * 16 * (2048 * 512 + 9 * 512 * 512 + 512 * 2048)
        + 2048 * 10
    )  # fmt: skip
    assert macs == 1_297_829_888
    assert work(cifar_resnet50) == (23_520_842, macs, 2_607_300_608)


def test_residual_additions_are_counted() -> None:
    # 3 * 256*32*32 + 4 * 512*16*16 + 6 * 1024*8*8 + 3 * 2048*4*4 = 1,802,240 elements: what the
    # published 2.6073 G has more than the 2.6055 G of the same network written with `+=`.
    *_, flops = work(cifar_resnet50)
    assert flops - (3 * 2**18 + 4 * 2**17 + 6 * 2**16 + 3 * 2**15) == 2_605_498_368


def test_a_pool_after_the_stem_quarters_the_work_behind_it() -> None:
    # All but the stem (1,769,472) and the linear layer (20,480) sees a quarter of the pixels.
    macs = (1_297_829_888 - 1_769_472 - 20_480) // 4 + 1_769_472 + 20_480
    assert work(cifar_resnet50, stem_pool=True) == (23_520_842, macs, 654_723_072)
    assert macs == 325_799_936


def test_resnet_lite() -> None:
    # The figures of the CIFAR-10 demo: 1.5984 M, 101.551 MMACs, 203.777 MFLOPS.
    assert work(resnet_lite) == (1_598_378, 101_550_592, 203_777_024)


def test_resnet_lite_with_counted_additions() -> None:
    # 32*32*32 + 2 * 64*16*16 + 2 * 128*8*8 + 256*4*4 = 86,016 elements are added.
    added = 32 * 32 * 32 + 2 * 64 * 16 * 16 + 2 * 128 * 8 * 8 + 256 * 4 * 4
    assert work(resnet_lite, counted_add=True) == (1_598_378, 101_550_592, 203_777_024 + added)
    assert 203_777_024 + added == 203_863_040


def test_how_resnet_lite_adds_does_not_change_what_it_computes() -> None:
    counted, plain = resnet_lite(10, counted_add=True).eval(), resnet_lite(10).eval()
    plain.load_state_dict(counted.state_dict())
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(counted(images), plain(images))


def test_resnet_lite_has_the_modules_that_calflops_lists() -> None:
    block = ["conv1", "bn1", "conv2", "bn2", "relu", "shortcut"]
    model = resnet_lite(10)
    assert [name for name, _ in model.named_children()] == (
        ["conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc"]
    )
    assert [name for name, _ in model.layer2[0].named_children()] == block
    assert [name for name, _ in model.layer2[0].shortcut.named_children()] == ["0", "1"]


@pytest.mark.parametrize(
    ("factory", "n", "params"),
    [
        # Stem 432 + 32; n blocks of 2*(9*16*16 + 32) = 4,672, then one of 9*16*32 + 9*32*32 + 128
        # = 13,952 and n-1 of 2*(9*32*32 + 64) = 18,560, one of 55,552 and n-1 of 73,984; 650.
        # n = 3: 464 + 14,016 + 13,952 + 37,120 + 55,552 + 147,968 + 650 = 269,722
        (resnet20, 3, 269_722),
        (resnet32, 5, 464_154),
        (resnet44, 7, 658_586),
        (resnet56, 9, 853_018),
        (resnet110, 18, 1_727_962),
    ],
)
def test_cifar_resnets(factory: Factory, n: int, params: int) -> None:
    # Stem 1024 * 16 * 27 = 442,368; each 3x3 convolution of the 2n in a stage 1024 * 9 * 16 * 16 =
    # 2,359,296, but for the first of stages 2 and 3, half of it; linear 64 * 10.
    macs = 442_368 + (6 * n - 2) * 2_359_296 + 2 * 1_179_648 + 640
    assert work(factory)[:2] == (params, macs)


def test_option_a_takes_every_second_pixel_and_pads_with_zeros() -> None:
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    padded = PadShortcut(1)(image)
    assert padded.shape == (1, 3, 2, 2)
    assert padded[0, 1].tolist() == [[0.0, 2.0], [8.0, 10.0]]
    assert not padded[0, 0].any()
    assert not padded[0, 2].any()


@pytest.mark.parametrize("factory", [cifar_resnet50, resnet_lite, resnet20, resnet110])
def test_class_count_and_channels(factory: Factory) -> None:
    model = factory(7, in_channels=1).eval()
    assert fx.symbolic_trace(model)(torch.zeros(2, 1, 32, 32)).shape == (2, 7)


@pytest.fixture(scope="module")
def cifar10_test(data_dir: Path) -> tuple[Tensor, Tensor]:
    """The 10,000 test images, normalised as the published weights want them, and their labels."""
    with zipfile.ZipFile(data_dir / "cifar10-test.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        pixels = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    classes = sorted({name.split("/")[1] for name in names})
    images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    labels = torch.tensor([classes.index(name.split("/")[1]) for name in names])
    return (images - mean.view(3, 1, 1)) / std.view(3, 1, 1), labels


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factory", "checkpoint", "correct"),
    [
        (resnet20, "resnet20-12fca82f.th", 9_173),  # published: 8.27 % error
        (resnet32, "resnet32-d509ac18.th", 9_263),  # published: 7.37 % error
    ],
)
def test_published_weights(
    factory: Factory,
    checkpoint: str,
    correct: int,
    data_dir: Path,
    cifar10_test: tuple[Tensor, Tensor],
) -> None:
    published = torch.load(
        data_dir / "weights" / checkpoint, weights_only=True, map_location="cpu"
    )["state_dict"]
    model = factory(10).eval()
    model.load_state_dict({key.removeprefix("module."): value for key, value in published.items()})
    right = 0
    with torch.inference_mode():
        for images, labels in zip(*(part.split(500) for part in cifar10_test), strict=True):
            right += int((model(images).argmax(1) == labels).sum())
    assert right == correct
