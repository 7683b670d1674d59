"""The data sets that need no files: scikit-learn's digits, and random images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from reportgen.data.images import Labelled
from reportgen.data.known import SYNTHETIC_COUNT
from reportgen.data.search import DataSource

_WHITE_DIGIT = 16


def read_digits(split: str) -> Iterator[Labelled]:
    """Yield scikit-learn's digits, 8×8 in 17 shades of grey, which become shades of 0 … 255.

    Every fifth image (index 4, 9, …) is of the test split, as the file mixes writers evenly.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    # A white pixel of 16 becomes 255; the others lie between, to the nearest integer.
    shades = np.rint(digits.images * (255 / _WHITE_DIGIT)).astype(np.uint8)
    for index, (pixels, label) in enumerate(zip(shades, digits.target, strict=True)):
        if (index % 5 == 4) == (split == "test"):
            yield Labelled(str(label), pixels[:, :, np.newaxis])


def draw_synthetic(dataset: DataSource, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw images N×C×H×W and labels N, the same every time; N is 1,000 unless `count` says."""
    count = dataset.count or SYNTHETIC_COUNT
    generator = np.random.default_rng(list(split.encode()))
    shape = (count, *dataset.shape)
    images = generator.integers(0, 256, shape, dtype=np.uint8)
    return images, generator.integers(0, dataset.classes, count)
