"""What the tools said is kept, unless it was said by other versions of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.counting import peers

INSTALLED = {"torch": "2.0", "torchvision": "0.9", "thop": "0.1", "fvcore": "0.2"}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(peers, "FIGURES", tmp_path / "peers.json")
    monkeypatch.setattr(peers, "_version", INSTALLED.__getitem__)
    return tmp_path / "peers.json"


def test_the_committed_file_is_as_it_is_written(file: Path) -> None:
    committed = Path(peers.__file__).with_name("peers.json").read_text("utf-8")
    peers._write(json.loads(committed))
    assert file.read_text("utf-8") == committed


@pytest.mark.parametrize(
    ("versions", "left"),
    [
        (INSTALLED, {"net": {"fvcore": {"fvcore": 1}, "thop": {"thop": 2}}}),
        (INSTALLED | {"thop": "0.0"}, {"net": {"fvcore": {"fvcore": 1}}}),
        (INSTALLED | {"torch": "1.0"}, {}),
    ],
)
def test_what_another_version_said_is_forgotten(
    file: Path, versions: dict[str, str], left: object
) -> None:
    figures = {"net": {"fvcore": {"fvcore": 1}, "thop": {"thop": 2}}}
    peers._write({"versions": versions, "figures": figures})
    assert peers._known()["figures"] == left
