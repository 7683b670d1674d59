"""The user's cache: decoded images, downloads, fitted checkpoints, and digests already computed.

It may be deleted at any time. Files are written atomically, and each has a digest that is checked
when it is read: a damaged entry is made again. If the cache cannot be written, runs only take
longer. It is in the platform's cache directory, or where REPORTGEN_CACHE says.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from reportgen.common.files import whole as whole

T = TypeVar("T")

VARIABLE = "REPORTGEN_CACHE"

_SEAL = "sum"
# No folder can be made in here: the cache of a user without a home folder.
_NOWHERE = Path(os.devnull) / "reportgen"


def root() -> Path:
    """Return the cache directory, which need not exist yet."""
    if chosen := os.environ.get(VARIABLE):
        with contextlib.suppress(RuntimeError):  # `~`, without a home folder
            return Path(chosen).expanduser()
        return _NOWHERE
    from platformdirs import user_cache_path

    path = user_cache_path("reportgen", appauthor=False)
    return path if path.is_absolute() else _NOWHERE


def prepare(warn: Callable[[str], object]) -> None:
    """Check that the cache can be written. If not, `warn`, and use a temporary one in this run."""
    try:
        with tempfile.TemporaryFile(dir=folder()) as probe:
            probe.write(b"?" * 4096)  # on a full disk, only content fails
    except OSError as error:
        warn(
            f"the cache {root()} cannot be written ({error.strerror}): what this run keeps is "
            f"lost at its end. Set {VARIABLE} to a folder that can be written."
        )
        _go_elsewhere()


def _go_elsewhere() -> None:
    import atexit
    import shutil

    os.environ[VARIABLE] = elsewhere = tempfile.mkdtemp(prefix="reportgen-")
    atexit.register(shutil.rmtree, elsewhere, ignore_errors=True)


def with_room(make: Callable[[], T]) -> T:
    """Call `make`; if it raises OSError, call it again with a temporary cache.

    This cache is deleted at the end; files that are mapped into memory stay readable.
    """
    try:
        return make()
    except OSError:
        with tempfile.TemporaryDirectory(prefix="reportgen-", ignore_cleanup_errors=True) as place:
            before = os.environ.get(VARIABLE)
            os.environ[VARIABLE] = place
            try:
                return make()
            finally:
                os.environ.pop(VARIABLE)
                if before is not None:
                    os.environ[VARIABLE] = before


def folder(*names: str) -> Path:
    """Return a directory of the cache, made where missing; raise OSError if it cannot be."""
    path = root().joinpath(*names)
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def lock(target: Path) -> Iterator[None]:
    """Lock `target`, so that only one process makes it, if the file system has locks."""
    from filelock import FileLock

    held = FileLock(target.with_name(f"{target.name}.lock"))
    with contextlib.suppress(OSError, NotImplementedError):
        held.acquire()
    try:
        yield
    finally:
        held.release()


def seal(path: Path) -> None:
    """Write the digest of a file, or of a folder of files, beside its content."""
    _seal_of(path).write_text(_content_digest(path), encoding="ascii")


def is_sealed(path: Path) -> bool:
    """Whether a file or folder has a digest: older versions wrote none."""
    return _seal_of(path).is_file()


def is_sound(path: Path) -> bool:
    """Whether a file or folder is unchanged since it was sealed, under the same name."""
    try:
        return _seal_of(path).read_text(encoding="ascii") == _content_digest(path)
    except (OSError, UnicodeDecodeError):
        return False


def _seal_of(path: Path) -> Path:
    return path / _SEAL if path.is_dir() else path.with_name(f"{path.name}.{_SEAL}")


def _content_digest(path: Path) -> str:
    """Digest names and contents, the path's own name among them."""
    sha = hashlib.sha256(path.name.encode())
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in files:
        if file.name != _SEAL:
            sha.update(f"\0{file.name}\0{_sha256(file)}".encode())
    return sha.hexdigest()


def stamp(path: Path) -> str:
    """Return path, size and time of a file as text; raise OSError."""
    status = path.stat()
    return f"{path.absolute()}|{status.st_size}|{status.st_mtime_ns}"


def recall(key: str) -> str | None:
    """Return the text that is stored under `key`, or None."""
    try:
        text = _note(key).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    seal, _, value = text.partition("\n")
    return value if value and seal == _note_digest(key, value) else None


def remember(key: str, value: str) -> None:
    """Store a short text under `key`, if the cache can be written."""
    with contextlib.suppress(OSError):
        folder("index")
        with whole(_note(key)) as path:
            path.write_text(f"{_note_digest(key, value)}\n{value}", encoding="utf-8")


def _note(key: str) -> Path:
    return root() / "index" / hashlib.sha256(key.encode()).hexdigest()


def _note_digest(key: str, value: str) -> str:
    return hashlib.sha256(f"{key}\0{value}".encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex; the cache stores it until the file changes."""
    key = f"sha256|{stamp(path)}"
    digest = recall(key)
    if digest is None:
        digest = _sha256(path)
        remember(key, digest)
    return digest


def _sha256(path: Path) -> str:
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()
