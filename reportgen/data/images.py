"""Images out of a folder or zip, and images resized."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from reportgen.data.classes import class_of_folder
from reportgen.data.locate import ImageTree
from reportgen.data.source import DataSource
from reportgen.errors import MeasureError

# Height × width × channels, uint8.
Pixels: TypeAlias = NDArray[np.uint8]
Labelled: TypeAlias = tuple[str, Pixels]

# Nothing but what the suffixes promise is given to a decoder.
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
# Pillow's name for images of so many channels, and what its other modes are taken as.
CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}
_TAKEN_AS = {"1": "L", "LA": "RGBA", "PA": "RGBA"}
# Sixteen bits and more, which a conversion to eight would cut off at white.
_DEEP_MODES = ("I", "F")


def read_tree(tree: ImageTree, dataset: DataSource) -> Iterator[Labelled]:
    """Yield the class and the pixels of each image of a split, as they come.

    Pixels are grey, RGB or RGBA as the file has them. The orientation that a camera notes in a
    photo is not applied.

    Raises MeasureError for wrong classes, for a file that is no image or a broken one, and for an
    image of more than eight bits a channel.
    """
    with _Reader(tree) as read:
        for folder, name in class_of_folder(dataset, tree.images).items():
            for file in tree.images[folder]:
                yield name, _decode(file, read)


def converted(pixels: Pixels, channels: int) -> Pixels:
    """Return an image with this many channels: 1 (grey), 3 (RGB) or 4 (RGBA)."""
    if pixels.shape[2] == channels:
        return pixels
    return _with_channels(np.asarray(_as_image(pixels).convert(CHANNELS[channels])))


def resized(pixels: Pixels, side: int) -> Pixels:
    """Return an image as `side` × `side` pixels, whatever it was: bilinear, antialiased."""
    image = _as_image(pixels).resize((side, side), Image.Resampling.BILINEAR)
    return _with_channels(np.asarray(image))


class _Reader:
    """The bytes of a tree's files by name; keeps a zip open in between."""

    def __init__(self, tree: ImageTree) -> None:
        self._root = tree.path
        self._archive = zipfile.ZipFile(tree.path) if tree.path.is_file() else None

    def __enter__(self) -> Callable[[str], bytes]:
        return self._archive.read if self._archive else self._read_file

    def __exit__(self, *_: object) -> None:
        if self._archive:
            self._archive.close()

    def _read_file(self, name: str) -> bytes:
        return (self._root / name).read_bytes()


def _decode(file: str, read: Callable[[str], bytes]) -> Pixels:
    try:
        with Image.open(BytesIO(read(file)), formats=_FORMATS) as image:
            if not image.mode.startswith(_DEEP_MODES):
                kept = image.mode in CHANNELS.values()
                taken = image if kept else image.convert(_TAKEN_AS.get(image.mode, "RGB"))
                return _with_channels(np.asarray(taken))
    except UnidentifiedImageError:
        raise MeasureError(f"the file {file} is no image", _REPLACE) from None
    # Pillow's decoders raise SyntaxError and ValueError too; zipfile has its own.
    except (OSError, SyntaxError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise MeasureError(f"the image {file} is broken", _REPLACE) from error
    raise MeasureError(
        f"the image {file} has more than 8 bits a channel", "Convert it to 8 bits first."
    )


_REPLACE = "Replace the file, or take it out of the data set."


def _as_image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _with_channels(pixels: Pixels) -> Pixels:
    return pixels[:, :, np.newaxis] if pixels.ndim == 2 else pixels
