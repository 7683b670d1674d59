"""A split of a data set as arrays: found, decoded once, and from then on mapped from the cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from reportgen.common import cache
from reportgen.common.errors import MeasureError, MissingError
from reportgen.data.binary import read_binary
from reportgen.data.bundled import draw_synthetic, read_digits
from reportgen.data.classes import CLASS_NAMES, class_of_folder
from reportgen.data.datasets import DATASETS
from reportgen.data.download import DownloadError, can_download, download_split, drop_damaged
from reportgen.data.image_tree import ImageTree
from reportgen.data.images import Labelled, read_tree
from reportgen.data.known import digits_key, place_key, synthetic_fingerprint
from reportgen.data.locate import BINARY_LAYOUTS, Place, candidates, find
from reportgen.data.search import DataSource, Progress, Search
from reportgen.data.store import Split, keep, stored


def load(
    dataset: DataSource, split: str, search: Search, *, progress: Progress | None = None
) -> Split:
    """Return a split, decoding or downloading it only where no earlier run has.

    `progress` is told how much is done, and of how much: bytes of a download, then images.

    Raises MissingError when the split is nowhere and cannot be downloaded, MeasureError for images
    that are broken, of the wrong size, or in the wrong number of classes.
    """
    if dataset.source == "synthetic":
        images, labels = draw_synthetic(dataset, split)
        names = tuple(str(label) for label in range(dataset.classes))
        return Split(images, labels, names, synthetic_fingerprint(dataset, split), synthetic=True)
    contents: _Digits | _Files
    if dataset.source == "digits":
        _check_split_exists(dataset, split)
        contents = _Digits(dataset, split)
    else:
        contents = _Files(dataset, split, _place(dataset, split, search, progress))
    return replace(_read(contents, progress), left_out=contents.left_out)


def part_read(dataset: DataSource, split: str, count: int) -> str:
    """Say that `count` images are not all of a split, as `, on 20 of 50,000 images`."""
    published = DATASETS[dataset.source].splits.get(split, count)
    return f", on {count:,} of {published:,} images" if count != published else ""


def _read(contents: _Digits | _Files, progress: Progress | None) -> Split:
    """Return the split as it was decoded before, or decode it now."""
    if found := _decoded(contents):
        return found
    dataset = contents.dataset
    with cache.lock(cache.root() / "data" / "decoding"):
        if found := _decoded(contents):  # which the lock was held for
            return found
        made = cache.with_room(
            lambda: keep(dataset, contents.class_names, contents.count, contents.images(), progress)
        )
        cache.remember(contents.key, made.fingerprint)
        return made


def _decoded(contents: _Digits | _Files) -> Split | None:
    fingerprint = cache.recall(contents.key)
    return stored(fingerprint, contents.dataset) if fingerprint else None


@dataclass(frozen=True)
class _Digits:
    """A split of scikit-learn's digits, not yet read."""

    dataset: DataSource
    split: str

    @property
    def key(self) -> str:
        return digits_key(self.dataset, self.split)

    @property
    def class_names(self) -> tuple[str, ...]:
        return CLASS_NAMES["digits"]

    @property
    def count(self) -> int:
        return DATASETS["digits"].splits[self.split]

    @property
    def left_out(self) -> str:
        return ""

    def images(self) -> Iterator[Labelled]:
        return read_digits(self.split)


@dataclass(frozen=True)
class _Files:
    """A split that lies in files, not yet read."""

    dataset: DataSource
    split: str
    place: Place

    @property
    def key(self) -> str:
        return place_key(self.dataset, self.split, self.place)

    @property
    def class_names(self) -> tuple[str, ...]:
        if isinstance(self.place, ImageTree):
            return tuple(class_of_folder(self.dataset, self.place.images).values())
        return CLASS_NAMES[self.dataset.source]

    @property
    def count(self) -> int:
        if isinstance(self.place, ImageTree):
            return sum(len(files) for files in self.place.images.values())
        return DATASETS[self.dataset.source].splits[self.split]

    @property
    def left_out(self) -> str:
        return self.place.left_out if isinstance(self.place, ImageTree) else ""

    def images(self) -> Iterator[Labelled]:
        if isinstance(self.place, ImageTree):
            return read_tree(self.place, self.dataset)
        return read_binary(self.place, self.dataset)


def _place(dataset: DataSource, split: str, search: Search, progress: Progress | None) -> Place:
    """Find a split, or download it and find it then; raise MeasureError."""
    if dataset.source in BINARY_LAYOUTS:
        drop_damaged(dataset.source)
    if place := find(dataset, split, search):
        return place
    trees = [place for place in candidates(dataset, split, search) if isinstance(place, ImageTree)]
    if not dataset.catalogued:
        why, hint = trees[0].absence()
        raise MissingError(f"there is {why}", hint)
    _check_split_exists(dataset, split)
    failure: DownloadError | None = None
    if can_download(dataset, split) and not search.offline:
        try:
            download_split(dataset, split, progress)
            if place := find(dataset, split, search):
                return place
        except DownloadError as error:
            failure = error
    binary = BINARY_LAYOUTS[dataset.source][1]
    there = f": there is {trees[0].absence()[0]}" if trees else ""
    raise MissingError(
        f"{dataset.title} ({split}) is not in the data directory and could not be downloaded"
        f"{there}",
        f"Pass --data-dir DIR with {dataset.source}-{split}.zip ({split}/CLASS/*.png) or "
        f"torchvision's {binary} in it.",
    ) from failure


def _check_split_exists(dataset: DataSource, split: str) -> None:
    splits = sorted(DATASETS[dataset.source].splits)
    if split not in splits:
        raise MeasureError(
            f"{dataset.title} has no split '{split}'", f"It has {' and '.join(splits)}."
        )
