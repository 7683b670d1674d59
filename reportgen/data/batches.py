"""Images as a model wants them: normalised float tensors, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from reportgen.common.errors import MeasureError
from reportgen.data.store import Split


class MeanAndDeviation(Protocol):
    """Mean and standard deviation of each channel, of images scaled to 0 … 1."""

    @property
    def mean(self) -> Sequence[float]:
        """One mean for each channel."""

    @property
    def std(self) -> Sequence[float]:
        """One standard deviation for each channel."""


class Normalize:
    """Turns images N×C×H×W of uint8 into float32: scaled to 0 … 1, less mean, over deviation.

    The operations and their order are those of torchvision's ToTensor and Normalize, so each value
    is the same to the last bit.
    """

    def __init__(self, normalization: MeanAndDeviation, channels: int) -> None:
        mean, std = normalization.mean, normalization.std
        if len(mean) != channels or len(std) != channels:
            raise MeasureError(
                f"the normalisation is for {len(mean)} channels and the images have {channels}",
                "Write one mean and one std for each channel.",
            )
        self._mean = torch.tensor(mean).view(-1, 1, 1)
        self._std = torch.tensor(std).view(-1, 1, 1)

    def __call__(self, images: Tensor) -> Tensor:
        """Return the images normalised; the argument stays as it is."""
        return images.to(torch.float32).div_(255).sub_(self._mean).div_(self._std)


class Reader:
    """Reads any part of a split.

    Raises MeasureError when the normalisation is for another number of channels.
    """

    def __init__(self, split: Split, normalization: MeanAndDeviation) -> None:
        self._normalize = Normalize(normalization, split.images.shape[1])
        self._images, self._labels = torch.from_numpy(split.images), torch.from_numpy(split.labels)

    def read(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return images B×C×H×W (float32, normalised) and labels B (int64), in the split's order.

        Fewer than asked for at its end.
        """
        return self._normalize(self._images[start:stop]), self._labels[start:stop]


def batches(
    split: Split, batch_size: int, normalization: MeanAndDeviation, *, limit: int | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images and labels as `Reader` reads them, so many at a time.

    `limit` stops after so many images; the last batch may be smaller than the others.

    Raises MeasureError when the normalisation is for another number of channels.
    """
    reader = Reader(split, normalization)
    count = len(split) if limit is None else min(limit, len(split))
    for start in range(0, count, batch_size):
        yield reader.read(start, min(start + batch_size, count))
