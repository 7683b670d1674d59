"""Data sources: what a spec may name as a data set, and the protocol that each of them follows.

An entry is a `DataSource`. It yields the places in which a split may lie, each a `SplitPlace`, and
a place yields images with their classes. The rest is the same for all: `known` and `splits` choose
the place, decode it once, compute the fingerprint and keep the arrays. For a recipe see
docs/extending-data-sources.md. Imports no torch and no numpy.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from reportgen.common.registry import Registry
from reportgen.data.normalizations import NORMALIZATIONS, MeanAndStd
from reportgen.data.search import Progress, Search

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Shape: TypeAlias = tuple[int, int, int]


class Labelled(NamedTuple):
    """An image and its class.

    `pixels` is height × width × channels, uint8; `file` is what messages call the file it is from.
    """

    name: str
    pixels: NDArray[np.uint8]
    file: str = ""


@dataclass(frozen=True)
class DataRequest:
    """A data set as a spec asks for it, without saying which split of it.

    `source` is the name of the data source, `name` the spec's own name for the data set. `shape` is
    channels, height and width of an image as a model gets it: the resized one if `resize` is given.
    """

    source: str
    shape: Shape
    classes: int
    name: str = ""
    path: str | None = None
    count: int | None = None
    resize: int | None = None

    @property
    def entry(self) -> DataSource:
        """The data source."""
        return DATA_SOURCES[self.source]

    @property
    def title(self) -> str:
        """How messages call it."""
        return self.entry.title if self.entry.class_names else self.name or self.source


@dataclass(frozen=True)
class Contents:
    """What a split holds: its classes in the order of their labels, and its images as they come.

    `count` is the number of images, for the display of progress; 0 if it is not known.
    """

    class_names: tuple[str, ...]
    images: Iterator[Labelled]
    count: int = 0


class SplitPlace(ABC):
    """A place that may hold a split, or what makes one. Nothing is decoded before `read`."""

    @property
    def holds_images(self) -> bool:
        """Whether the split is here."""
        return True

    @property
    def damaged(self) -> bool:
        """Whether the split must be downloaded again."""
        return False

    @property
    def left_out(self) -> str:
        """Which files of the split are not read; empty if all are."""
        return ""

    @property
    def fingerprint(self) -> str:
        """The fingerprint of images that are computed, not decoded; empty if only reading tells.

        It must change whenever the images do. Such images are not kept in the cache.
        """
        return ""

    @abstractmethod
    def signature(self) -> str:
        """Return text that changes when the images do, without reading them; raise OSError."""

    @abstractmethod
    def read(self, request: DataRequest) -> Contents:
        """Open the split; raise MeasureError for what cannot be read, here or while iterating."""


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """An entry of the registry: one particular data set, or a way to read the user's own.

    A particular data set has `class_names`, in the order of the labels, and `title` is its name.
    For the others `title` says what is read, and messages use the spec's name. `splits` maps each
    split to its published number of images; if empty, a spec may name any. A spec must give
    `classes` and `shape` if there are none here, and the keys in `needs`. `normalization` is the
    default. If the images have no right answers, `no_answers` says why.
    """

    title: str
    class_names: tuple[str, ...] = ()
    shape: Shape | None = None
    splits: Mapping[str, int] = field(default_factory=dict)
    normalization: MeanAndStd = NORMALIZATIONS["none"]
    needs: tuple[str, ...] = ()
    no_answers: str = ""

    @property
    def classes(self) -> int | None:
        """The number of classes; None if the spec must say it."""
        return len(self.class_names) or None

    def size(self, split: str, count: int | None) -> int | None:
        """Return the number of images in a split if it is published; `count` is the spec's key."""
        return self.splits.get(split)

    def places(self, request: DataRequest, split: str, search: Search) -> Iterator[SplitPlace]:
        """Yield the places that may hold the split, best first; raise MeasureError."""
        raise NotImplementedError

    def tried(self, request: DataRequest, split: str, search: Search) -> list[str]:
        """List where a split is looked for, for messages."""
        return search.candidates(request.path or request.name) if "path" in self.needs else []

    def absence(self, request: DataRequest, split: str, search: Search) -> tuple[str, str]:
        """Say that a split was not found, and what to do about it."""
        if self.splits and split not in self.splits:
            there = f"It has {' and '.join(sorted(self.splits))}."
            return f"{request.title} has no split '{split}'", there
        tried = self.tried(request, split, search)
        return f"{request.title} ({split}) is not here", f"Tried {', '.join(tried)}." * bool(tried)

    def download(self, request: DataRequest, split: str, progress: Progress | None) -> None:
        """Download a split into `search.downloads()` if it is published; raise DownloadError."""


_PUBLISHED = "reportgen.data.published"

DATA_SOURCES: Registry[DataSource] = Registry(
    "data set",
    "datasets",
    "reportgen.data_sources",
    DataSource,
    {
        "cifar10": f"{_PUBLISHED}:CIFAR10",
        "cifar100": f"{_PUBLISHED}:CIFAR100",
        "mnist": f"{_PUBLISHED}:MNIST",
        "fashion_mnist": f"{_PUBLISHED}:FASHION_MNIST",
        "digits": "reportgen.data.sklearn_digits:DIGITS",
        "folder": "reportgen.data.folder:FOLDER",
        "synthetic": "reportgen.data.synthetic:SYNTHETIC",
    },
)
