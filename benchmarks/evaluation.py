"""Evaluating ResNet-Lite on CIFAR-10, beside a bare loop and beside the usual one.

The bare loop runs over tensors that are ready, in the same batches; the usual one is a DataLoader
with ToTensor and Normalize for each image, in batches of 1024, and tells the top-1 accuracy.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import torch
from harness import Options, Row, in_turn, ratio, seconds
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from reportgen.catalog.datasets import NORMALIZATIONS
from reportgen.data.batches import batches
from reportgen.data.load import load
from reportgen.data.source import DataSource, Search
from reportgen.data.store import Split
from reportgen.measures.accuracy import evaluate
from reportgen.spec.model import Normalization
from reportgen.zoo.resnet_lite import resnet_lite

BATCH = 256
USUAL_BATCH = 1024
METRICS = ("top1", "top5", "f1_macro", "loss")
MEAN, STD = NORMALIZATIONS["cifar10"]
NORMALIZATION = Normalization(mean=[*MEAN], std=[*STD])


class Images(Dataset):
    """Images one by one, as torchvision's CIFAR10 gives them to its transform."""

    def __init__(self, split: Split) -> None:
        self.pixels = split.images.transpose(0, 2, 3, 1).copy()
        self.labels = split.labels
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index])), int(self.labels[index])


def bench(options: Options) -> Iterator[Row]:
    """Run the three loops in turn."""
    folders = (options.data_dir,) if options.data_dir else ()
    split = _split(folders)
    if options.quick:
        split = replace(split, images=split.images[:1024], labels=split.labels[:1024])
    model = resnet_lite(num_classes=10).eval()
    pixelwise = deepcopy(model).to(memory_format=torch.channels_last)
    ready = list(batches(split, BATCH, NORMALIZATION))
    images = Images(split)

    def bare() -> None:
        with torch.inference_mode():
            for batch, _ in ready:
                model(batch)

    def usual() -> None:
        right = 0
        with torch.no_grad():
            for batch, labels in DataLoader(images, batch_size=USUAL_BATCH):
                right += int((model(batch).argmax(1) == labels).sum())

    def ours(module: nn.Module = model) -> None:
        evaluate(module, split, normalization=NORMALIZATION, batch_size=BATCH, metrics=METRICS)

    def left_open() -> None:
        evaluate(
            deepcopy(model),
            split,
            normalization=NORMALIZATION,
            batch_size=None,
            channels_last=None,
            metrics=METRICS,
        )

    samples = in_turn(
        {
            "ours": ours,
            "bare": bare,
            "usual": usual,
            "pixelwise": lambda: ours(pixelwise),
            "left open": left_open,
        },
        rounds=6,
    )
    yield Row(
        f"{len(split):,} images, {len(METRICS)} metrics; other: forward passes over ready tensors",
        seconds(samples["ours"]),
        seconds(samples["bare"]),
        ratio(samples["bare"], samples["ours"]),
        "≥ 0.97",
    )
    yield Row(
        "the same; other, here and below: the usual loop",
        seconds(samples["ours"]),
        seconds(samples["usual"]),
        ratio(samples["usual"], samples["ours"]),
    )
    yield Row(
        "the same, with `channels_last: true` in the spec",
        seconds(samples["pixelwise"]),
        seconds(samples["usual"]),
        ratio(samples["usual"], samples["pixelwise"]),
        "≥ 1.5",
    )
    if not options.quick:  # too few images for a choice
        yield Row(
            "the same, batch size and layout left open in the spec",
            seconds(samples["left open"]),
            seconds(samples["usual"]),
            ratio(samples["usual"], samples["left open"]),
            "≥ 1.5",
        )


def _split(folders: tuple) -> Split:
    search = Search(folders, offline=bool(folders))
    source = DataSource(source="cifar10", shape=(3, 32, 32), classes=10, name="cifar10")
    return load(source, "test", search)
