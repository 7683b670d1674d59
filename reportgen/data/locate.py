"""Where a split of a data set lies, in whichever layout. Imports no torch and no numpy.

Layouts of the catalogue's data sets, in each directory: torchvision's own
(`cifar-10-batches-py/`, `MNIST/raw/`), which may lie one folder deeper, then images in
`NAME-SPLIT.zip`, `NAME.zip`, `NAME-SPLIT/` or `NAME/`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from reportgen import cache
from reportgen.data.source import DataSource, Search
from reportgen.errors import MeasureError, MissingError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")

BinaryFormat: TypeAlias = Literal["cifar", "idx"]
_Splits: TypeAlias = Mapping[str, tuple[str, ...]]

_IDX: _Splits = {
    split: (f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte")
    for split, stem in (("train", "train"), ("test", "t10k"))
}
# torchvision's layouts: the format, the folder, and the files of each split in it.
BINARY_LAYOUTS: Mapping[str, tuple[BinaryFormat, str, _Splits]] = {
    "cifar10": (
        "cifar",
        "cifar-10-batches-py",
        {
            "train": tuple(f"data_batch_{number}" for number in range(1, 6)),
            "test": ("test_batch",),
        },
    ),
    "cifar100": ("cifar", "cifar-100-python", {"train": ("train",), "test": ("test",)}),
    "mnist": ("idx", "MNIST/raw", _IDX),
    "fashion_mnist": ("idx", "FashionMNIST/raw", _IDX),
}


@dataclass(frozen=True)
class BinaryFiles:
    """The files of a split in torchvision's layout, which all exist."""

    format: BinaryFormat
    files: tuple[Path, ...]

    @property
    def holds_images(self) -> bool:
        """Whether the split is here."""
        return True

    def signature(self) -> str:
        """Return what changes when the files do, without reading them."""
        return "\n".join(cache.stamp(path) for path in self.files)


@dataclass(frozen=True)
class ImageTree:
    """A folder or zip with one folder of images per class, below a folder for the split.

    `direct` allows the classes to be at the top, where the name of the whole says which split it
    is. Either may be below one enclosing folder, as archives often are.
    """

    path: Path
    split: str
    direct: bool = False

    @property
    def holds_images(self) -> bool:
        """Whether the split is here."""
        return bool(self.images)

    @cached_property
    def images(self) -> Mapping[str, Sequence[str]]:
        """The images of each class folder, as names within the tree, sorted."""
        names = sorted(self._entries)
        return _by_class([name.split("/") for name in names], self.split, direct=self.direct)

    @cached_property
    def splits(self) -> list[str]:
        """What could be meant by a split, for messages."""
        return sorted({name.split("/")[0] for name in self._entries if name.count("/") >= 2})

    def signature(self) -> str:
        """Return what changes when the images do, without reading them."""
        if self.path.is_file():
            return cache.stamp(self.path)
        listing = "\n".join(f"{name}|{self._entries[name]}" for name in sorted(self._entries))
        return f"{self.path.absolute()}|{hashlib.sha256(listing.encode()).hexdigest()}"

    @cached_property
    def _entries(self) -> Mapping[str, str]:
        """Every image of the tree, and for a folder's its size and time of change."""
        if not self.path.is_file():
            return dict(_walk(self.path))
        import zipfile  # slow to import, and a run with nothing to do opens no archive

        try:
            with zipfile.ZipFile(self.path) as archive:
                return {name: "" for name in archive.namelist() if _is_image(name)}
        except (zipfile.BadZipFile, OSError):
            raise MeasureError(
                f"{self.path.name} is no readable zip archive", "Copy or download it again."
            ) from None


Place: TypeAlias = BinaryFiles | ImageTree


def candidates(dataset: DataSource, split: str, search: Search) -> Iterator[Place]:
    """Yield the places that may hold the split, best first; what an image tree holds is not read.

    Raises MissingError when the path of a `folder` data set does not exist.
    """
    if dataset.source == "folder":
        yield ImageTree(_own_path(dataset, search), split)
        return
    for directory in search.directories:
        if not directory.is_dir():
            continue
        if dataset.source in BINARY_LAYOUTS:
            yield from _binary_files(dataset.source, split, directory)
        for name, direct in ((f"{dataset.source}-{split}", True), (dataset.source, False)):
            archive, folder = directory / f"{name}.zip", directory / name
            if archive.is_file():
                yield ImageTree(archive, split, direct)
            if folder.is_dir():
                yield ImageTree(folder, split, direct)


def find(dataset: DataSource, split: str, search: Search) -> Place | None:
    """Return where the split is, or None; raise MeasureError as `candidates` does."""
    for place in candidates(dataset, split, search):
        if place.holds_images:
            return place
    return None


def tried_places(dataset: DataSource, split: str, search: Search) -> list[str]:
    """List where a split is looked for, for messages: a folder, and the names in it."""
    if dataset.source == "folder":
        given = Path(dataset.path or dataset.name)
        return [str(directory / given) for directory in (search.spec_dir, *search.data_dirs)]
    name = dataset.source
    names = [f"{name}-{split}.zip", f"{name}-{split}/", f"{name}.zip", f"{name}/"]
    if name in BINARY_LAYOUTS:
        names.insert(0, f"{BINARY_LAYOUTS[name][1]}/")
    return [f"{directory}/{{{','.join(names)}}}" for directory in search.directories]


def _own_path(dataset: DataSource, search: Search) -> Path:
    given = Path(dataset.path or dataset.name)
    for directory in (search.spec_dir, *search.data_dirs):
        path = directory / given
        if path.exists():
            return path
    raise MissingError(
        f"the images of {dataset.title} are not there",
        "'path' is a folder or zip of SPLIT/CLASS/*.png beside the spec or in a --data-dir.",
    )


def _binary_files(source: str, split: str, directory: Path) -> Iterator[BinaryFiles]:
    layout, folder, splits = BINARY_LAYOUTS[source]
    if split not in splits:
        return
    entries = sorted(directory.iterdir())
    inner = [entry for entry in entries if entry.is_dir()]
    for base in (directory, *inner):
        files = [_plain_or_gzipped(base / folder / name) for name in splits[split]]
        found = tuple(path for path in files if path)
        if len(found) == len(files):
            yield BinaryFiles(layout, found)


def _plain_or_gzipped(path: Path) -> Path | None:
    packed = path.with_name(f"{path.name}.gz")
    return path if path.is_file() else packed if packed.is_file() else None


def _walk(folder: Path, prefix: str = "") -> Iterator[tuple[str, str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
            elif _is_image(prefix + entry.name):
                status = entry.stat()
                yield prefix + entry.name, f"{status.st_size}|{status.st_mtime_ns}"


def _is_image(name: str) -> bool:
    """Tell images from what file managers and archivers leave between them."""
    hidden = name.startswith((".", "__MACOSX/")) or "/." in name
    return name.lower().endswith(SUFFIXES) and not hidden


def _by_class(names: Iterable[Sequence[str]], split: str, *, direct: bool) -> dict[str, list[str]]:
    """Group the images below `split/`, or below the top where there is no split and `direct`."""
    names = list(names)
    tops = {parts[0] for parts in names}
    bases: list[tuple[str, ...]] = [(split,), *((top, split) for top in tops if len(tops) == 1)]
    if direct:
        # A data set of a single class is none, so one folder at the top encloses the others.
        bases += [(top,) for top in tops if len(tops) == 1] or [()]
    for base in bases:
        depth = len(base)
        classes: dict[str, list[str]] = {}
        for parts in names:
            if tuple(parts[:depth]) == base and len(parts) >= depth + 2:
                classes.setdefault(parts[depth], []).append("/".join(parts))
        if classes:
            return classes
    return {}
