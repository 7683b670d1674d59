"""What is read of data sets: the right pixels, or the right complaint."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from reportgen.common.errors import MeasureError
from reportgen.data.normalizations import NORMALIZATIONS
from reportgen.data.search import Search
from reportgen.data.source import DataRequest
from reportgen.data.splits import load
from tests.data.layouts import (
    catalogued,
    cifar_batch,
    files,
    here,
    png,
    random_images,
    write_folder,
    write_zip,
)

CIFAR10 = catalogued("cifar10")


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def pets(root: Path, **changes: object) -> DataRequest:
    """Write a data set of the user's own, two images of two classes, and return its source."""
    write_folder(
        root / "pets",
        {
            "val/cat/a.png": png(picture(4, 6, seed=1)),
            "val/cat/b.bmp": png(picture(4, 6, seed=2), "bmp"),
            "val/ape/sub/a.png": png(picture(4, 6, seed=3)),
            "val/ape/b.webp": png(picture(4, 6, seed=4), "webp"),
            "train/cat/a.png": png(picture(4, 6, seed=5)),
            "train/ape/a.png": png(picture(4, 6, seed=6)),
        },
    )
    settings = {"shape": (3, 4, 6), "classes": 2, "name": "pets", "path": "pets", **changes}
    return DataRequest("folder", **settings)  # type: ignore[arg-type]


def complaint(dataset: DataRequest, split: str, root: Path) -> tuple[str, str]:
    with pytest.raises(MeasureError) as error:
        load(dataset, split, Search((), offline=True, spec_dir=root))
    return str(error.value), error.value.hint


def test_a_folder_beside_the_spec(tmp_path: Path) -> None:
    split = load(pets(tmp_path), "val", Search(spec_dir=tmp_path))

    assert split.class_names == ("ape", "cat")
    assert split.images.shape == (4, 3, 4, 6)
    assert sorted(split.labels) == [0, 0, 1, 1]
    first = picture(4, 6, seed=1).transpose(2, 0, 1)
    assert sum((image == first).all() for image in split.images) == 1


def test_a_folder_in_a_data_directory_and_as_zip(tmp_path: Path) -> None:
    dataset = pets(tmp_path / "data")
    split = load(dataset, "train", Search((tmp_path / "data",), spec_dir=tmp_path))
    zipped = DataRequest("folder", (3, 4, 6), 2, name="pets", path="pets.zip")
    write_zip(
        tmp_path / "pets.zip",
        {
            f"pets/{name}": (tmp_path / "data" / "pets" / name).read_bytes()
            for name in ("train/cat/a.png", "train/ape/a.png")
        },
    )

    assert load(zipped, "train", Search(spec_dir=tmp_path)).fingerprint == split.fingerprint


def test_resizing(tmp_path: Path) -> None:
    plain = load(pets(tmp_path), "val", Search(spec_dir=tmp_path))
    small = pets(tmp_path, shape=(3, 2, 2), resize=2)

    split = load(small, "val", Search(spec_dir=tmp_path))

    assert split.images.shape == (4, 3, 2, 2)
    assert split.fingerprint == plain.fingerprint
    # The same pictures in the same order, as torch makes them smaller.
    exact = F.interpolate(
        torch.from_numpy(plain.images).float(), (2, 2), mode="bilinear", antialias=True
    )
    assert np.abs(split.images - exact.numpy()).max() <= 1


def test_images_of_another_size(tmp_path: Path) -> None:
    write_folder(tmp_path, {"pets/val/cat/c.png": png(picture(8, 6))})
    assert complaint(pets(tmp_path), "val", tmp_path) == (
        "'val/cat/c.png' in pets is 8×6, and the spec declares 4×6",
        "Write 'resize: 4' to resize all images, or correct 'shape'.",
    )


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (
            png(picture(4, 6))[:90],
            "'val/cat/z.png' in pets cannot be read: image file is truncated",
            "Replace the file, or take it out of the data set.",
        ),
        (
            b"no picture",
            "'val/cat/z.png' in pets cannot be read: it is no image that Pillow knows",
            "Replace the file, or take it out of the data set.",
        ),
    ],
)
def test_a_broken_image_is_named(content: bytes, message: str, hint: str, tmp_path: Path) -> None:
    write_folder(tmp_path, {"pets/val/cat/z.png": content})
    assert complaint(pets(tmp_path), "val", tmp_path) == (message, hint)
    # Nothing is left of the attempt.
    assert not list((tmp_path / "cache" / "data").glob("*.raw"))


def test_sixteen_bits_are_not_cut_off(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((4, 6), 40_000, np.uint16)).save(file, "png")
    write_folder(tmp_path, {"pets/val/cat/z.png": file.getvalue()})
    assert complaint(pets(tmp_path), "val", tmp_path) == (
        "'val/cat/z.png' in pets cannot be read: its values do not fit into 8 bits",
        "Convert it to 8 bits first.",
    )


def test_the_wrong_number_of_classes(tmp_path: Path) -> None:
    assert complaint(pets(tmp_path, classes=3), "val", tmp_path) == (
        "there are 2 classes in pets (ape, cat), and the spec declares 3",
        "Each folder of images is one class. Correct `classes` in the spec, or the data.",
    )
    # Nor does it pass once it has been decoded with the right number.
    load(pets(tmp_path), "val", Search(spec_dir=tmp_path))
    assert complaint(pets(tmp_path, classes=3), "val", tmp_path)[0] == (
        "there are 2 classes in pets (ape, cat), and the spec declares 3"
    )


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    assert complaint(pets(tmp_path), "test", tmp_path) == (
        "there is no split 'test' in pets, only train, val",
        "Write one of them as `split`.",
    )
    assert complaint(CIFAR10, "val", tmp_path) == (
        "CIFAR-10 has no split 'val'",
        "It has test and train.",
    )
    assert complaint(catalogued("digits"), "val", tmp_path) == (
        "scikit-learn's digits has no split 'val'",
        "It has test and train.",
    )


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    gone = DataRequest("folder", (3, 4, 6), 2, name="pets", path="gone")
    assert complaint(gone, "val", tmp_path) == (
        "there is no folder or zip 'gone'",
        "`path` is looked for beside the spec, then in each --data-dir.",
    )


def test_a_folder_that_is_no_class(tmp_path: Path) -> None:
    entries = files(random_images("cifar10", 10))
    renamed = {name.replace("airplane", "aeroplane"): data for name, data in entries.items()}
    write_zip(tmp_path / "cifar10-test.zip", renamed)
    with pytest.raises(MeasureError) as error:
        load(CIFAR10, "test", here(tmp_path))
    assert str(error.value) == "the folder 'aeroplane' is no class of CIFAR-10"
    assert error.value.hint == "Name folders after the classes. Did you mean 'airplane'?"


def test_classes_may_be_named_by_their_labels(tmp_path: Path) -> None:
    images = random_images("cifar10", 20)
    write_folder(tmp_path / "a" / "cifar10-test", files(images))
    names = [name for name, _ in images[:10]]
    numbered = [(f"{names.index(name):02}", pixels) for name, pixels in images]
    write_folder(tmp_path / "b" / "cifar10-test", files(numbered))

    by_name = load(CIFAR10, "test", here(tmp_path / "a"))

    assert load(CIFAR10, "test", here(tmp_path / "b")).fingerprint == by_name.fingerprint


def test_no_zip_after_all(tmp_path: Path) -> None:
    (tmp_path / "cifar10-test.zip").write_bytes(b"404 not found")
    with pytest.raises(MeasureError) as error:
        load(CIFAR10, "test", here(tmp_path))
    assert str(error.value) == "'cifar10-test.zip' is no readable zip archive"


class Exploit:
    """What a hostile pickle would hold."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("this ran",))


@pytest.mark.parametrize(
    "batch",
    [
        pickle.dumps({"data": Exploit(), "labels": []}),
        pickle.dumps([1, 2]),
        b"nothing of the kind",
        cifar_batch(random_images("cifar10", 10))[:-200],
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}),
        pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [10]}),
        pickle.dumps({"data": np.zeros((1, 3072), np.float32), "labels": [1]}),
        pickle.dumps({"data": np.zeros((1, 3000), np.uint8), "labels": [1]}),
    ],
)
def test_a_batch_that_is_none(
    batch: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(tmp_path, {"cifar-10-batches-py/test_batch": batch})
    with pytest.raises(MeasureError) as error:
        load(CIFAR10, "test", here(tmp_path))
    assert str(error.value) == "the files of CIFAR-10 are broken (test_batch)"
    assert error.value.hint == "Download them again."
    assert capsys.readouterr().out == ""


def test_grey_palette_and_transparent_images_become_rgb(tmp_path: Path) -> None:
    for number, mode in enumerate(("L", "P", "1", "RGBA", "LA", "CMYK")):
        file = io.BytesIO()
        kind = "jpeg" if mode == "CMYK" else "png"
        Image.new("RGB", (6, 4), (255, 255, 255)).convert(mode).save(file, kind)
        suffix = "jpg" if mode == "CMYK" else "png"
        write_folder(tmp_path, {f"pets/test/{number % 2}/{mode}.{suffix}": file.getvalue()})
    dataset = DataRequest("folder", (3, 4, 6), 2, name="pets", path="pets")

    split = load(dataset, "test", Search(spec_dir=tmp_path))

    assert split.images.shape == (6, 3, 4, 6)
    assert (split.images == 255).all()


def test_digits() -> None:
    from sklearn.datasets import load_digits

    train = load(catalogued("digits"), "train", here())
    test = load(catalogued("digits"), "test", here())

    assert (len(train), len(test)) == (1_438, 359)
    assert test.class_names == tuple("0123456789")
    # Sixteenths come back exactly; every fifth image is a test image, with its own label.
    original = load_digits()
    chosen = {
        (image.astype(np.uint8).tobytes(), label)
        for image, label in zip(original.images[4::5], original.target[4::5], strict=True)
    }
    sixteenths = np.rint(test.images / (255 / 16)).astype(np.uint8)
    assert chosen == {
        (image.tobytes(), label) for image, label in zip(sixteenths, test.labels, strict=True)
    }


def figures_of(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and deviation of each channel, to four places, from the counts of the 256 values."""
    mean, std = [], []
    for channel in range(images.shape[1]):
        counts = np.bincount(images[:, channel].ravel(), minlength=256)
        values = np.arange(256) / 255
        mean.append((counts * values).sum() / counts.sum())
        std.append(np.sqrt((counts * values**2).sum() / counts.sum() - mean[-1] ** 2))
    return [round(value, 4) for value in mean], [round(value, 4) for value in std]


def test_the_normalisation_of_digits_is_that_of_their_training_split() -> None:
    mean, std = NORMALIZATIONS["digits"]
    assert figures_of(load(catalogued("digits"), "train", here()).images) == ([*mean], [*std])


@pytest.mark.slow
def test_the_normalisation_of_cifar10_is_that_of_its_training_split(data_dir: Path) -> None:
    split = load(CIFAR10, "train", here(data_dir))
    mean, std = NORMALIZATIONS["cifar10"]
    assert len(split) == 50_000
    assert figures_of(split.images) == ([*mean], [*std])


def test_random_images_are_the_same_every_time() -> None:
    dataset = DataRequest("synthetic", (3, 8, 8), 7, count=20)
    first, second = load(dataset, "test", here()), load(dataset, "test", here())
    other = load(dataset, "train", here())

    assert first.no_answers == "random images have no right answer"
    assert first.images.shape == (20, 3, 8, 8)
    assert set(first.labels) <= set(range(7))
    np.testing.assert_array_equal(first.images, second.images)
    assert first.fingerprint == second.fingerprint != other.fingerprint
    assert (first.images != other.images).any()
