"""The user's cache: decoded images, downloads, fitted checkpoints, and digests already computed.

It may be deleted at any time; whatever is missing is made again. Files appear whole or not at all,
so a killed run leaves nothing that a later one could mistake for data. Its place is the platform's
cache directory, or what the environment variable REPORTGEN_CACHE says.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

VARIABLE = "REPORTGEN_CACHE"


def root() -> Path:
    """Return the cache directory, which need not exist yet."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("reportgen", appauthor=False)


def folder(*names: str) -> Path:
    """Return a directory of the cache, made where missing; raise UsageError if it cannot be."""
    path = root().joinpath(*names)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        from reportgen.errors import UsageError

        raise UsageError(
            f"{path}: the cache directory cannot be made ({error.strerror}). "
            f"Set {VARIABLE} to a directory that can be written."
        ) from None
    return path


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Yield a path beside `target` to write a file or a directory to; it then takes its place.

    Nothing is left behind, and `target` stays as it was, when the block raises.
    """
    import shutil
    import tempfile

    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        made = scratch / target.name
        yield made
        if made.is_dir() and target.exists():  # a directory is only ever renamed to a free name
            target.rename(scratch / "old")
        os.replace(made, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def lock(target: Path) -> BaseFileLock:
    """Return the lock to hold while `target` is being made, so that processes wait for one."""
    from filelock import FileLock

    return FileLock(target.with_name(f"{target.name}.lock"))


def stamp(path: Path) -> str:
    """Return what changes when the file does, without reading it; raise OSError."""
    status = path.stat()
    return f"{path.absolute()}|{status.st_size}|{status.st_mtime_ns}"


def recall(key: str) -> str | None:
    """Return what was remembered under `key`, or None."""
    note = _note(key)
    try:
        return note.read_text(encoding="utf-8") or None
    except OSError:
        return None


def remember(key: str, value: str) -> None:
    """Keep a short text under `key`, in place of what was there."""
    folder("index")
    with whole(_note(key)) as path:
        path.write_text(value, encoding="utf-8")


def _note(key: str) -> Path:
    return root() / "index" / hashlib.sha256(key.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex; of an unchanged file it is remembered."""
    key = f"sha256|{stamp(path)}"
    digest = recall(key)
    if digest is None:
        sha = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                sha.update(block)
        digest = sha.hexdigest()
        remember(key, digest)
    return digest
