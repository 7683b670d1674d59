"""Images decoded, converted and resized."""

from __future__ import annotations

import functools
from io import BytesIO
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from reportgen.common.errors import MeasureError
from reportgen.data.names import visible

# Height × width × channels, uint8.
Pixels: TypeAlias = NDArray[np.uint8]


# Pillow's name for images, by the number of channels.
CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}
# Formats of Pillow that are no images of pixels, whatever their file is called (see `tree`).
NO_IMAGES = frozenset({"EPS", "MPEG", "BUFR", "GRIB", "HDF5", "WMF"})
# More than eight bits, which a conversion to eight cuts off at white.
_DEEP_MODES = ("I", "F")

_REPLACE = "Replace the file, or take it out of the data set."
# A report quotes at most this many characters of what Pillow and zipfile say.
_LONGEST_REASON = 200


def converted(pixels: Pixels, channels: int) -> Pixels:
    """Return an image with this many channels: 1 (grey), 3 (RGB) or 4 (RGBA)."""
    if pixels.shape[2] == channels:
        return pixels
    return _with_channels(np.asarray(_as_image(pixels).convert(CHANNELS[channels])))


def resized(pixels: Pixels, side: int) -> Pixels:
    """Return an image as `side` × `side` pixels, whatever it was: bilinear, antialiased."""
    image = _as_image(pixels).resize((side, side), Image.Resampling.BILINEAR)
    return _with_channels(np.asarray(image))


def decode(content: bytes, mode: str) -> Pixels:
    """Return an image H×W×C; raise MeasureError where eight bits do not hold it, or anything."""
    with Image.open(BytesIO(content), formats=_formats()) as image:
        pixels = np.asarray(image.convert(mode))
        if image.mode.startswith(_DEEP_MODES):
            _check_depth(np.asarray(image), np.asarray(image.convert("L")))
    return _with_channels(pixels)


@functools.cache
def _formats() -> tuple[str, ...]:
    """Return the formats to try, in Pillow's order."""
    Image.init()
    return tuple(name for name in Image.ID if name not in NO_IMAGES)


def _check_depth(exact: NDArray[np.generic], in_eight_bits: Pixels) -> None:
    if not np.array_equal(exact, in_eight_bits):
        raise MeasureError("its values do not fit into 8 bits", "Convert it to 8 bits first.")


def unreadable(file: str, error: Exception) -> MeasureError:
    """Say which file cannot be read, and why, in words that are the same on every machine."""
    hint = _REPLACE
    if isinstance(error, MeasureError):
        why, hint = str(error), error.hint
    elif isinstance(error, RuntimeError) and "encrypted" in str(error):
        why, hint = "it is encrypted", "Pack the images without a password."
    elif isinstance(error, UnidentifiedImageError):  # its text has an address in memory
        why = "it is no image that Pillow knows"
    elif isinstance(error, OSError) and error.strerror:  # its text has the whole path
        why = error.strerror
    else:
        said = visible(str(error).strip().partition("\n")[0], _LONGEST_REASON)
        name = type(error).__name__  # zlib's and struct's is `error`
        untold = said and (isinstance(error, OSError) or name == "error")
        why = said if untold else f"{name}: {said}".removesuffix(": ")
    return MeasureError(f"{file} cannot be read: {why}", hint)


def _as_image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _with_channels(pixels: Pixels) -> Pixels:
    return pixels[:, :, np.newaxis] if pixels.ndim == 2 else pixels
