"""Evaluating ResNet-Lite on CIFAR-10, beside a bare loop and beside the usual one.

The bare loop runs over tensors that are ready, in the same batches; the usual one is a DataLoader
with ToTensor and Normalize for each image, in batches of 1024, and tells the top-1 accuracy. Both
are run as a script of one's own is: with the system's allocator, in a process of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from harness import Options, Row, in_turn, ratio, seconds
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from reportgen.data.batches import batches
from reportgen.data.normalizations import NORMALIZATIONS
from reportgen.data.search import Search
from reportgen.data.source import DataRequest
from reportgen.data.splits import load
from reportgen.data.store import Split
from reportgen.engine.workers import Worker
from reportgen.measures.accuracy import evaluate
from reportgen.measures.allocator import Allocator, use
from reportgen.spec.model import Normalization
from reportgen.zoo.resnet_lite import resnet_lite

BATCH = 256
USUAL_BATCH = 1024
QUALITY = ("top1", "top5", "f1_macro", "loss")
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


class Loops:
    """The loops, in a process with one allocator: what a worker makes."""

    def __init__(
        self, allocator: Allocator, folders: tuple, quick: bool, tell: Callable[[str], None]
    ) -> None:
        self.allocator = use(allocator)
        self.split = _split(folders)
        if quick:
            few = self.split.images[:1024], self.split.labels[:1024]
            self.split = replace(self.split, images=few[0], labels=few[1])
        self.model = resnet_lite(num_classes=10).eval()
        self.pixelwise = deepcopy(self.model).to(memory_format=torch.channels_last)
        self.ready = list(batches(self.split, BATCH, NORMALIZATION))
        self.images = Images(self.split)

    def bare(self) -> None:
        """Run over tensors that are ready."""
        with torch.inference_mode():
            for batch, _ in self.ready:
                self.model(batch)

    def usual(self) -> None:
        """Run over a DataLoader."""
        right = 0
        with torch.no_grad():
            for batch, labels in DataLoader(self.images, batch_size=USUAL_BATCH):
                right += int((self.model(batch).argmax(1) == labels).sum())

    def ours(self) -> None:
        """Evaluate."""
        self._evaluate(self.model)

    def channels_last(self) -> None:
        """Evaluate, with the channels of a pixel side by side."""
        self._evaluate(self.pixelwise)

    def left_open(self) -> None:
        """Evaluate, and choose batch size and layout."""
        self._evaluate(deepcopy(self.model), batch_size=None, channels_last=None)

    def _evaluate(self, module: nn.Module, **choices: Any) -> None:
        given = {"batch_size": BATCH, **choices}
        evaluate(module, self.split, normalization=NORMALIZATION, metrics=QUALITY, **given)


def bench(options: Options) -> Iterator[Row]:
    """Run the loops in turn."""
    folders = (options.data_dir,) if options.data_dir else ()
    given = (folders, options.quick)
    with (
        Worker("evaluation:Loops", ("steady", *given)) as own,
        Worker("evaluation:Loops", ("system", *given)) as script,
    ):
        samples = in_turn(
            {
                "ours": partial(own.call, "ours"),
                "channels last": partial(own.call, "channels_last"),
                "left open": partial(own.call, "left_open"),
                "bare, steady": partial(own.call, "bare"),
                "bare": partial(script.call, "bare"),
                "usual": partial(script.call, "usual"),
            },
            rounds=6,
        )

    def row(what: str, ours: str, other: str, bar: str) -> Row:
        mine, theirs = samples[ours], samples[other]
        return Row(what, seconds(mine), seconds(theirs), ratio(theirs, mine), bar)

    images = "1,024" if options.quick else "10,000"
    yield row(
        f"{images} images, {len(QUALITY)} metrics; other: forward passes over ready tensors",
        "ours",
        "bare",
        "≥ 1.5",
    )
    yield row("the same; other: those with our allocator", "ours", "bare, steady", "≥ 0.97")
    yield row("the same; other, here and below: the usual loop", "ours", "usual", "")
    yield row("the same, with `channels_last: true` in the spec", "channels last", "usual", "≥ 1.5")
    if not options.quick:  # too few images for a choice
        yield row(
            "the same, batch size and layout left open in the spec", "left open", "usual", "≥ 3"
        )


def _split(folders: tuple) -> Split:
    search = Search(folders, offline=bool(folders))
    source = DataRequest(source="cifar10", shape=(3, 32, 32), classes=10, name="cifar10")
    return load(source, "test", search)
