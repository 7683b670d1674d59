"""Downloads: whole and verified, or not at all."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from reportgen.common import cache
from reportgen.common.errors import ReportgenError
from reportgen.data.locate import BINARY_LAYOUTS
from reportgen.data.search import DataSource, Progress, downloads

# Seconds without an answer or without a byte after which a server counts as unreachable.
TIMEOUT_S = 10.0
_BLOCK = 1 << 18


class DownloadError(ReportgenError):
    """A server could not be reached, or did not send all of a file."""


class DigestError(DownloadError):
    """What came is another file than asked for; `found` is its digest in hex."""

    def __init__(self, found: str) -> None:
        super().__init__(f"another file came: its digest is {found}")
        self.found = found


def download(
    url: str,
    target: Path,
    *,
    algorithm: str,
    expected: str,
    progress: Progress | None = None,
) -> None:
    """Download a file whose digest starts with `expected` (hex) by `algorithm` (hashlib's name).

    `progress` is told bytes so far and in all (0 where the server does not say). Raises
    DownloadError, and DigestError, leaving no file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.new(algorithm, usedforsecurity=algorithm != "md5")
    request = urllib.request.Request(url, headers={"User-Agent": "reportgen"})
    with cache.whole(target) as path:
        try:
            with (
                urllib.request.urlopen(request, timeout=TIMEOUT_S) as response,
                path.open("wb") as file,
            ):
                size, done = int(response.headers.get("Content-Length") or 0), 0
                while block := response.read(_BLOCK):
                    file.write(block)
                    digest.update(block)
                    done += len(block)
                    if progress:
                        progress(done, size)
        except urllib.error.HTTPError as error:
            error.close()  # it is the answer, too, and holds the connection
            raise DownloadError(str(error)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DownloadError(str(error)) from error
        if done < size:
            raise DownloadError(f"{done} bytes came of {size}")
        if not digest.hexdigest().startswith(expected):
            raise DigestError(digest.hexdigest())


def can_download(dataset: DataSource, split: str) -> bool:
    """Say whether somebody publishes this split."""
    return dataset.source in BINARY_LAYOUTS and split in BINARY_LAYOUTS[dataset.source][2]


def download_split(dataset: DataSource, split: str, progress: Progress | None = None) -> None:
    """Download a split from where torchvision does, checked by the digests torchvision knows.

    It then lies among the downloads in torchvision's layout. Raises DownloadError.
    """
    layout, folder, splits = BINARY_LAYOUTS[dataset.source]
    cache.folder("data", "downloads")
    with cache.lock(downloads() / dataset.source):
        if layout == "cifar":
            _download_cifar(dataset.source, folder, splits, progress)
        else:
            _download_idx(dataset.source, folder, splits[split], progress)


def drop_damaged(source: str) -> None:
    """Remove a downloaded data set that is not what it was when it came."""
    layout, folder, _ = BINARY_LAYOUTS[source]
    kept = downloads() / folder
    # Of the other layout each file has a digest in itself: it is gzipped.
    if layout == "cifar" and cache.is_sealed(kept) and not cache.is_sound(kept):
        shutil.rmtree(kept, ignore_errors=True)


def _download_cifar(
    source: str, folder: str, splits: Mapping[str, tuple[str, ...]], progress: Progress | None
) -> None:
    """Fetch the archive, which holds all splits, and take the batches out of it."""
    from torchvision import datasets

    published = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[source]
    if all((downloads() / folder / name).is_file() for names in splits.values() for name in names):
        return  # another process has just done it
    archive = downloads() / published.filename
    download(published.url, archive, algorithm="md5", expected=published.tgz_md5, progress=progress)
    try:
        with tarfile.open(archive) as tar, cache.whole(downloads() / folder) as made:
            made.mkdir()
            for name in (name for names in splits.values() for name in names):
                member = tar.extractfile(f"{folder}/{name}")
                if member is None:
                    raise DownloadError(f"{name} is no file of the archive")
                with member:
                    (made / name).write_bytes(member.read())
            cache.seal(made)
    except (tarfile.TarError, KeyError, EOFError, OSError) as error:
        raise DownloadError(str(error)) from error
    finally:
        archive.unlink()


def _download_idx(
    source: str, folder: str, names: tuple[str, ...], progress: Progress | None
) -> None:
    """Fetch gzipped files one by one, each from the first mirror that has it."""
    from torchvision import datasets

    published = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST}[source]
    digests = dict(published.resources)
    for name in (f"{name}.gz" for name in names):
        target = downloads() / folder / name
        for mirror in published.mirrors:
            if target.is_file():
                break
            try:
                download(
                    mirror + name,
                    target,
                    algorithm="md5",
                    expected=digests[name],
                    progress=progress,
                )
            except DownloadError as error:
                failure = error
        else:
            if not target.is_file():
                raise failure
