"""Where a split of a data set lies, in whichever layout. Imports no torch and no numpy.

Layouts of the catalogue's data sets, in each directory: torchvision's own
(`cifar-10-batches-py/`, `MNIST/raw/`), which may lie one folder deeper, then images in
`NAME-SPLIT.zip`, `NAME.zip`, `NAME-SPLIT/` or `NAME/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from reportgen.common import cache
from reportgen.common.errors import MeasureError, MissingError
from reportgen.data.image_tree import ImageTree
from reportgen.data.names import visible
from reportgen.data.search import DataSource, Search

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


Place: TypeAlias = BinaryFiles | ImageTree


def candidates(dataset: DataSource, split: str, search: Search) -> Iterator[Place]:
    """Yield the places that may hold the split, best first; what an image tree holds is not read.

    Raises MissingError when the path of a `folder` data set does not exist.
    """
    if dataset.source == "folder":
        path = _own_path(dataset, search)
        given = Path(dataset.path or dataset.name).name.strip(".")
        yield ImageTree(path, visible(given or dataset.title), split)
        return
    for directory in search.directories:
        if not directory.is_dir():
            continue
        if dataset.source in BINARY_LAYOUTS:
            yield from _binary_files(dataset.source, split, directory)
        for name, direct in ((f"{dataset.source}-{split}", True), (dataset.source, False)):
            archive, folder = directory / f"{name}.zip", directory / name
            if archive.is_file():
                yield ImageTree(archive, archive.name, split, direct)
            if folder.is_dir():
                yield ImageTree(folder, folder.name, split, direct)


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
        with suppress(OSError):  # a name that is too long, say
            if path.exists():
                return path
    raise MissingError(
        f"there is no folder or zip '{visible(str(given))}'",
        "`path` is looked for beside the spec, then in each --data-dir.",
    )


def _binary_files(source: str, split: str, directory: Path) -> Iterator[BinaryFiles]:
    layout, folder, splits = BINARY_LAYOUTS[source]
    if split not in splits:
        return
    try:
        entries = sorted(directory.iterdir())
    except OSError as error:  # its text has the whole path
        why = error.strerror
        raise MeasureError(f"the data directory '{directory.name}' cannot be read: {why}") from None
    inner = [entry for entry in entries if entry.is_dir()]
    for base in (directory, *inner):
        files = [_plain_or_gzipped(base / folder / name) for name in splits[split]]
        found = tuple(path for path in files if path)
        if len(found) == len(files):
            yield BinaryFiles(layout, found)


def _plain_or_gzipped(path: Path) -> Path | None:
    packed = path.with_name(f"{path.name}.gz")
    return path if path.is_file() else packed if packed.is_file() else None
