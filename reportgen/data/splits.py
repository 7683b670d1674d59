"""A split of a data set as arrays: found, decoded once, and from then on mapped from the cache."""

from __future__ import annotations

from dataclasses import replace

from reportgen.common import cache
from reportgen.common.errors import MissingError
from reportgen.data.download import DownloadError
from reportgen.data.known import find, place_key
from reportgen.data.search import Progress, Search
from reportgen.data.source import DataRequest, SplitPlace
from reportgen.data.store import Split, keep, stored, unkept


def load(
    request: DataRequest, split: str, search: Search, *, progress: Progress | None = None
) -> Split:
    """Return a split, decoding or downloading it only where no earlier run has.

    `progress` is told how much is done, and of how much: bytes of a download, then images.

    Raises MissingError when the split is nowhere and cannot be downloaded, MeasureError for images
    that are broken, of the wrong size, or in the wrong number of classes.
    """
    place = find(request, split, search)
    if place is None or place.damaged:
        place = _downloaded(request, split, search, progress)
    if place.fingerprint:
        found = unkept(request, place.read(request), place.fingerprint)
    else:
        found = _read(request, place_key(request, split, place), place, progress)
    return replace(found, left_out=place.left_out, no_answers=request.entry.no_answers)


def part_read(request: DataRequest, split: str, count: int) -> str:
    """Say that `count` images are not all of a split, as `, on 20 of 50,000 images`."""
    published = request.entry.splits.get(split, count)
    return f", on {count:,} of {published:,} images" if count != published else ""


def _read(request: DataRequest, key: str, place: SplitPlace, progress: Progress | None) -> Split:
    """Return the split as it was decoded before, or decode it now."""
    if found := _decoded(request, key):
        return found
    with cache.lock(cache.root() / "data" / "decoding"):
        if found := _decoded(request, key):  # which the lock was held for
            return found
        made = cache.with_room(lambda: keep(request, place.read(request), progress))
        cache.remember(key, made.fingerprint)
        return made


def _decoded(request: DataRequest, key: str) -> Split | None:
    fingerprint = cache.recall(key)
    return stored(fingerprint, request) if fingerprint else None


def _downloaded(
    request: DataRequest, split: str, search: Search, progress: Progress | None
) -> SplitPlace:
    """Download a split that was not found, or is damaged; raise MissingError."""
    failure: DownloadError | None = None
    if not search.offline:
        try:
            request.entry.download(request, split, progress)
            if place := find(request, split, search):
                return place
        except DownloadError as error:
            failure = error
    raise MissingError(*request.entry.absence(request, split, search)) from failure
