"""The data sets a spec may name. To add one, add a row and a reader in `reportgen.data`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reportgen.common.errors import UsageError, did_you_mean

# Mean and standard deviation of each channel, of images scaled to 0 … 1.
# imagenet: torchvision's; the others: of the training splits, to four places.
NORMALIZATIONS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "mnist": ((0.1307,), (0.3081,)),
    "fashion_mnist": ((0.2860,), (0.3530,)),
    "digits": ((0.3059,), (0.3763,)),
    "none": ((0.0,), (1.0,)),
}


@dataclass(frozen=True)
class DatasetEntry:
    """A data set of the catalogue: images of `shape` (channels, height, width).

    `splits` gives the number of images in each; None stands for what the user must say.
    """

    name: str
    title: str
    shape: tuple[int, int, int] | None
    classes: int | None
    splits: Mapping[str, int]
    normalization: str = "none"


_CIFAR_SPLITS = {"train": 50_000, "test": 10_000}
_MNIST_SPLITS = {"train": 60_000, "test": 10_000}

DATASETS: Mapping[str, DatasetEntry] = {
    entry.name: entry
    for entry in (
        DatasetEntry("cifar10", "CIFAR-10", (3, 32, 32), 10, _CIFAR_SPLITS, "cifar10"),
        DatasetEntry("cifar100", "CIFAR-100", (3, 32, 32), 100, _CIFAR_SPLITS, "cifar100"),
        DatasetEntry("mnist", "MNIST", (1, 28, 28), 10, _MNIST_SPLITS, "mnist"),
        DatasetEntry(
            "fashion_mnist", "Fashion-MNIST", (1, 28, 28), 10, _MNIST_SPLITS, "fashion_mnist"
        ),
        # Every fifth image is for testing: 1,797 images, 359 of them.
        DatasetEntry(
            "digits",
            "scikit-learn's digits",
            (1, 8, 8),
            10,
            {"train": 1_438, "test": 359},
            "digits",
        ),
        DatasetEntry("folder", "a folder or zip of images per class", None, None, {}),
        DatasetEntry("synthetic", "random images, for timing only", None, None, {}),
    )
}


class UnknownDatasetError(UsageError, KeyError):
    """No data set of the catalogue has this name; `hint` says which may be meant."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
        self.hint = f"{did_you_mean(name, DATASETS)} `reportgen list datasets` lists all.".strip()

    def __str__(self) -> str:
        return f"unknown data set '{self.name}'"


def find(name: str) -> DatasetEntry:
    """Return the catalogue's entry; raise UnknownDatasetError."""
    try:
        return DATASETS[name]
    except KeyError:
        raise UnknownDatasetError(name) from None
