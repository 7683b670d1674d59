"""Folders and archives as people have them: every image is found, and the rest is named."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from reportgen.common.errors import MeasureError, MissingError
from reportgen.data.known import find, fingerprint_if_known
from reportgen.data.search import Search
from reportgen.data.source import DataRequest
from reportgen.data.splits import load
from reportgen.data.store import Split
from tests.data.layouts import catalogued, files, png, random_images, write_folder, write_zip


def shade(value: int) -> bytes:
    """A picture that is known by its shade."""
    return png(np.full((2, 2, 3), value, np.uint8))


def pets(path: str = "pets", classes: int = 2) -> DataRequest:
    return DataRequest("folder", (3, 2, 2), classes, name="Pets", path=path)


def read(root: Path, *, path: str = "pets", split: str = "test", classes: int = 2) -> Split:
    return load(pets(path, classes), split, Search((), offline=True, spec_dir=root))


def shades(split: Split) -> set[tuple[int, int]]:
    """Label and shade of each image."""
    pairs = zip(split.labels, split.images[:, 0, 0, 0], strict=True)
    return {(int(label), int(value)) for label, value in pairs}


def complaint(root: Path, **more: object) -> tuple[str, str]:
    with pytest.raises(MeasureError) as error:
        read(root, **more)  # type: ignore[arg-type]
    return str(error.value), error.value.hint


TWO = {"test/a/0.png": shade(10), "test/b/0.png": shade(20)}
BOTH = {(0, 10), (1, 20)}


def under(split: str) -> dict[str, bytes]:
    return {name.replace("test", split, 1): data for name, data in TWO.items()}


# Splits


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("val", "validation"),
        ("validation", "val"),
        ("valid", "val"),
        ("val", "valid"),
        ("validation", "Valid"),
        ("train", "training"),
        ("test", "Testing"),
        ("test", "TEST"),
        ("Fold 1", "fold 1"),
    ],
)
@pytest.mark.parametrize("around", ["", "pets-master/", "data/pets/"])
def test_a_split_is_found_by_its_other_names(
    asked: str, there: str, around: str, tmp_path: Path
) -> None:
    entries = under(there) | {f"other/{name}": shade(1) for name in ("a/1.png", "b/1.png")}
    write_folder(tmp_path / "pets", {around + name: data for name, data in entries.items()})
    assert shades(read(tmp_path, split=asked)) == BOTH


def test_a_splits_own_name_goes_before_its_others(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", under("val") | {"valid/a/1.png": shade(1)})
    assert shades(read(tmp_path, split="val")) == BOTH


def test_two_folders_that_may_be_meant(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", under("val") | under("valid") | under("train"))
    assert complaint(tmp_path, split="validation") == (
        "'validation' may be val, valid in pets",
        "Write one of them as `split`.",
    )


@pytest.mark.parametrize(
    ("entries", "message", "hint"),
    [
        (
            under("train") | under("val"),
            "there is no split 'test' in pets, only train, val",
            "Write one of them as `split`.",
        ),
        (
            under("train"),
            "there is no split 'test' in pets, only train",
            "Write that as `split`.",
        ),
        (
            {f"pets-master/{name}": data for name, data in (under("dev") | under("train")).items()},
            "there is no split 'test' in pets, only dev, train",
            "Write one of them as `split`.",
        ),
        (
            {name.removeprefix("test/"): data for name, data in TWO.items()},
            "there is no split 'test' in pets, only the classes a, b",
            "Move them into a folder called 'test'.",
        ),
        (
            under("images"),
            "there is no split 'test' in pets, only the classes a, b",
            "Write 'images' as `split`, or call that folder 'test'.",
        ),
        (
            {"test/a/0.npy": b"", "test/b/notes.txt": b""},
            "there is no image in the folder 'test' of pets, only 2 files: a/0.npy, b/notes.txt",
            "Images lie in SPLIT/CLASS/ in it.",
        ),
        (
            {"README.md": b""},
            "there is no image in pets",
            "Images lie in SPLIT/CLASS/ in it.",
        ),
        (
            {"0.png": shade(1)},
            "there is no image in pets",
            "Images lie in SPLIT/CLASS/ in it.",
        ),
        (
            {"test/0.png": shade(1), "test/1.png": shade(1)},
            "there is no image in the folder 'test' of pets, only 2 files: 0.png, 1.png",
            "Images lie in SPLIT/CLASS/ in it.",
        ),
    ],
)
def test_a_split_that_is_not_there_is_missed_with_those_that_are(
    entries: dict[str, bytes], message: str, hint: str, tmp_path: Path
) -> None:
    write_folder(tmp_path / "pets", entries)
    with pytest.raises(MissingError) as error:
        read(tmp_path)
    assert (str(error.value), error.value.hint) == (message, hint)
    assert not find(pets(), "test", Search(spec_dir=tmp_path))


def test_an_archive_of_another_split_is_not_taken_for_this_one(tmp_path: Path) -> None:
    images = random_images("cifar10", 20)
    write_zip(tmp_path / "cifar10-test.zip", files(images, "train/"))
    with pytest.raises(MissingError) as error:
        load(catalogued("cifar10"), "test", Search((tmp_path,), offline=True))
    assert str(error.value) == (
        "CIFAR-10 (test) is not in the data directory and could not be downloaded: there is no "
        "split 'test' in cifar10-test.zip, only train"
    )


def test_a_folder_that_is_nowhere_is_named_as_the_spec_names_it(tmp_path: Path) -> None:
    for path in ("gone", "gone/pets.zip", "x" * 300):
        message, hint = complaint(tmp_path, path=path)
        shown = path if len(path) < 80 else "x" * 39 + "…" + "x" * 40
        assert message == f"there is no folder or zip '{shown}'"
        assert hint == "`path` is looked for beside the spec, then in each --data-dir."


# Classes


def test_classes_are_in_torchvisions_order(tmp_path: Path) -> None:
    names = ["10", "2", "1", "b", "B", "_", "Ä", "é", "a b", "🐈", "z" * 200]
    entries = {f"test/{name}/{n}.png": shade(n) for n, name in enumerate(names)}
    write_folder(tmp_path / "pets", entries)
    split = read(tmp_path, classes=len(names))
    folder = ImageFolder(str(tmp_path / "pets" / "test"))
    assert list(split.class_names) == folder.classes
    assert shades(split) == {(label, np.asarray(image)[0, 0, 0]) for image, label in folder}


def test_images_in_folders_of_a_class_are_of_that_class(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", {**TWO, "test/a/more/b/1.png": shade(30)})
    assert shades(read(tmp_path)) == {*BOTH, (0, 30)}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("packed", [False, True])
def test_an_empty_folder_is_a_class_where_the_spec_says_so(
    classes: int, packed: bool, tmp_path: Path
) -> None:
    (tmp_path / "pets" / "test" / "aa").mkdir(parents=True)
    write_folder(tmp_path / "pets", TWO)
    if packed:
        with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
            for path in sorted((tmp_path / "pets").rglob("*")):
                archive.write(path, path.relative_to(tmp_path / "pets"))
    split = read(tmp_path, path="pets.zip" if packed else "pets", classes=classes)
    assert shades(split) == {(0, 10), (classes - 1, 20)}


def test_a_class_of_files_that_are_no_images_is_not_passed_over(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", {**TWO, "test/c/0.heic": b"", "test/c/1.heic": b""})
    assert complaint(tmp_path, classes=3) == (
        "there is no image in the folder 'test/c' of pets, only 2 files: 0.heic, 1.heic",
        "Convert them, or remove them.",
    )
    # Of another number of classes it is none.
    assert read(tmp_path, classes=2).left_out == "2 files: c/0.heic, c/1.heic"


def test_a_split_deeper_down_is_not_this_one(tmp_path: Path) -> None:
    entries = {f"{top}/{name}": data for top in ("cats", "dogs") for name, data in TWO.items()}
    write_folder(tmp_path / "pets", entries)
    assert complaint(tmp_path) == (
        "there is no split 'test' in pets, only cats, dogs",
        "Write one of them as `split`.",
    )


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (1, "there are 2 classes in Pets (a, b), and the spec declares 1"),
        (1000, "there are 2 classes in Pets (a, b), and the spec declares 1000"),
    ],
)
def test_another_number_of_classes_names_both(declared: int, message: str, tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", TWO)
    assert complaint(tmp_path, classes=declared)[0] == message


def test_many_classes_are_not_all_named(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", {f"test/{n:02}/0.png": shade(n) for n in range(20)})
    assert complaint(tmp_path, classes=2)[0] == (
        "there are 20 classes in Pets (00, 01, 02, 03, 04, 05, 06, 07, …), and the spec declares 2"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda name: name if "dog" not in name else name.replace("dog", "cat"),
            "CIFAR-10 has 10 classes, and there are folders of 9: without dog",
        ),
        (
            lambda name: name.replace("cat", "Cat") if "/00003.png" in name else name,
            "the folders Cat, cat are one class of CIFAR-10",
        ),
        (
            lambda name: name.replace("dog", "9" * 5000),
            f"the folder '{'9' * 39}…{'9' * 40}' is no class of CIFAR-10",
        ),
    ],
)
def test_folders_of_a_known_data_set(change: object, message: str, tmp_path: Path) -> None:
    entries = files(random_images("cifar10", 40), "test/")
    write_zip(tmp_path / "cifar10.zip", {change(name): data for name, data in entries.items()})  # type: ignore[operator]
    with pytest.raises(MeasureError) as error:
        load(catalogued("cifar10"), "test", Search((tmp_path,), offline=True))
    assert str(error.value) == message


def test_a_known_data_set_has_its_own_number_of_classes(tmp_path: Path) -> None:
    dataset = DataRequest("digits", (1, 8, 8), 7, name="digits")
    with pytest.raises(MeasureError) as error:
        load(dataset, "test", Search(offline=True))
    assert str(error.value) == (
        "there are 10 classes in scikit-learn's digits (0, 1, 2, 3, 4, 5, 6, 7, …), and the spec "
        "declares 7"
    )


# What is left out


@pytest.mark.parametrize("packed", [False, True])
def test_files_that_are_no_images_are_counted_and_named(packed: bool, tmp_path: Path) -> None:
    entries = {
        **TWO,
        "test/a/notes.txt": b"",
        "test/labels.csv": b"",
        "test/stray.png": shade(1),
        "test/b/script.eps": b"",
        "test/b/no suffix": shade(1),
        # No word on what is of no split, hidden, or a file manager's.
        "README.md": b"",
        "train/a/notes.txt": b"",
        "test/.DS_Store": b"",
        "test/a/Thumbs.db": b"",
        "test/a/desktop.ini": b"",
        "test/a/._0.png": b"",
        "__MACOSX/test/a/._0.png": b"",
        "test/.git/x.png": b"",
    }
    write_folder(tmp_path / "pets", entries)
    write_zip(tmp_path / "pets.zip", entries)
    split = read(tmp_path, path="pets.zip" if packed else "pets")
    assert shades(split) == BOTH
    assert split.left_out == "5 files: a/notes.txt, b/no suffix, b/script.eps, …"


def test_what_is_left_out_is_known_when_the_images_are(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", TWO)
    assert read(tmp_path).left_out == ""
    write_folder(tmp_path / "pets", {"test/a/\x1b[31mnew\n.txt": b""})
    assert read(tmp_path).left_out == r"1 file: a/\x1b[31mnew\n.txt"


# Odd names, and links


def test_names_of_any_bytes_are_read(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path / "pets" / "test")
    for number, name in enumerate([b"a\xff", "b\n🐈\\".encode()]):
        os.makedirs(os.path.join(root, name))
        Path(os.fsdecode(os.path.join(root, name, b"\xfe 0.png"))).write_bytes(shade(number))
    split = read(tmp_path)
    assert shades(split) == {(0, 0), (1, 1)}
    assert read(tmp_path).fingerprint == split.fingerprint  # known now
    assert complaint(tmp_path, classes=3)[0] == (
        r"there are 2 classes in Pets (a\udcff, b\n🐈\), and the spec declares 3"
    )
    Path(os.fsdecode(os.path.join(root, b"a\xff", b"\xfe 0.png"))).write_bytes(b"")
    message, _ = complaint(tmp_path)
    assert message == (
        r"'test/a\udcff/\udcfe 0.png' in pets cannot be read: it is no image that Pillow knows"
    )
    message.encode()  # a report can hold it


def test_names_of_any_kind_in_an_archive_are_read(tmp_path: Path) -> None:
    names = {
        "test\\a\\windows.png": (0, 1),
        "./test/a/dot.png": (0, 2),
        "/test/a/absolute.png": (0, 3),
        "../../test/b/above.png": (1, 4),
        "test//b/double.png": (1, 5),
        "test/b/" + "long" * 1000 + ".png": (1, 6),
        "test/b/🐈\n.png": (1, 7),
    }
    write_zip(tmp_path / "pets.zip", {name: shade(value) for name, (_, value) in names.items()})
    before = sorted(tmp_path.parent.parent.glob("*"))
    assert shades(read(tmp_path, path="pets.zip")) == set(names.values())
    assert sorted(tmp_path.parent.parent.glob("*")) == before


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_members_of_one_name_the_last_counts(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for name, value in (("a", 1), ("b", 20), ("a", 10)):
            archive.writestr(f"test/{name}/0.png", shade(value))
    assert shades(read(tmp_path, path="pets.zip")) == BOTH


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    write_folder(tmp_path / "elsewhere", {"a/0.png": shade(10)})
    write_folder(tmp_path / "pets", {"test/b/0.png": shade(20)})
    test = tmp_path / "pets" / "test"
    (test / "a").symlink_to(tmp_path / "elsewhere" / "a")
    for name in ("one", "two"):  # each leads to both
        (test / "b" / name).symlink_to(test)
    (test / "self").symlink_to("self")
    assert shades(read(tmp_path)) == BOTH


def test_a_link_to_nothing_is_an_image_that_is_missed(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", TWO)
    (tmp_path / "pets" / "test" / "a" / "1.png").symlink_to(tmp_path / "gone.png")
    assert complaint(tmp_path)[0] == (
        "'test/a/1.png' in pets cannot be read: No such file or directory"
    )


def test_a_pipe_is_no_image(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", TWO)
    os.mkfifo(tmp_path / "pets" / "test" / "a" / "1.png")
    assert read(tmp_path).left_out == "1 file: a/1.png"


def test_the_folder_of_the_spec_is_called_by_the_data_set(tmp_path: Path) -> None:
    write_folder(tmp_path, {**TWO, "test/a/1.png": b""})
    assert complaint(tmp_path, path=".")[0] == (
        "'test/a/1.png' in Pets cannot be read: it is no image that Pillow knows"
    )


# Archives


def patched(data: bytes, local: int, central: int, change: bytes) -> bytes:
    """Overwrite a field of every header of an archive."""
    changed = bytearray(data)
    for signature, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        at = changed.find(signature)
        while at >= 0:
            changed[at + offset : at + offset + len(change)] = change
            at = changed.find(signature, at + 4)
    return bytes(changed)


def archive(method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as out:
        for name, data in TWO.items():
            out.writestr(name, data)
    return file.getvalue()


def damaged(data: bytes, after: bytes, junk: bytes) -> bytes:
    start = data.index(after) + len(after)
    return data[:start] + junk + data[start + len(junk) :]


FIRST = b"test/a/0.png"
REPLACE = "Replace the file, or take it out of the data set."
ARCHIVES = {
    "encrypted": (
        patched(archive(), 6, 8, b"\x01"),
        "'test/a/0.png' in pets.zip cannot be read: it is encrypted",
        "Pack the images without a password.",
    ),
    "unknown method": (
        patched(archive(), 8, 10, struct.pack("<H", 9)),
        "'test/a/0.png' in pets.zip cannot be read: NotImplementedError: That compression method "
        "is not supported",
        REPLACE,
    ),
    "broken stream": (
        damaged(archive(), FIRST, b"\xff" * 20),
        "'test/a/0.png' in pets.zip cannot be read: Error -3 while decompressing data: invalid "
        "block type",
        REPLACE,
    ),
    "wrong checksum": (
        damaged(archive(zipfile.ZIP_STORED), b"IDAT", b"\0\0\0\0"),
        "'test/a/0.png' in pets.zip cannot be read: BadZipFile: Bad CRC-32 for file 'test/a/0.png'",
        REPLACE,
    ),
    "cut off": (
        archive()[:-30],
        "'pets.zip' is no readable zip archive",
        "Copy or download it again.",
    ),
    "empty": (b"", "'pets.zip' is no readable zip archive", "Copy or download it again."),
    "newer version": (
        patched(archive(), 4, 6, b"\xff"),
        "'pets.zip' is no readable zip archive",
        "Copy or download it again.",
    ),
    "undecodable names": (
        patched(archive(), 6, 8, b"\x00\x08").replace(b"test/a", b"test/\xff"),
        "'pets.zip' is no readable zip archive",
        "Copy or download it again.",
    ),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_an_archive_that_cannot_be_read_is_named(case: str, tmp_path: Path) -> None:
    data, message, hint = ARCHIVES[case]
    (tmp_path / "pets.zip").write_bytes(data)
    assert complaint(tmp_path, path="pets.zip") == (message, hint)
    # Nor does looking whether it is here end in anything.
    assert fingerprint_if_known(pets("pets.zip"), "test", Search(spec_dir=tmp_path)) is None


def test_an_archive_of_another_kind(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "pets.tar.gz", "w:gz"):
        pass
    assert complaint(tmp_path, path="pets.tar.gz") == (
        "'pets.tar.gz' is no readable zip archive",
        "Unpack it into a folder.",
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
        b"GIF89a",
        b"II*\0" + b"\xff" * 30,
        b"RIFF\xff\xff\xff\xffWEBPVP8 ",
        b"P6 99999999 99999999 255\n",
        b"\0\0\2" + b"\xff" * 15,
        b"qoif" + b"\xff" * 20,
        b"8BPS" + b"\xff" * 40,
        b"DDS " + b"\xff" * 130,
        b"icns" + b"\xff" * 40,
    ],
    ids=range(11),
)
def test_a_file_that_is_no_image_after_all_is_named(content: bytes, tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", {**TWO, "test/a/1.png": content})
    message, hint = complaint(tmp_path)
    assert message.startswith("'test/a/1.png' in pets cannot be read: ")
    assert hint == REPLACE
    assert "0x" not in message  # no address, which is another one on every run
    assert str(tmp_path) not in message


@pytest.mark.parametrize(
    "error", [MemoryError(), RecursionError("deep"), struct.error("short"), KeyError("mode")]
)
def test_whatever_a_decoder_raises_names_the_file(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    write_folder(tmp_path / "pets", TWO)
    monkeypatch.setattr(Image.Image, "convert", fail)
    said = {MemoryError: "MemoryError", RecursionError: "RecursionError: deep"}
    said |= {struct.error: "short", KeyError: "KeyError: 'mode'"}
    assert complaint(tmp_path)[0] == (f"'test/a/0.png' in pets cannot be read: {said[type(error)]}")


def test_an_image_of_too_many_pixels_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    write_folder(tmp_path / "pets", {**TWO, "test/b/1.png": png(np.zeros((11, 11, 3), np.uint8))})
    # Up to twice as many are read: 11 · 11 = 121; only their size differs from what is declared.
    assert complaint(tmp_path)[0] == ("'test/b/1.png' in pets is 11×11, and the spec declares 2×2")
    write_folder(tmp_path / "pets", {"test/b/1.png": png(np.zeros((15, 15, 3), np.uint8))})
    assert complaint(tmp_path)[0] == (
        "'test/b/1.png' in pets cannot be read: DecompressionBombError: Image size (225 pixels) "
        "exceeds limit of 200 pixels, could be decompression bomb DOS attack."
    )


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_of_too_many_bytes_is_not_read(packed: bool, tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", TWO)
    (tmp_path / "pets" / "test" / "a" / "1.png").touch()
    os.truncate(tmp_path / "pets" / "test" / "a" / "1.png", 2**30 + 1)
    archive = tmp_path / "pets.zip"
    if packed:
        write_zip(archive, {**TWO, "test/a/1.png": b"\0" * 9})
        data = archive.read_bytes()
        at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"test/a/1.png"))
        huge = (2**30 + 1).to_bytes(4, "little")
        archive.write_bytes(data[: at + 24] + huge + data[at + 28 :])
    assert complaint(tmp_path, path="pets.zip" if packed else "pets") == (
        f"'test/a/1.png' in {'pets.zip' if packed else 'pets'} cannot be read: it has "
        "1,073,741,825 bytes",
        "Leave it out of the data set.",
    )


def test_a_folder_that_may_not_be_read_is_named_without_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "pets", TWO)
    scan = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("b"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert complaint(tmp_path)[0] == "'test/b' in pets cannot be read: Permission denied"


def test_a_data_directory_that_may_not_be_read_is_named_without_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "images").mkdir()
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(MeasureError) as error:
        load(catalogued("cifar10"), "test", Search((tmp_path / "images",), offline=True))
    assert str(error.value) == "the data directory 'images' cannot be read: Permission denied"
