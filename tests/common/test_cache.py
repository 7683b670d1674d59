"""The cache: whole files or none, and digests remembered until a file changes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from reportgen.common import cache


def test_its_place_is_the_platforms_or_the_users_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORTGEN_CACHE", str(tmp_path / "mine"))
    assert cache.folder("a", "b") == tmp_path / "mine" / "a" / "b"
    monkeypatch.delenv("REPORTGEN_CACHE")
    assert cache.root().name.startswith("reportgen") or "reportgen" in cache.root().parts


@pytest.mark.parametrize("place", ["file", "file/below", "/dev/null/x", "~nobody-has-this-name/x"])
def test_a_cache_that_cannot_be_written_is_replaced_for_as_long_as_the_run_lasts(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPORTGEN_CACHE", place)
    cache.remember("key", "value")  # costs nothing but the memory of it
    assert cache.recall("key") is None
    warnings: list[str] = []
    cache.prepare(warnings.append)
    assert len(warnings) == 1
    assert warnings[0].endswith("Set REPORTGEN_CACHE to a folder that can be written.")
    cache.remember("key", "value")
    assert cache.recall("key") == "value"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_a_cache_without_a_home_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPORTGEN_CACHE")
    # What platformdirs says where neither HOME nor the user's entry is there.
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/.cache/reportgen"))
    cache.remember("key", "value")
    assert not list(tmp_path.iterdir())


def test_a_cache_that_can_be_written_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.root()
    cache.prepare(pytest.fail)
    assert cache.root() == before
    assert not list(before.iterdir())


def test_a_disk_that_fills_up_costs_time_only(tmp_path: Path) -> None:
    def make() -> str:
        if cache.root().is_relative_to(tmp_path):
            raise OSError(28, "No space left on device")
        return str(cache.folder("a"))

    made = Path(cache.with_room(make))
    assert not made.exists()
    assert cache.root() == tmp_path / "cache"


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


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "bit":
        content[len(content) // 2] ^= 1
    elif how == "truncated":
        del content[-1]
    elif how == "empty":
        content.clear()
    elif how == "longer":
        content += b"x"
    path.write_bytes(content)


HOW = ["bit", "truncated", "empty", "longer"]


@pytest.mark.parametrize("how", HOW)
def test_a_note_that_was_damaged_is_none(how: str) -> None:
    cache.remember("key", "value")
    (note,) = (cache.root() / "index").iterdir()
    damage(note, how)
    assert cache.recall("key") is None


def test_notes_that_were_swapped_are_none() -> None:
    cache.remember("one", "1")
    cache.remember("two", "2")
    one, two = (cache.root() / "index").iterdir()
    texts = one.read_text(), two.read_text()
    one.write_text(texts[1])
    two.write_text(texts[0])
    assert (cache.recall("one"), cache.recall("two")) == (None, None)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kind", ["file", "folder", "its digest"])
def test_what_was_sealed_and_damaged_is_not_sound(kind: str, how: str, tmp_path: Path) -> None:
    path = tmp_path / "thing"
    content = path
    if kind == "folder":
        path.mkdir()
        content = path / "part"
    content.write_bytes(b"content")
    assert not cache.is_sound(path)
    cache.seal(path)
    assert cache.is_sound(path)
    damage(tmp_path / "thing.sum" if kind == "its digest" else content, how)
    assert not cache.is_sound(path)


def test_what_was_sealed_and_swapped_is_not_sound(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_text(name)
        cache.seal(tmp_path / name)
    (tmp_path / "a").rename(tmp_path / "c")
    (tmp_path / "b").rename(tmp_path / "a")
    (tmp_path / "c").rename(tmp_path / "b")
    assert not cache.is_sound(tmp_path / "a")
    assert not cache.is_sound(tmp_path / "b")
