"""Checkpoint files: found, verified, downloaded. Imports no torch and no numpy."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reportgen.common import cache
from reportgen.common.errors import MeasureError, MissingError
from reportgen.data.search import Progress, Search
from reportgen.sources.model_source import Checkpoint, ModelEntry
from reportgen.spec.model import Weights


def locate_weights(weights: Weights, search: Search) -> Path | None:
    """Return the checkpoint of a `file` or `url`, or None if it is not here.

    A file is searched beside the spec, then in each data directory and its `weights` folder; a url
    by its file's name in those directories, then among the downloads. `sha256` must match.
    """
    return next((path for path in _candidates(weights, search) if _is_right(path, weights)), None)


def is_here(weights: Weights, entry: ModelEntry, search: Search) -> bool:
    """Whether the checkpoint of a model's weights lies here; that of a `fit` is made here.

    Raises MeasureError for published weights that there are none of.
    """
    return bool(weights.fit) or locate_weights(as_file(weights, entry), search) is not None


def as_file(weights: Weights, entry: ModelEntry) -> Weights:
    """Return published weights as a url and its digest; others as they are.

    Raises MeasureError where the source has no such weights, or its library cannot be imported.
    """
    if not weights.published:
        return weights
    found = published(entry, weights.published[1])
    return Weights(url=found.url, sha256=found.sha256)


def published(entry: ModelEntry, member: str) -> Checkpoint:
    """Return the checkpoint that a source publishes under a name.

    The library is imported for it once a version: the answer is remembered. Raises MeasureError.
    """
    key = f"checkpoint|{entry.package} {entry.version}|{entry.source}|{member}"
    if entry.version and (known := cache.recall(key)):
        return Checkpoint(**json.loads(known))
    try:
        found = entry.checkpoint(member)
    except ImportError as error:
        raise MeasureError(f"{entry.package} cannot be imported: {error}") from None
    if entry.version:
        cache.remember(key, json.dumps(asdict(found)))
    return found


def weights_digest(weights: Weights, search: Search) -> str | None:
    """Return the SHA-256 of the checkpoint, in hex, or None where it is not here.

    That of an unchanged file is remembered, not computed again. None for
    published weights and `fit`.
    """
    path = locate_weights(weights, search)
    return cache.file_sha256(path) if path else None


def fetch_weights(weights: Weights, search: Search, *, progress: Progress | None = None) -> Path:
    """Return the checkpoint of a `file` or `url`, downloaded into the cache if it is not here.

    Raises MissingError if there is none, or only one with another digest than `sha256`.
    """
    if path := locate_weights(weights, search):
        return path
    name = file_name(weights)
    kept = _kept(weights)
    for path in _candidates(weights, search):
        if path != kept:  # one that went bad among the downloads is simply fetched again
            raise _mismatch(name, cache.file_sha256(path), weights)
    if not weights.url:
        raise MissingError(
            f"the weights {name} are not there",
            "'file' is beside the spec, or in a --data-dir or its folder 'weights'.",
        )
    unreachable = MissingError(
        f"the weights {name} could not be downloaded",
        f"Put the file into DIR/weights and pass --data-dir DIR. It is at {weights.url}",
    )
    if search.offline:
        raise unreachable
    # Only now: a run that finds nothing to do has no time for http.
    from reportgen.data.download import DigestError, DownloadError, download

    with cache.lock(kept):
        if path := locate_weights(weights, search):  # which the lock was held for
            return path
        try:
            download(
                weights.url,
                kept,
                algorithm="sha256",
                expected=weights.sha256 or "",
                progress=progress,
            )
        except DigestError as error:
            raise _mismatch(name, error.found, weights) from None
        except (DownloadError, OSError) as error:
            raise unreachable from error
    return kept


def file_name(weights: Weights) -> str:
    """Return the name of the checkpoint's file, without any folder."""
    if weights.file:
        return Path(weights.file).name
    return unquote(urlsplit(weights.url or "").path).rpartition("/")[2] or "weights"


def tried_weights(weights: Weights, search: Search) -> list[str]:
    """List the paths at which a checkpoint is looked for, best first."""
    return [str(path) for path in _places(weights, search)]


def _candidates(weights: Weights, search: Search) -> list[Path]:
    """List the files of the right name, best first."""
    return [path for path in _places(weights, search) if path.is_file()]


def _places(weights: Weights, search: Search) -> list[Path]:
    name = weights.file or file_name(weights)
    folders = [search.spec_dir] if weights.file else []
    for directory in search.data_dirs:
        folders += [directory, directory / "weights"]
    paths = [folder / name for folder in folders]
    if weights.url:
        paths.append(_kept(weights))
    return paths


def _kept(weights: Weights) -> Path:
    """Where a download is kept: two files of one name differ in their digests."""
    safe = re.sub(r"[^\w.+-]", "_", file_name(weights))
    return cache.root() / "weights" / (weights.sha256 or "")[:8] / safe


def _is_right(path: Path, weights: Weights) -> bool:
    return not weights.sha256 or cache.file_sha256(path).startswith(weights.sha256)


def _mismatch(name: str, found: str, weights: Weights) -> MissingError:
    expected = weights.sha256 or ""
    return MissingError(
        f"the weights {name} are another file: SHA-256 {found[: len(expected)]} and not {expected}",
        "Get the file the spec means, or pin this one if you trust it.",
    )
