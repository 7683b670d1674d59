"""Images of classes in folders, in a folder or a zip: what there is, without opening an image.

Imports no torch, no numpy and no Pillow.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from reportgen.common import cache
from reportgen.common.errors import MeasureError
from reportgen.data.classes import class_of_folder
from reportgen.data.names import is_hidden, left_out, listed, visible
from reportgen.data.source import Contents, DataRequest, Labelled, SplitPlace

# Suffixes of the formats that Pillow reads. It knows more: EPS is a program that Ghostscript would
# run, MPEG is video, and of BUFR, GRIB, HDF5 and WMF it reads no pixels by itself.
_SUFFIXES = """
    apng avif avifs blp bmp bw cur dcx dds dib fit fits flc fli ftc ftu gbr gif icb icns ico iim im
    j2c j2k jfif jp2 jpc jpe jpeg jpf jpg jpx mpo msp pbm pcd pcx pfm pgm png pnm ppm psd pxr qoi
    ras rgb rgba sgi tga tif tiff vda vst webp xbm xpm
"""
SUFFIXES = tuple(f".{suffix}" for suffix in _SUFFIXES.split())

# Which split a name is of: a folder may be called otherwise than the spec calls it.
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}

# Bytes of an image file, unpacked. Pillow refuses the pixels of what is larger anyway.
LARGEST = 2**30

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Listing:
    """What lies in a folder or zip, as names with `/` in between; what is hidden is left out.

    `images` are the files with the suffix of an image. Each is mapped to its size and time of
    change, in a zip to the name that the archive has for it. `others` are all other files, and
    `folders` the folders, those of a zip as far as it lists them.
    """

    images: Mapping[str, str]
    others: Sequence[str]
    folders: Sequence[str]


@dataclass(frozen=True)
class ImageTree(SplitPlace):
    """A folder or zip with one folder of images per class, below a folder for the split.

    `name` is what messages call it, the same on every machine.
    `direct` allows the classes to be at the top, where the name of the whole says which split it
    is. Either may be below enclosing folders, as archives often are.

    What looks into it raises MeasureError where it cannot be read, or where two folders may be
    meant by the split.
    """

    path: Path
    name: str
    split: str
    direct: bool = False

    @property
    def holds_images(self) -> bool:
        """Whether the split is here."""
        return self._base is not None

    @cached_property
    def images(self) -> Mapping[str, Sequence[str]]:
        """The images of each class folder, as names within the tree; empty where there are none.

        A class's folder that holds no image is there, too.
        """
        classes: dict[str, list[str]] = {}
        if self._base is not None:
            depth = len(self._base)
            for parts in _below(self._base, self._images):
                if len(parts) > depth + 1:
                    classes.setdefault(parts[depth], []).append("/".join(parts))
            for parts in _below(self._base, _in_parts(self._listing.folders)):
                classes.setdefault(parts[depth], [])
        return classes

    def read(self, request: DataRequest) -> Contents:
        """Open the split; raise MeasureError for the wrong classes."""
        classes = class_of_folder(request, self.images)
        count = sum(len(files) for files in self.images.values())
        return Contents(tuple(classes.values()), self._labelled(classes, request.shape[0]), count)

    @property
    def left_out(self) -> str:
        """Which files of the split are not read: no images, or in the folder of no class."""
        return left_out(self._not_read(self._base)) if self._base is not None else ""

    def absence(self) -> tuple[str, str]:
        """Say why the split is not here, given that it is not, and what to do about it."""
        for folder in _in_parts(self._listing.folders):
            if _same_split(folder[-1], self.split) and not _with_classes(folder, self._images):
                return self._no_image("/".join(folder), self._not_read(folder)), _EXPECTED
        depth, below = self._found
        folders = sorted({parts[depth] for parts in below})
        what = f"no split '{visible(self.split)}' in {self.name}, only"
        if any(len(parts) > depth + 2 for parts in below):
            instead = "one of them" if folders[1:] else "that"
            return f"{what} {listed(folders, most=12)}", f"Write {instead} as `split`."
        if folders:
            hint = f"Move them into a folder called '{visible(self.split)}'."
            if depth:
                around = visible(below[0][depth - 1])
                hint = f"Write '{around}' as `split`, or call that folder '{visible(self.split)}'."
            return f"{what} the classes {listed(folders)}", hint
        return f"no image in {self.name}", _EXPECTED

    def _labelled(self, classes: Mapping[str, str], channels: int) -> Iterator[Labelled]:
        """Yield each image with its class, given the class of each folder.

        Pixels are what torchvision's ImageFolder gives: converted by Pillow to the channels, the
        first of several frames, without the orientation that a camera notes in a photo.

        Raises MeasureError for a file that cannot be read as an image with eight bits a channel.
        """
        from reportgen.data.images import CHANNELS, decode, unreadable

        with self.opened() as read:
            for folder, name in classes.items():
                self._check_class(folder)
                for file in self.images[folder]:
                    try:
                        pixels = decode(read(file), CHANNELS[channels])
                    except Exception as error:  # neither Pillow nor zipfile says what it may raise
                        raise unreadable(self.called(file), error) from error
                    yield Labelled(name, pixels, self.called(file))

    def _check_class(self, folder: str) -> None:
        """Raise MeasureError where the folder of a class has files, and none is an image."""
        base = (*(self._base or ()), folder)
        if not self.images[folder] and (files := self._not_read(base)):
            raise MeasureError(
                f"there is {self._no_image('/'.join(base), files)}", "Convert them, or remove them."
            )

    def _no_image(self, folder: str, files: Sequence[str]) -> str:
        said = f", only {left_out(files)}" if files else ""
        return f"no image in the folder '{visible(folder)}' of {self.name}{said}"

    def called(self, file: str) -> str:
        """Return what messages call one of its files."""
        return f"'{visible(file)}' in {self.name}"

    def signature(self) -> str:
        """Return what changes when the images do, without reading them."""
        if self._packed:
            return cache.stamp(self.path)
        found = self._listing
        lines = (f"{name}|{found.images.get(name, '')}" for name in (*found.images, *found.folders))
        listing = "\n".join(sorted(lines)).encode("utf-8", "surrogateescape")
        return f"{self.path.absolute()}|{hashlib.sha256(listing).hexdigest()}"

    @contextmanager
    def opened(self) -> Iterator[Callable[[str], bytes]]:
        """Yield what reads a file by its name in `images`.

        It raises whatever reading raises, and MeasureError for a file too large for any image.
        """
        if not self._packed:
            yield lambda name: _read_file(self.path / name)
            return
        import zipfile

        with zipfile.ZipFile(self.path) as archive:

            def read(name: str) -> bytes:
                member = archive.getinfo(self._listing.images[name])
                _check_size(member.file_size)
                return archive.read(member)

            yield read

    @property
    def _packed(self) -> bool:
        return self.path.is_file()

    @cached_property
    def _listing(self) -> Listing:
        try:
            return _list_zip(self.path) if self._packed else _list_folder(self.path)
        except OSError as error:
            inside = str(error.filename or "").removeprefix(f"{self.path}{os.sep}")
            what = f"'{self.name}'" if inside in ("", error.filename) else self.called(inside)
            raise MeasureError(f"{what} cannot be read: {error.strerror or error}") from error
        except Exception as error:  # a broken archive makes zipfile raise anything
            suffix = self.path.suffix.lower()
            raise MeasureError(
                f"'{self.name}' is no readable zip archive",
                "Copy or download it again." if suffix == ".zip" else "Unpack it into a folder.",
            ) from error

    @cached_property
    def _images(self) -> list[Parts]:
        return _in_parts(sorted(self._listing.images))

    @cached_property
    def _found(self) -> tuple[int, list[Parts]]:
        """How deep the splits, or the classes, are, and the images that lie in folders there."""
        depth, below = 0, self._images
        while True:
            below = [parts for parts in below if len(parts) > depth + 1]
            folders = {parts[depth] for parts in below}
            # A data set of a single class is none: one folder at the top encloses the others.
            if len(folders) != 1 or _is_split(*folders) or self._meant(folders):
                return depth, below
            depth += 1

    @cached_property
    def _base(self) -> Parts | None:
        """The folder that holds the classes; None where the split is not here."""
        depth, below = self._found
        folders = {parts[depth] for parts in below}
        base = below[0][:depth] if below else ()
        if meant := self._meant(folders):
            return _with_classes((*base, meant), below)
        if self.direct and not all(map(_is_split, folders)):
            return base
        return None

    def _meant(self, folders: Iterable[str]) -> str | None:
        """Return the folder that the split is in, by its own name or another for the same."""
        if self.split in (names := sorted(folders)):
            return self.split
        found = [name for name in names if _same_split(name, self.split)]
        if len(found) > 1:
            raise MeasureError(
                f"'{visible(self.split)}' may be {listed(found)} in {self.name}",
                "Write one of them as `split`.",
            )
        return found[0] if found else None

    def _not_read(self, base: Parts) -> list[str]:
        """Return the files in a folder that are no images, or lie in it and in no class."""
        depth = len(base)
        others = _below(base, _in_parts(self._listing.others))
        stray = [parts for parts in _below(base, self._images) if len(parts) == depth + 1]
        return sorted("/".join(parts[depth:]) for parts in (*others, *stray))


_EXPECTED = "Images lie in SPLIT/CLASS/ in it."


def _in_parts(names: Iterable[str]) -> list[Parts]:
    return [tuple(name.split("/")) for name in names]


def _below(base: Parts, names: Iterable[Parts]) -> list[Parts]:
    depth = len(base)
    return [parts for parts in names if len(parts) > depth and parts[:depth] == base]


def _with_classes(base: Parts, images: Iterable[Parts]) -> Parts | None:
    """Return the folder if it holds images in folders."""
    return base if any(len(parts) > len(base) + 1 for parts in _below(base, images)) else None


def _is_split(name: str) -> bool:
    return name.lower() in _SPLITS


def _same_split(name: str, other: str) -> bool:
    """Whether two names are of one split: but for case, or as `val` and `validation` are."""
    first, second = name.lower(), other.lower()
    return first == second or (first in _SPLITS and _SPLITS[first] == _SPLITS.get(second))


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _list_zip(path: Path) -> Listing:
    """List an archive. Nothing is unpacked by its name, so no name can lead elsewhere."""
    import zipfile  # slow to import, and a run with nothing to do opens no archive

    images: dict[str, str] = {}
    others, folders = [], []
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            # Windows' separators, `./` and absolute names occur; `..` is left out as unzip does.
            words = member.replace("\\", "/")
            parts = [part for part in words.split("/") if part not in ("", ".", "..")]
            if not parts or any(map(is_hidden, parts)):
                continue
            name = "/".join(parts)
            if words.endswith("/"):
                folders.append(name)
            elif _is_image(name):
                images[name] = member
            else:
                others.append(name)
    return Listing(images, others, folders)


def _list_folder(root: Path) -> Listing:
    """List a folder and all below it; links are followed, but for those that lead in circles."""
    images: dict[str, str] = {}
    others, folders = [], []
    pending = [(str(root), "", frozenset[tuple[int, int]]())]
    while pending:
        folder, prefix, above = pending.pop()
        status = os.stat(folder)
        if (here := (status.st_dev, status.st_ino)) in above:
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                name = prefix + entry.name
                if is_hidden(entry.name):
                    continue
                if _holds(entry.is_dir):
                    folders.append(name)
                    pending.append((entry.path, f"{name}/", above | {here}))
                elif _is_image(name) and (
                    # A link to nothing is an image, too: one that cannot be read.
                    (there := _holds(entry.is_file)) or not os.path.exists(entry.path)
                ):
                    status = entry.stat(follow_symlinks=there)
                    images[name] = f"{status.st_size}|{status.st_mtime_ns}"
                else:
                    others.append(name)
    return Listing(images, others, folders)


def _read_file(path: Path) -> bytes:
    _check_size(path.stat().st_size)
    return path.read_bytes()


def _check_size(size: int) -> None:
    if size > LARGEST:
        raise MeasureError(f"it has {size:,} bytes", "Leave it out of the data set.")


def _holds(question: Callable[[], bool]) -> bool:
    """Answer a question about an entry; a link that leads to itself is nothing at all."""
    try:
        return question()
    except OSError:
        return False
