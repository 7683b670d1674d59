"""Downloads: whole and verified, or not at all."""

from __future__ import annotations

import hashlib
import http.client
import tarfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from reportgen.common import cache
from reportgen.common.errors import ReportgenError
from reportgen.data.search import Progress, downloads

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


def download_cifar(
    published_as: str, folder: str, names: Sequence[str], progress: Progress | None
) -> None:
    """Fetch the archive, which holds all splits, and take the batches out of it.

    Raises DownloadError.
    """
    from torchvision import datasets

    published = getattr(datasets, published_as)
    kept = downloads() / folder
    if cache.is_sound(kept):
        return  # another process has just done it
    archive = downloads() / published.filename
    download(published.url, archive, algorithm="md5", expected=published.tgz_md5, progress=progress)
    try:
        with tarfile.open(archive) as tar, cache.whole(kept) as made:
            made.mkdir()
            for name in names:
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


def download_idx(
    published_as: str, folder: str, names: Sequence[str], progress: Progress | None
) -> None:
    """Fetch gzipped files one by one, each from the first mirror that has it.

    Raises DownloadError.
    """
    from torchvision import datasets

    published = getattr(datasets, published_as)
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
