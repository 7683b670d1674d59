"""Files that are whole at any moment: what lies in `out/`."""

from __future__ import annotations

import hashlib
import os
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

# How long to wait for another process before that is said.
PATIENCE_S = 0.5
_POLL_S = 0.01


def in_lines(text: str) -> str:
    """Return a text with the usual ends of lines, which git may have rewritten."""
    return text.replace("\r\n", "\n")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Read and write `path`, and what lies beside it, while no other reportgen does.

    Not to be nested. What is locked is the folder, so that no file is left behind; the lock of a
    process that is killed is free at once. Waiting is said on stderr.
    """
    with _held(path.parent, lambda: sys.stderr.write(_WAITING.format(path))):
        yield


_WAITING = "waiting for another reportgen that writes {} or beside it\n"


@contextmanager
def _held(folder: Path, say: Callable[[], object]) -> Iterator[None]:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # there is nothing that anybody could write
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
    """Write a file whole or not at all, and only if it differs; return whether it was written.

    Raises UsageError where it cannot be.
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
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
