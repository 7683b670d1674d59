"""Whatever Pillow reads is read, and gives the pixels that torchvision's ImageFolder gives."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from reportgen.common.errors import MeasureError
from reportgen.data.image_tree import SUFFIXES
from reportgen.data.images import NO_IMAGES
from reportgen.data.search import Search
from reportgen.data.source import DataRequest
from reportgen.data.splits import load
from tests.data.layouts import write_folder, write_zip

SIZE = (6, 4)


def picture(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def in_palette(seed: int) -> Image.Image:
    return picture(seed).quantize(16)


def transparent(mode: str, seed: int) -> Image.Image:
    image = picture(seed).convert(mode)
    image.putalpha(Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6) * 10))
    return image


def turned(seed: int) -> bytes:
    """A photo that a camera says is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(picture(seed), "JPEG", exif=exif)


def deep(kind: str, dtype: type) -> bytes:
    """More than eight bits a pixel, of which eight are used."""
    pixels = np.random.default_rng(5).integers(0, 256, (SIZE[1], SIZE[0]))
    return encoded(Image.fromarray(pixels.astype(dtype)), kind)


FILES: dict[str, bytes] = {
    "rgb.png": encoded(picture(1), "PNG"),
    "upper.PNG": encoded(picture(2), "PNG"),
    "photo.JPEG": encoded(picture(3), "JPEG"),
    "turned.jpg": turned(4),
    "print.jpe": encoded(picture(5).convert("CMYK"), "JPEG"),
    "frames.gif": encoded(
        in_palette(6), "GIF", save_all=True, append_images=[in_palette(7)], duration=50
    ),
    "frames.apng": encoded(picture(8), "PNG", save_all=True, append_images=[picture(9)]),
    "see-through.gif": encoded(in_palette(10), "GIF", transparency=3),
    "pages.tif": encoded(picture(11), "TIFF", save_all=True, append_images=[picture(12)]),
    "packed.tiff": encoded(picture(13), "TIFF", compression="tiff_lzw"),
    "print.tiff": encoded(picture(14).convert("CMYK"), "TIFF"),
    "rgb.ppm": encoded(picture(16), "PPM"),
    "grey.pgm": encoded(picture(17).convert("L"), "PPM"),
    "bits.pbm": encoded(picture(18).convert("1"), "PPM"),
    "rgb.bmp": encoded(picture(19), "BMP"),
    "lossy.webp": encoded(picture(20), "WEBP"),
    "rgb.tga": encoded(picture(21), "TGA"),
    "rgb.pcx": encoded(picture(22), "PCX"),
    "rgb.jp2": encoded(picture(23), "JPEG2000"),
    "rgb.sgi": encoded(picture(24), "SGI"),
    "rgb.qoi": encoded(picture(25), "QOI"),
    "palette.png": encoded(in_palette(26), "PNG"),
    "hole.png": encoded(in_palette(27), "PNG", transparency=2),
    "holes.png": encoded(in_palette(28), "PNG", transparency=bytes(range(0, 160, 10))),
    "clear.png": encoded(transparent("RGB", 29), "PNG"),
    "clear-grey.png": encoded(transparent("L", 30), "PNG"),
    "bits.png": encoded(picture(31).convert("1"), "PNG"),
    "deep.png": deep("PNG", np.uint16),
    "deep.tif": deep("TIFF", np.uint16),
    "deeper.tif": deep("TIFF", np.int32),
    "float.tif": deep("TIFF", np.float32),
    "a photo in fact.png": encoded(picture(32), "JPEG"),
}


def folder(name: str) -> DataRequest:
    return DataRequest("folder", (3, SIZE[1], SIZE[0]), 2, name="pets", path=name)


def of_imagefolder(root: Path) -> Counter[tuple[int, bytes]]:
    """What torchvision makes of a folder: label and pixels of each image."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ImageFolder(str(root), is_valid_file=lambda _: True)
        return Counter((label, np.asarray(image).tobytes()) for image, label in found)


@pytest.mark.parametrize("packed", [False, True])
def test_every_format_gives_what_torchvision_gives(packed: bool, tmp_path: Path) -> None:
    entries = {
        f"test/{number % 2}/{name}": data for number, (name, data) in enumerate(FILES.items())
    }
    write_folder(tmp_path / "pets", entries)
    write_zip(tmp_path / "pets.zip", entries)

    split = load(folder("pets.zip" if packed else "pets"), "test", Search(spec_dir=tmp_path))

    ours = Counter(
        (int(label), image.transpose(1, 2, 0).tobytes())
        for image, label in zip(split.images, split.labels, strict=True)
    )
    assert len(split) == len(FILES)
    assert split.left_out == ""
    assert ours == of_imagefolder(tmp_path / "pets" / "test")


@pytest.mark.filterwarnings("ignore:Palette images")
@pytest.mark.parametrize("channels", [1, 4])
def test_other_numbers_of_channels_are_pillows_conversion(channels: int, tmp_path: Path) -> None:
    names = ["rgb.png", "holes.png", "clear-grey.png", "print.jpe", "deep.png"]
    write_folder(tmp_path / "pets", {f"test/{name[0]}/{name}": FILES[name] for name in names})
    classes = len({name[0] for name in names})
    dataset = DataRequest("folder", (channels, 4, 6), classes, name="pets", path="pets")

    split = load(dataset, "test", Search(spec_dir=tmp_path))

    mode = {1: "L", 4: "RGBA"}[channels]
    expected = [
        np.asarray(Image.open(io.BytesIO(FILES[name])).convert(mode)).tobytes() for name in names
    ]
    assert Counter(image.transpose(1, 2, 0).tobytes() for image in split.images) == (
        Counter(expected)
    )


def test_the_suffixes_are_those_that_pillow_reads() -> None:
    Image.init()
    known = {
        suffix
        for suffix, kind in Image.registered_extensions().items()
        if kind in Image.OPEN and kind not in NO_IMAGES
    }
    assert known - set(SUFFIXES) == set()


@pytest.mark.parametrize(
    "pixels",
    [np.uint16([[256]]), np.uint16([[65_535]]), np.int32([[-1]]), np.float32([[0.5]])],
    ids=str,
)
def test_values_that_eight_bits_do_not_hold_are_refused(pixels: np.ndarray, tmp_path: Path) -> None:
    # Pillow would cut them off at 0 and 255: a white image, in the end.
    write_folder(
        tmp_path / "pets",
        {"test/a/x.tif": encoded(Image.fromarray(pixels), "TIFF"), "test/b/y.png": b""},
    )
    with pytest.raises(MeasureError) as error:
        load(folder("pets"), "test", Search(spec_dir=tmp_path))
    assert str(error.value) == (
        "'test/a/x.tif' in pets cannot be read: its values do not fit into 8 bits"
    )
    assert error.value.hint == "Convert it to 8 bits first."


def test_no_program_runs_for_a_file_of_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostScript is a program: Pillow would give it to Ghostscript."""
    monkeypatch.setattr("subprocess.check_call", None)
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 4\n%%EndComments\nshowpage\n"
    write_folder(tmp_path / "pets", {"test/a/x.png": script, "test/b/y.png": FILES["rgb.png"]})
    with pytest.raises(MeasureError) as error:
        load(folder("pets"), "test", Search(spec_dir=tmp_path))
    assert str(error.value) == (
        "'test/a/x.png' in pets cannot be read: it is no image that Pillow knows"
    )
