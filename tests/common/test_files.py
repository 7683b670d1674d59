"""Files are written whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reportgen.common.errors import UsageError
from reportgen.common.files import write


def test_text_is_written_only_when_it_differs(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    assert write(path, "x\n")
    stamp = path.stat().st_mtime_ns
    assert not write(path, "x\n")
    assert path.stat().st_mtime_ns == stamp
    assert write(path, "y\n")
    assert path.read_text() == "y\n"


def test_a_failed_write_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    write(path, "old")

    def fail(*_: object) -> None:
        raise OSError(28, "disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(UsageError) as error:
        write(path, "new")
    assert str(error.value) == f"{path}: cannot be written (disk full)."
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
