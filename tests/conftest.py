"""What all tests share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["reportgen.integrations.pytest_plugin", "tests.golden", "pytester"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--data-dir", type=Path, help="the data sets and weights for tests on real data"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Give PyTorch a folder for `torch.compile`, which it makes wherever that is imported."""
    folder = tempfile.mkdtemp(prefix="pytest-inductor-")
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(scope="session", autouse=True)
def workers_start_quickly() -> Iterator[None]:
    """Let workers find all imports made: else those of the session's first run hold for all."""
    from reportgen.engine import measuring, workers

    workers.preload({*measuring._PRELOADED.values()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "preload", lambda modules: None)
        yield


@pytest.fixture(scope="session")
def data_dir(request: pytest.FixtureRequest) -> Path:
    """Return the folder of data sets and weights, or skip the test where there is none."""
    given = request.config.getoption("--data-dir") or os.environ.get("REPORTGEN_DATA")
    folder = Path(given) if given else request.config.rootpath.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no data: name its folder with --data-dir or REPORTGEN_DATA")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests away from the user's cache and data."""
    monkeypatch.setenv("REPORTGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("REPORTGEN_DATA", raising=False)
