"""What BASE and HEAD mean on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.cli import main
from reportgen.review.revisions import both, records_of
from tests.review.repository import Repository

OUT = Path("out")


def test_a_file_a_folder_and_a_revision(committed: Repository) -> None:
    committed.git("tag", "v1")
    committed.write(committed.read("out/small.json"), "other.json")
    (record,) = records_of("other.json", OUT).values()
    for word in ("other.json", "out", "out/", "HEAD", "main", "v1", "HEAD^{commit}"):
        assert records_of(word, OUT) == {"small": record}


def test_beside_a_file_only_its_own_spec_counts(committed: Repository) -> None:
    committed.write(committed.read("out/small.json"), "old.json")
    text = committed.read("out/small.json").replace('"spec": "small"', '"spec": "more"')
    committed.write(text, "out/more.json")
    assert [list(side) for side in both("old.json", "out", OUT)] == [["small"], ["small"]]
    assert [list(side) for side in both("out", "old.json", OUT)] == [["small"], ["small"]]
    assert [list(side) for side in both("HEAD", "out", OUT)] == [["small"], ["more", "small"]]
    committed.write(text.replace('"spec": "more"', '"spec": "third"'), "old.json")
    assert [list(side) for side in both("old.json", "out", OUT)] == [["third"], ["more", "small"]]


def test_from_a_folder_below_and_from_elsewhere(
    committed: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(committed.folder / "specs")
    assert list(records_of("main", Path("../out"))) == ["small"]
    monkeypatch.chdir(tmp_path)
    assert list(records_of("main", committed.folder / "out")) == ["small"]


def test_reports_that_are_not_here_any_more(
    committed: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (committed.folder / "out").iterdir():
        path.unlink()
    (committed.folder / "out").rmdir()
    assert list(records_of("HEAD", OUT)) == ["small"]
    assert main(["diff", "HEAD"]) == 2
    assert capsys.readouterr().err == ("out: there is no such file, folder or git revision.\n")
    (committed.folder / "out").mkdir()
    assert main(["diff", "HEAD"]) == 0
    assert "- **small**: the report is gone\n" in capsys.readouterr().out


def test_a_revision_without_a_report(
    committed: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    committed.git("checkout", "-q", "--orphan", "empty")
    committed.git("rm", "-rfq", "--cached", "out")
    committed.git("commit", "-qm", "empty")
    assert records_of("empty", OUT) == {}
    assert main(["diff", "empty"]) == 0
    assert "- **small**: a new report\n" in capsys.readouterr().out


def test_a_record_of_a_newer_version_is_named_with_its_place(
    committed: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    committed.change('"reportgen": 3', '"reportgen": 99', "out/small.json")
    committed.commit()
    assert main(["diff", "HEAD"]) == 2
    assert capsys.readouterr().err == (
        "HEAD:small.json: written by a newer reportgen (record version 99, this one reads up to "
        "3). Upgrade reportgen.\n"
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["mian"], "mian: there is no such file, folder or git revision. Did you mean 'main'?\n"),
        (["HEAD~9"], "HEAD~9: there is no such file, folder or git revision.\n"),
        (["main", "none.json"], "none.json: there is no such file, folder or git revision.\n"),
    ],
)
def test_what_is_nothing_of_all_this(
    committed: Repository, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    assert main(["diff", *words]) == 2
    assert capsys.readouterr().err == expected


def test_outside_of_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert main(["diff", "main"]) == 2
    assert capsys.readouterr().err == (
        f"main: there is no such file or folder, and {tmp_path} is not in a git repository.\n"
    )


def test_without_git(
    committed: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["diff", "main"]) == 2
    assert capsys.readouterr().err == (
        "main: there is no such file or folder, and git is not installed to look for a revision.\n"
    )
