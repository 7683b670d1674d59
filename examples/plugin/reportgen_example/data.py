"""A data source: images and labels as two NumPy arrays, SPLIT.npy and SPLIT-labels.npy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reportgen.common import cache
from reportgen.data.search import Search
from reportgen.data.source import Contents, DataRequest, DataSource, Labelled, SplitPlace


@dataclass(frozen=True)
class ArrayFiles(SplitPlace):
    """The files of a split: N×H×W×C bytes, and N labels."""

    images: Path
    labels: Path

    @property
    def holds_images(self) -> bool:
        """Whether both files are there."""
        return self.images.is_file() and self.labels.is_file()

    def signature(self) -> str:
        """Return text that changes when the files do."""
        return cache.stamp(self.images) + cache.stamp(self.labels)

    def read(self, request: DataRequest) -> Contents:
        """Return the classes, and the images one by one."""
        import numpy as np

        labels = np.load(self.labels)
        names = tuple(str(label) for label in range(request.classes))
        pairs = zip(np.load(self.images), labels, strict=True)
        return Contents(names, (Labelled(names[label], pixels) for pixels, label in pairs))


class Arrays(DataSource):
    """Arrays in a folder."""

    def places(self, request: DataRequest, split: str, search: Search) -> Iterator[SplitPlace]:
        """Yield the one place where a split may be."""
        folder = search.locate(request.path, "folder")
        yield ArrayFiles(folder / f"{split}.npy", folder / f"{split}-labels.npy")


ARRAYS = Arrays(title="NumPy arrays", normalization=((0.5,), (0.5,)), needs=("path",))
