"""Files that are written atomically, and the lock on the folder `out/`."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reportgen.common.errors import UsageError

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

# How long to wait for another process before it is reported.
PATIENCE_S = 0.5
_POLL_S = 0.01


def in_lines(text: str) -> str:
    """Return a text with `\\n` at the ends of lines: git may have rewritten them."""
    return text.replace("\r\n", "\n")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock the folder of `path`: no other reportgen reads or writes there. Do not nest.

    No lock file is left, and a killed process frees the lock. Waiting is reported on stderr.
    """
    with _held(path.parent, lambda: sys.stderr.write(_WAITING.format(path))):
        yield


_WAITING = "waiting for another reportgen that writes {} or beside it\n"


@contextmanager
def _held(folder: Path, say: Callable[[], object]) -> Iterator[None]:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # there is nothing to lock
        yield
        return
    except OSError:  # a folder that cannot be opened as a file
        with _held_elsewhere(folder, say):
            yield
        return
    try:
        try:
            _lock(descriptor, say)
        except OSError:  # a file system that locks no folders
            with _held_elsewhere(folder, say):
                yield
        else:
            yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, say: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_POLL_S)
        else:
            return
    say()
    fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextmanager
def _held_elsewhere(folder: Path, say: Callable[[], object]) -> Iterator[None]:
    """Lock a file that stands for a folder, among the temporary ones."""
    from filelock import FileLock, Timeout

    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    lock = FileLock(Path(tempfile.gettempdir(), f"reportgen-{name}.lock"))
    try:
        lock.acquire(timeout=PATIENCE_S, poll_interval=_POLL_S)
    except Timeout:
        say()
        lock.acquire(poll_interval=_POLL_S)
    try:
        yield
    finally:
        lock.release()


def same(actual: bytes, content: str | bytes) -> bool:
    """Whether a file holds this content; ends of lines of a text do not count."""
    if isinstance(content, bytes):
        return actual == content
    return in_lines(actual.decode(errors="replace")) == in_lines(content)


def write(path: Path, content: str | bytes) -> bool:
    """Write a file atomically, if it differs; return whether it was written.

    Raises UsageError if the file cannot be written.
    """
    try:
        return _write(path, content)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}).") from error


def _write(path: Path, content: str | bytes) -> bool:
    try:
        if same(path.read_bytes(), content):
            return False
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as made, made.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    return True


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Yield a path; the file or folder made there replaces `target`, unless the block raises."""
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        made = scratch / target.name
        yield made
        if made.is_dir() and target.exists():  # a directory is only ever renamed to a free name
            target.rename(scratch / "old")
        os.replace(made, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
