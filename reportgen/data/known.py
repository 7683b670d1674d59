"""Where a split is, and its fingerprint if an earlier run has computed it. No torch, no numpy.

A fingerprint is the hash of the images and their classes: the same in every layout, under every
file name, in every order. Computing it takes decoding; here it is looked up under the signature of
the place it was computed from.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from reportgen.common import cache
from reportgen.data.search import Search
from reportgen.data.source import DATA_SOURCES, DataRequest, SplitPlace

# Raise it when a change makes the same files decode to other pixels or classes.
DECODER = 2


def fingerprint_if_known(request: DataRequest, split: str, search: Search) -> str | None:
    """Return the fingerprint of a split without decoding or downloading it.

    None says that it is not here, or not decoded yet. What it would be after resizing does not
    count: compare `resize` too when you compare fingerprints.
    """
    try:
        for place in request.entry.places(request, split, search):
            if known := place.fingerprint or cache.recall(place_key(request, split, place)):
                return known
            if place.holds_images:
                return None
    except Exception:  # of a plugin it may be anything; loading will say what is wrong
        pass
    return None


def find(request: DataRequest, split: str, search: Search) -> SplitPlace | None:
    """Return where the split is, or None; raise what the data source raises."""
    places = request.entry.places(request, split, search)
    return next((place for place in places if place.holds_images), None)


def place_key(request: DataRequest, split: str, place: SplitPlace) -> str:
    """Return what the fingerprint of a split in a place is remembered under; raise OSError.

    The data of a package's source is decoded again by another version or file of it.
    """
    key = ["images", DECODER, request.source, split, request.shape[0], place.signature()]
    if any(package := DATA_SOURCES.package(request.source)):
        module = sys.modules[type(request.entry).__module__]
        key += [*package, cache.stamp(Path(str(module.__file__)))]
    return json.dumps(key)
