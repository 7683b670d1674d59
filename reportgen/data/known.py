"""The fingerprint of a split, where an earlier run has computed it. No torch, no numpy.

A fingerprint is the hash of the images and their classes: the same in every layout, under every
file name, in every order. Computing it takes decoding; here it is looked up under the path, size
and time of change of the files it was computed from.
"""

from __future__ import annotations

import hashlib
import json

from reportgen.common import cache
from reportgen.common.errors import MeasureError
from reportgen.data.locate import Place, candidates, find
from reportgen.data.search import DataSource, Search

# Raise it when a change makes the same files decode to other pixels or classes.
DECODER = 2

SYNTHETIC_COUNT = 1_000


def fingerprint_if_known(dataset: DataSource, split: str, search: Search) -> str | None:
    """Return the fingerprint of a split without decoding or downloading it.

    None says that it is not here, or not decoded yet. What it would be after resizing does not
    count: compare `resize` too when you compare fingerprints.
    """
    if dataset.source == "synthetic":
        return synthetic_fingerprint(dataset, split)
    if dataset.source == "digits":
        return cache.recall(digits_key(dataset, split))
    try:
        for place in candidates(dataset, split, search):
            if fingerprint := cache.recall(place_key(dataset, split, place)):
                return fingerprint
            if place.holds_images:
                return None
    except (MeasureError, OSError):  # loading it will say what is wrong
        pass
    return None


def is_here(dataset: DataSource, split: str, search: Search) -> bool:
    """Say whether a split can be read without downloading it; nothing is decoded."""
    if dataset.source in ("synthetic", "digits"):
        return True
    try:
        return find(dataset, split, search) is not None
    except (MeasureError, OSError):
        return False


def place_key(dataset: DataSource, split: str, place: Place) -> str:
    """Return what the fingerprint of a split in a place is remembered under; raise OSError."""
    channels = dataset.shape[0]
    return json.dumps(
        ["images", DECODER, dataset.source, split, channels, place.signature()], sort_keys=True
    )


def digits_key(dataset: DataSource, split: str) -> str:
    """Return what the fingerprint of a split of scikit-learn's digits is remembered under."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        holder = version("scikit-learn")
    except PackageNotFoundError:  # where nothing is measured, nothing need be installed for it
        holder = ""
    return json.dumps(["digits", DECODER, split, dataset.shape[0], holder])


def synthetic_fingerprint(dataset: DataSource, split: str) -> str:
    """Return the fingerprint of random images, which follows from how they are drawn."""
    count = dataset.count or SYNTHETIC_COUNT
    drawn_from = json.dumps(["synthetic", DECODER, split, count, dataset.classes, dataset.shape])
    return hashlib.sha256(drawn_from.encode()).hexdigest()
