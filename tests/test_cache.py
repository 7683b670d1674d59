"""The cache: whole files or none, and digests remembered until a file changes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from reportgen import cache
from reportgen.errors import UsageError


def test_its_place_is_the_platforms_or_the_users_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORTGEN_CACHE", str(tmp_path / "mine"))
    assert cache.folder("a", "b") == tmp_path / "mine" / "a" / "b"
    monkeypatch.delenv("REPORTGEN_CACHE")
    assert cache.root().name.startswith("reportgen") or "reportgen" in cache.root().parts


def test_a_place_that_cannot_be_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("REPORTGEN_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError) as error:
        cache.folder("data")
    assert str(error.value) == (
        f"{tmp_path / 'file' / 'data'}: the cache directory cannot be made (Not a directory). "
        "Set REPORTGEN_CACHE to a directory that can be written."
    )


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_replaces_something_does_so_whole(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "target"

    def write(text: str, fail: bool = False) -> None:
        with cache.whole(target) as path:
            if kind == "directory":
                path.mkdir()
                path = path / "file"
            path.write_text(text)
            if fail:
                raise KeyboardInterrupt

    def read() -> str:
        return (target / "file" if kind == "directory" else target).read_text()

    with pytest.raises(KeyboardInterrupt):
        write("half", fail=True)
    assert not list(tmp_path.glob("*target*"))
    write("one")
    with pytest.raises(KeyboardInterrupt):
        write("half", fail=True)
    assert read() == "one"
    write("two")
    assert read() == "two"
    assert [path.name for path in tmp_path.iterdir() if "target" in path.name] == ["target"]


def test_digests_are_remembered_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    digest = hashlib.sha256(b"one").hexdigest()
    assert cache.file_sha256(path) == digest
    # Of the same size and time: taken for the same file, and not read.
    status = path.stat()
    path.write_bytes(b"uno")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert cache.file_sha256(path) == digest
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert cache.file_sha256(path) == hashlib.sha256(b"two").hexdigest()


def test_what_was_never_remembered() -> None:
    assert cache.recall("nothing") is None
    cache.remember("something", "a")
    cache.remember("something", "b")
    assert cache.recall("something") == "b"
