"""Images out of torchvision's own files: CIFAR's pickled batches, and MNIST's IDX."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reportgen.common.errors import MeasureError
from reportgen.data.images import Pixels
from reportgen.data.published import BinaryFormat
from reportgen.data.source import DataRequest, Labelled


def read_binary(
    layout: BinaryFormat, files: Sequence[Path], request: DataRequest
) -> Iterator[Labelled]:
    """Yield the class and the pixels of each image, in the order of the files.

    Raises MeasureError for a file that is broken, or that holds anything but numbers.
    """
    names = request.entry.class_names
    try:
        if layout == "cifar":
            for path in files:
                yield from _labelled(*_read_cifar(path), names)
        else:
            images, labels = (_read_idx(path) for path in files)
            yield from _labelled(images[:, :, :, np.newaxis], labels, names)
    except Exception as error:  # of unpickling, unpacking and reshaping: it may be anything
        where = ", ".join(path.name for path in files)
        raise MeasureError(
            f"the files of {request.title} are broken ({where})", "Download them again."
        ) from error


def _labelled(images: Pixels, labels: NDArray[Any], names: tuple[str, ...]) -> Iterator[Labelled]:
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images and {len(labels)} labels")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(names):
        raise ValueError("a label without a class")
    for pixels, label in zip(images, labels, strict=True):
        yield Labelled(names[int(label)], pixels)


def _read_cifar(path: Path) -> tuple[Pixels, NDArray[np.int64]]:
    """Read a batch: the images N×H×W×C and their labels."""
    with _opened(path) as file:
        batch = _NumbersOnly(file, encoding="latin1").load()
    labels = batch["fine_labels"] if "fine_labels" in batch else batch["labels"]
    pixels = np.asarray(batch["data"])
    if pixels.dtype != np.uint8:
        raise TypeError(f"pixels of {pixels.dtype}")
    images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.asarray(labels, np.int64)


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Read MNIST's format: two zeros, the type, the number of axes, their lengths, the bytes."""
    with _opened(path) as file:
        content = file.read()
    unsigned_bytes = 8
    if content[:2] != b"\0\0" or content[2] != unsigned_bytes:
        raise ValueError("no IDX file of bytes")
    axes = content[3]
    lengths = np.frombuffer(content, ">u4", axes, offset=4).astype(int)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(lengths)


def _opened(path: Path) -> Any:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


class _NumbersOnly(pickle.Unpickler):
    """Unpickles numpy arrays and plain values; a pickle may otherwise run anything."""

    _ALLOWED = frozenset(
        {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}
        | {(f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")}
        | {(f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")}
    )

    def find_class(self, module: str, name: str) -> Any:
        """Return what a pickle may name; raise UnpicklingError for all else."""
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is no array")
        # numpy 2 moved its core; the official batches were pickled long before.
        if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
            module = module.replace("numpy.core.", "numpy._core.")
        else:
            module = module.replace("numpy._core.", "numpy.core.")
        return super().find_class(module, name)
