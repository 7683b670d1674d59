"""Decoded images in the cache: one directory for each fingerprint and size.

The order of the images follows from the images alone, so that "the first 512" are the same 512 in
every layout: they are sorted by the digest of each, which is as good as shuffled.
"""

from __future__ import annotations

import hashlib
import json
import struct
import warnings
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reportgen.common import cache
from reportgen.common.errors import MeasureError
from reportgen.data.classes import check_count
from reportgen.data.images import CHANNELS, Pixels, converted, resized
from reportgen.data.names import visible
from reportgen.data.search import Progress
from reportgen.data.source import Contents, DataRequest, Labelled

# Images copied at a time when they are put into order, or between two reports of progress.
_BLOCK = 512


@dataclass(frozen=True)
class Split:
    """A split of a data set; its images are mapped from disk, not read.

    `images` is N×C×H×W, uint8; `labels` N, int64, counting into `class_names`. `fingerprint` is
    that of the images before any resizing. `left_out` says which files of it were not read, and
    `no_answers` why its labels mean nothing; empty if they do.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    fingerprint: str
    left_out: str = ""
    no_answers: str = ""

    def __len__(self) -> int:
        return len(self.labels)


def image_digest(class_name: str, pixels: Pixels) -> bytes:
    """Return the SHA-256 of an image H×W×C with its class."""
    shape = struct.pack("<III", *pixels.shape)
    name = class_name.encode("utf-8", "surrogateescape")
    return hashlib.sha256(name + b"\0" + shape + pixels.tobytes()).digest()


def fingerprint_of(digests: Iterable[bytes]) -> str:
    """Return the fingerprint, in hex, of images with these digests, in whatever order."""
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def stored(fingerprint: str, request: DataRequest) -> Split | None:
    """Return a split that was kept, or None where there is none that is as it was kept."""
    folder = _folder(fingerprint, request)
    if not cache.is_sound(folder):
        return None
    try:
        # Copy-on-write: nobody means to write, and torch warns of memory that it could not.
        images = np.load(folder / "images.npy", mmap_mode="c")
        labels = np.load(folder / "labels.npy")
        names = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, EOFError):
        return None
    if images.shape != (len(labels), *request.shape) or len(names) != request.classes:
        return None
    return Split(images, labels, tuple(names), fingerprint)


def keep(
    request: DataRequest,
    contents: Contents,
    progress: Progress | None = None,
) -> Split:
    """Put images into the cache, in their own order, and return them.

    Raises MeasureError for an image of another size than the data set's, unless it is to be
    resized, for a number of channels that no image has, for more or fewer classes than declared,
    for an image of none of them, and when there are no images. The caller holds the lock on
    decoding.
    """
    class_names = contents.class_names
    check_count(request, class_names)
    if request.shape[0] not in CHANNELS:
        raise MeasureError(
            f"{request.title} is declared with {request.shape[0]} channels, which no image has",
            "Write a shape of 1 channel (grey), 3 (RGB) or 4 (RGBA).",
        )
    label_of = {name: label for label, name in enumerate(class_names)}
    digests: list[bytes] = []
    labels: list[int] = []
    raw = cache.folder("data") / "decoding.raw"
    try:
        with raw.open("wb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images, and of transparency that is dropped
            for image in contents.images:
                _check(image, label_of, request)
                pixels = converted(image.pixels, request.shape[0])
                digests.append(image_digest(image.name, pixels))
                labels.append(label_of[image.name])
                fitted = _fitted(pixels, request, image.file)
                file.write(fitted.transpose(2, 0, 1).tobytes())
                if progress and len(labels) % _BLOCK == 0:
                    progress(len(labels), contents.count)
        if not labels:
            raise MeasureError(f"{request.title} holds no images", "Download it again.")
        if progress:
            progress(len(labels), len(labels))
        order = np.array(sorted(range(len(digests)), key=digests.__getitem__))
        fingerprint = fingerprint_of(digests)
        unordered = np.memmap(raw, np.uint8, "r", shape=(len(labels), *request.shape))
        cache.folder("data", "arrays")
        with cache.whole(_folder(fingerprint, request)) as folder:
            _write(folder, unordered, np.array(labels, np.int64), order, class_names)
    finally:
        raw.unlink(missing_ok=True)
    made = stored(fingerprint, request)
    assert made is not None, "written a moment ago"
    return made


def unkept(request: DataRequest, contents: Contents, fingerprint: str) -> Split:
    """Return images that are computed, in the order in which they come."""
    check_count(request, contents.class_names)
    label_of = {name: label for label, name in enumerate(contents.class_names)}
    made = list(contents.images)
    for image in made:
        _check(image, label_of, request)
    images = np.stack([image.pixels.transpose(2, 0, 1) for image in made])
    labels = np.array([label_of[image.name] for image in made], np.int64)
    return Split(images, labels, contents.class_names, fingerprint)


def _check(image: Labelled, classes: Collection[str], request: DataRequest) -> None:
    """Raise MeasureError for an image that a data source must not yield."""
    called = image.file or f"an image of {request.title}"
    if image.name not in classes:
        raise MeasureError(f"{called} has the class '{visible(image.name)}', which is not declared")
    if (kind := image.pixels.dtype) != np.uint8 or image.pixels.ndim != 3:
        shape = "×".join(map(str, image.pixels.shape))
        raise MeasureError(
            f"{called} is {shape} of {kind}",
            "A data source yields height × width × channels of uint8.",
        )


def _folder(fingerprint: str, request: DataRequest) -> Path:
    shape = "x".join(str(length) for length in request.shape)
    return cache.root() / "data" / "arrays" / f"{fingerprint}-{shape}"


def _fitted(pixels: Pixels, request: DataRequest, file: str) -> Pixels:
    """Return the image in the size that the data set promises, or say that it is not."""
    if request.resize:
        return resized(pixels, request.resize)
    height, width = request.shape[1:]
    if pixels.shape[:2] != (height, width):
        raise MeasureError(
            f"{file or f'an image of {request.title}'} is {pixels.shape[0]}×{pixels.shape[1]}, and "
            f"the spec declares {height}×{width}",
            f"Write 'resize: {height}' to resize all images, or correct 'shape'.",
        )
    return pixels


def _write(
    folder: Path,
    unordered: NDArray[np.uint8],
    labels: NDArray[np.int64],
    order: NDArray[np.int64],
    class_names: tuple[str, ...],
) -> None:
    folder.mkdir()
    # Written, not mapped: on a full disk the one raises OSError and the other ends the process.
    with (folder / "images.npy").open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(unordered)
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(order), _BLOCK):
            file.write(unordered[order[start : start + _BLOCK]].tobytes())
    np.save(folder / "labels.npy", labels[order])
    (folder / "classes.json").write_text(json.dumps(class_names), encoding="utf-8")
    cache.seal(folder)
