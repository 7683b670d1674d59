"""The same images in every layout: found, and the same to the last byte."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reportgen.common.errors import MissingError
from reportgen.data.known import find, fingerprint_if_known
from reportgen.data.splits import load
from tests.data.layouts import (
    Labelled,
    catalogued,
    cifar_batch,
    files,
    gzipped,
    here,
    idx_files,
    random_images,
    write_folder,
    write_zip,
)

CIFAR10 = catalogued("cifar10")

Writer = Callable[[Path, list[Labelled]], None]

LAYOUTS: dict[str, Writer] = {
    "cifar10-test.zip": lambda root, images: write_zip(
        root / "cifar10-test.zip", files(images, "test/")
    ),
    "cifar10-test.zip, classes at the top": lambda root, images: write_zip(
        root / "cifar10-test.zip", files(images)
    ),
    "cifar10-test.zip, one folder around": lambda root, images: write_zip(
        root / "cifar10-test.zip", files(images, "cifar/")
    ),
    "cifar10.zip": lambda root, images: write_zip(root / "cifar10.zip", files(images, "test/")),
    "cifar10.zip, one folder around": lambda root, images: write_zip(
        root / "cifar10.zip", files(images, "cifar/test/")
    ),
    "cifar10/test/": lambda root, images: write_folder(root / "cifar10", files(images, "test/")),
    "cifar10-test/": lambda root, images: write_folder(root / "cifar10-test", files(images)),
    "other order, other names, other files between": lambda root, images: write_folder(
        root / "cifar10-test",
        {name.replace(".png", "-x.PNG"): content for name, content in files(images[::-1]).items()}
        | {"README.md": b"", "dog/.hidden.png": b"", ".trash/old.png": b""},
    ),
    "cifar-10-batches-py/": lambda root, images: write_folder(
        root, {"cifar-10-batches-py/test_batch": cifar_batch(images)}
    ),
    "a folder around cifar-10-batches-py/": lambda root, images: write_folder(
        root / "torchvision", {"cifar-10-batches-py/test_batch": cifar_batch(images)}
    ),
}


@pytest.fixture(scope="module")
def images() -> list[Labelled]:
    return random_images("cifar10", 30)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_arrays(
    layout: str, images: list[Labelled], tmp_path: Path
) -> None:
    write_zip(tmp_path / "reference" / "cifar10-test.zip", files(images, "test/"))
    LAYOUTS[layout](tmp_path / "data", images)
    reference = load(CIFAR10, "test", here(tmp_path / "reference"))

    split = load(CIFAR10, "test", here(tmp_path / "data"))

    assert split.fingerprint == reference.fingerprint
    assert split.class_names[:3] == ("airplane", "automobile", "bird")
    np.testing.assert_array_equal(split.images, reference.images)
    np.testing.assert_array_equal(split.labels, reference.labels)
    # And they are the images that were written, each with its class.
    written = {(pixels.transpose(2, 0, 1).tobytes(), name) for name, pixels in images}
    assert written == {
        (image.tobytes(), split.class_names[label])
        for image, label in zip(split.images, split.labels, strict=True)
    }


def test_real_images_as_zip_and_as_batches(data_dir: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(data_dir / "cifar10-test.zip") as archive:
        chosen = archive.namelist()[::250]
        entries = {name: archive.read(name) for name in chosen}
    pictures = [
        (name.split("/")[1], np.asarray(Image.open(BytesIO(content))))
        for name, content in entries.items()
    ]
    write_zip(tmp_path / "zip" / "cifar10-test.zip", entries)
    write_folder(tmp_path / "py", {"cifar-10-batches-py/test_batch": cifar_batch(pictures)})

    zipped = load(CIFAR10, "test", here(tmp_path / "zip"))
    batches = load(CIFAR10, "test", here(tmp_path / "py"))

    assert len(zipped) == 40
    assert zipped.fingerprint == batches.fingerprint
    np.testing.assert_array_equal(zipped.images, batches.images)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("packed", [False, True])
def test_mnist_as_idx_and_as_folders(name: str, packed: bool, tmp_path: Path) -> None:
    dataset = catalogued(name)
    images = random_images(name, 20)
    folder = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[name]
    raw = idx_files(images, name)
    write_folder(tmp_path / "a" / folder / "raw", gzipped(raw) if packed else raw)
    write_folder(tmp_path / "b" / f"{name}-test", files(images))

    binary = load(dataset, "test", here(tmp_path / "a"))
    folders = load(dataset, "test", here(tmp_path / "b"))

    assert binary.images.shape == (20, 1, 28, 28)
    assert binary.fingerprint == folders.fingerprint
    np.testing.assert_array_equal(binary.labels, folders.labels)


def test_cifar100_batches_have_fine_labels(tmp_path: Path) -> None:
    images = random_images("cifar100", 100)
    write_folder(tmp_path / "a", {"cifar-100-python/test": cifar_batch(images, "cifar100")})
    write_folder(tmp_path / "b" / "cifar100-test", files(images))

    binary = load(catalogued("cifar100"), "test", here(tmp_path / "a"))

    assert binary.class_names[99] == "worm"
    assert load(catalogued("cifar100"), "test", here(tmp_path / "b")).fingerprint == (
        binary.fingerprint
    )


def test_the_training_split_is_all_five_batches(tmp_path: Path) -> None:
    images = random_images("cifar10", 50)
    for number in range(5):
        batch = cifar_batch(images[10 * number : 10 * number + 10])
        write_folder(tmp_path, {f"cifar-10-batches-py/data_batch_{number + 1}": batch})

    assert len(load(CIFAR10, "train", here(tmp_path))) == 50

    (tmp_path / "cifar-10-batches-py" / "data_batch_3").unlink()
    assert find(CIFAR10, "train", here(tmp_path)) is None


def test_an_archive_without_the_split_hides_no_other(
    images: list[Labelled], tmp_path: Path
) -> None:
    write_zip(tmp_path / "cifar10.zip", files(images, "train/"))
    write_folder(tmp_path / "cifar10", files(images, "test/"))

    split = load(CIFAR10, "test", here(tmp_path))

    assert fingerprint_if_known(CIFAR10, "test", here(tmp_path)) == split.fingerprint


def test_the_first_data_directory_counts(images: list[Labelled], tmp_path: Path) -> None:
    write_zip(tmp_path / "a" / "cifar10-test.zip", files(images[:10]))
    write_zip(tmp_path / "b" / "cifar10-test.zip", files(images))

    assert len(load(CIFAR10, "test", here(tmp_path / "a", tmp_path / "b"))) == 10
    assert len(load(CIFAR10, "test", here(tmp_path / "c", tmp_path / "b"))) == 30


def test_what_is_nowhere_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as error:
        load(CIFAR10, "test", here(tmp_path))
    assert str(error.value) == (
        "CIFAR-10 (test) is not in the data directory and could not be downloaded"
    )
    assert error.value.hint == (
        "Pass --data-dir DIR with cifar10-test.zip (test/CLASS/*.png) or torchvision's "
        "cifar-10-batches-py in it."
    )
