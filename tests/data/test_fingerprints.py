"""A fingerprint follows from the images and their classes, and from nothing else."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reportgen.common import cache
from reportgen.common.errors import MeasureError
from reportgen.data.known import find, fingerprint_if_known
from reportgen.data.search import Search
from reportgen.data.source import DATA_SOURCES, DataRequest
from reportgen.data.splits import load
from reportgen.data.store import fingerprint_of, image_digest
from tests.data.layouts import (
    Labelled,
    catalogued,
    cifar_batch,
    files,
    here,
    random_images,
    write_folder,
    write_zip,
)

CIFAR10 = catalogued("cifar10")


def digest(images: list[Labelled]) -> str:
    return fingerprint_of(image_digest(name, pixels) for name, pixels in images)


@given(st.randoms(use_true_random=False), st.integers(1, 30))
def test_the_order_does_not_count(random: object, count: int) -> None:
    images = random_images("cifar10", count)
    shuffled = list(images)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert digest(shuffled) == digest(images)


@given(st.integers(0, 9), st.integers(0, 3071), st.integers(1, 255))
def test_each_pixel_counts(image: int, pixel: int, change: int) -> None:
    images = random_images("cifar10", 10)
    name, pixels = images[image]
    changed = pixels.copy()
    changed.ravel()[pixel] ^= change
    assert digest([*images[:image], (name, changed), *images[image + 1 :]]) != digest(images)


def test_class_shape_and_number_count() -> None:
    pixels = np.zeros((2, 8, 3), np.uint8)
    variants = [
        [("cat", pixels)],
        [("dog", pixels)],
        [("cat", pixels.reshape(4, 4, 3))],
        [("cat", pixels.reshape(8, 2, 3))],
        [("cat", pixels), ("cat", pixels)],
        [],
    ]
    assert len({digest(images) for images in variants}) == len(variants)


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(20)), st.sampled_from(["zip", "folder", "batch"]))
def test_layout_and_order_do_not_count(order: list[int], layout: str) -> None:
    images = random_images("cifar10", 20)
    shuffled = [images[index] for index in order]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if layout == "zip":
            write_zip(root / "cifar10.zip", files(shuffled, "test/"))
        elif layout == "folder":
            write_folder(root / "cifar10-test", files(shuffled))
        else:
            write_folder(root, {"cifar-10-batches-py/test_batch": cifar_batch(shuffled)})
        split = load(CIFAR10, "test", here(root))
        digests = [
            image_digest(split.class_names[label], image.transpose(1, 2, 0))
            for image, label in zip(split.images, split.labels, strict=True)
        ]
        assert split.fingerprint == digest(images)
        assert digests == sorted(digests)


def test_it_is_known_after_the_first_reading_and_until_a_file_changes(tmp_path: Path) -> None:
    archive = tmp_path / "cifar10-test.zip"
    write_zip(archive, files(random_images("cifar10", 10)))
    search = here(tmp_path)
    assert fingerprint_if_known(CIFAR10, "test", search) is None
    assert find(CIFAR10, "test", search)

    split = load(CIFAR10, "test", search)
    assert fingerprint_if_known(CIFAR10, "test", search) == split.fingerprint
    assert fingerprint_if_known(CIFAR10, "train", search) is None

    write_zip(archive, files(random_images("cifar10", 11)))
    assert fingerprint_if_known(CIFAR10, "test", search) is None
    assert load(CIFAR10, "test", search).fingerprint != split.fingerprint


def test_a_changed_file_in_a_folder_is_noticed(tmp_path: Path) -> None:
    entries = files(random_images("cifar10", 10))
    write_folder(tmp_path / "cifar10-test", entries)
    load(CIFAR10, "test", here(tmp_path))
    changed = tmp_path / "cifar10-test" / next(iter(entries))
    status = changed.stat()

    os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns + 1))

    assert fingerprint_if_known(CIFAR10, "test", here(tmp_path)) is None


def test_what_needs_no_files(tmp_path: Path) -> None:
    digits, search = catalogued("digits"), here(tmp_path)
    synthetic = DataRequest("synthetic", (1, 4, 4), 2)
    assert fingerprint_if_known(digits, "test", search) is None
    assert find(digits, "test", search)
    assert find(synthetic, "test", search)
    assert fingerprint_if_known(digits, "test", search) is None

    split = load(digits, "test", search)

    assert fingerprint_if_known(digits, "test", search) == split.fingerprint
    assert fingerprint_if_known(synthetic, "test", search) == (
        load(synthetic, "test", search).fingerprint
    )


def test_what_is_wrong_is_left_for_loading_to_say(tmp_path: Path) -> None:
    (tmp_path / "cifar10-test.zip").write_bytes(b"broken")
    gone = DataRequest("folder", (3, 4, 4), 2, name="pets", path="gone")
    for dataset in (CIFAR10, gone):
        assert fingerprint_if_known(dataset, "test", here(tmp_path)) is None
        with pytest.raises(MeasureError):
            find(dataset, "test", here(tmp_path))


@pytest.mark.parametrize("damage", ["truncated", "empty", "gone", "a bit", "labels"])
def test_a_damaged_cache_is_made_again(damage: str, tmp_path: Path) -> None:
    write_zip(tmp_path / "cifar10-test.zip", files(random_images("cifar10", 10)))
    before = load(CIFAR10, "test", here(tmp_path))
    before = dataclasses.replace(before, images=before.images.copy())
    (images,) = cache.root().glob("data/arrays/*/images.npy")
    if damage == "truncated":
        os.truncate(images, images.stat().st_size - 1)
    elif damage == "empty":
        os.truncate(images, 0)
    elif damage == "gone":
        images.unlink()
    elif damage == "a bit":
        content = bytearray(images.read_bytes())
        content[-1] ^= 1
        images.write_bytes(content)
    else:
        labels = images.with_name("labels.npy")
        np.save(labels, np.load(labels)[::-1])

    after = load(CIFAR10, "test", here(tmp_path))

    np.testing.assert_array_equal(after.images, before.images)
    np.testing.assert_array_equal(after.labels, before.labels)
    assert sorted(path.name for path in images.parent.parent.iterdir()) == [images.parent.name]


def test_the_arrays_are_mapped_and_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_zip(tmp_path / "cifar10-test.zip", files(random_images("cifar10", 10)))
    load(CIFAR10, "test", here(tmp_path))
    monkeypatch.setattr("reportgen.data.splits.keep", None)  # decoding again would call it

    split = load(CIFAR10, "test", here(tmp_path))

    assert isinstance(split.images, np.memmap)
    split.images[:] = 0  # a stray write stays in this process
    assert load(CIFAR10, "test", here(tmp_path)).images.any()


def test_looking_up_imports_neither_torch_nor_numpy(tmp_path: Path) -> None:
    write_zip(tmp_path / "cifar10-test.zip", files(random_images("cifar10", 10)))
    split = load(CIFAR10, "test", Search((tmp_path,)))
    program = """
import json, pathlib, sys
from reportgen.plan.checkpoints import locate_weights
from reportgen.data.known import find, fingerprint_if_known
from reportgen.data.search import Search
from reportgen.data.source import DataRequest
search = Search((pathlib.Path(sys.argv[1]),))
cifar10 = DataRequest("cifar10", (3, 32, 32), 10)
found = fingerprint_if_known(cifar10, "test", search)
fingerprint_if_known(DataRequest("digits", (1, 8, 8), 10), "test", search)
heavy = sorted({"torch", "numpy", "torchvision", "sklearn", "PIL"} & set(sys.modules))
print(json.dumps([found, find(cifar10, "test", search) is not None, heavy]))
"""
    output = subprocess.check_output([sys.executable, "-c", program, str(tmp_path)], text=True)
    assert json.loads(output) == [split.fingerprint, True, []]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "split", "fingerprint"),
    [
        ("cifar10", "test", "bb8e5289543a434ca18288b510c5dd601706d03e0f3db3fc46c46c8f2bdefca9"),
        ("cifar100", "test", "d0a02edbd16972aa531b14ab8512673a7229a87dd7e4592a538a0dcb57a0c897"),
    ],
)
def test_the_real_data_sets(name: str, split: str, fingerprint: str, data_dir: Path) -> None:
    loaded = load(catalogued(name), split, here(data_dir))
    assert loaded.fingerprint == fingerprint
    assert loaded.class_names == DATA_SOURCES[name].class_names
    assert set(np.bincount(loaded.labels)) == {10_000 // len(DATA_SOURCES[name].class_names)}
