"""What the tests of reviews share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.review.repository import Repository


@pytest.fixture(autouse=True)
def no_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests that run on GitHub out of the job's own summary."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Return a repository to work in: a spec, nothing measured, nothing committed."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Repository(folder)


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the report of the repository's spec, measured once for all tests."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("REPORTGEN_CACHE", str(folder / "cache"))
        assert Repository(folder).run() == 0
    return folder / "out"


@pytest.fixture
def committed(repository: Repository, report: Path) -> Repository:
    """Return a repository with a spec and its report, committed."""
    shutil.copytree(report, repository.folder / "out")
    repository.commit()
    return repository
