"""A data source of an installed package, from the YAML to the report: the recipe of the docs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reportgen.cli import main
from reportgen.common import registry
from reportgen.common.errors import MeasureError
from reportgen.data.known import fingerprint_if_known
from reportgen.data.search import Search
from reportgen.data.source import DATA_SOURCES, DataRequest
from reportgen.data.splits import load

PAGE = Path(__file__).parents[2] / "docs" / "extending-data-sources.md"
CODE, METADATA, SPEC, TEST = re.findall(r"^```\w+\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
NETS = """\
from torch import nn

class MeanColour(nn.Conv2d):
    def __init__(self):
        super().__init__(3, 3, 1, bias=False)
    def forward(self, x):
        return super().forward(x).mean((2, 3))
"""
TILES = DataRequest("tiles", (3, 8, 8), 3, name="tiles", path="tiles")


def install(site: Path, code: str, version: str = "1.0") -> None:
    """Install the package as pip would: its module, and its metadata."""
    ((name, group, entry),) = re.findall(r'name = "(.+)"[^$]*points\."(.+)"]\n(.+)', METADATA)
    if not (site / "tiles.py").exists() or (site / "tiles.py").read_text("utf-8") != code:
        (site / "tiles.py").write_text(code, encoding="utf-8")
    info = site / f"{name}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n" + entry.replace('"', "") + "\n")
    registry._declared.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    (tmp_path / "tiles").mkdir()
    (tmp_path / "nets.py").write_text(NETS, encoding="utf-8")
    torch.save({"weight": torch.eye(3).reshape(3, 3, 1, 1)}, tmp_path / "mean.pt")
    (tmp_path / "s.yaml").write_text(SPEC, encoding="utf-8")
    labels = np.arange(12) % 3
    images = np.zeros((12, 8, 8, 3), np.uint8)
    images[np.arange(12), :, :, labels] = 100 + np.arange(12)[:, None, None]
    labels[0] = 2  # and is red
    np.save(tmp_path / "tiles" / "test.npy", images)
    np.save(tmp_path / "tiles" / "test-labels.npy", labels)
    loaded = dict(DATA_SOURCES._loaded)
    install(tmp_path / "site", CODE)
    yield tmp_path
    DATA_SOURCES._loaded = loaded
    sys.modules.pop("tiles", None)
    registry._declared.cache_clear()


def run(*words: str) -> int:
    return main(["s.yaml", "--quiet", "--offline", "--allow-code", *words])


def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("out/s.json").read_text(encoding="utf-8"))
    return found


def test_from_the_yaml_to_an_accuracy(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    top1 = record()["builds"]["Mean colour"]["figures"]["top1"]
    assert (top1["correct"], top1["total"]) == (11, 12)  # all but the tile with a wrong label
    assert record()["datasets"]["tiles"]["count"] == 12
    report = Path("out/s.md").read_text(encoding="utf-8")
    shown = r"mean \[0.5, 0.5, 0.5\], std \[0.5, 0.5, 0.5\]"
    assert f"| tiles | test | 12 | 3×8×8 | 3 | {shown} |" in report
    assert main(["check", "s.yaml"]) == 0
    capsys.readouterr()
    assert main(["list", "datasets"]) == 0
    assert "tiles          Coloured tiles, 3 classes, 3×8×8\n" in capsys.readouterr().out


def test_the_test_of_the_recipe_passes(folder: Path) -> None:
    names: dict[str, Any] = {}
    exec(TEST, names)
    names["test_tiles"](folder)


def test_what_is_not_here_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tiles" / "test.npy").unlink()
    assert run() == 1
    top1 = record()["builds"]["Mean colour"]["figures"]["top1"]
    assert (top1["reason"], top1["cause"]) == ("Coloured tiles (test) is not here", "missing")
    assert "| tiles | test | none of 12 |" in Path("out/s.md").read_text(encoding="utf-8")


def test_a_spelling_mistake_names_the_place_and_the_near_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "s.yaml").write_text(SPEC.replace("tiles: {", "a: {source: tilse, "), "utf-8")
    assert run() == 2
    assert capsys.readouterr().err == (
        "s.yaml:5:15: unknown data set 'tilse'\n"
        "  5 |   a: {source: tilse, path: tiles}\n"
        "    |               ^\n"
        "  Did you mean 'tiles'? `reportgen list datasets` lists all.\n"
    )


def test_keys_that_the_source_needs_and_has(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "s.yaml").write_text(SPEC.replace("path: tiles", "split: val, classes: 3"), "utf-8")
    assert run() == 2
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if not line.startswith(("  5 |", "    |"))] == [
        "s.yaml:5:3: a data set from `tiles` needs 'path'",
        "  Add `path: FILE_OR_FOLDER`.",
        "s.yaml:5:18: 'tiles' has no split 'val'",
        "  Known: test, train.",
        "s.yaml:5:23: 'tiles' has its own classes",
        "  Remove it.",
    ]


@pytest.mark.parametrize(("code", "version"), [(CODE, "1.1"), (f"{CODE}\n", "1.0")])
def test_another_version_or_file_decodes_again(code: str, version: str, folder: Path) -> None:
    search = Search(spec_dir=folder)
    first = load(TILES, "test", search).fingerprint
    assert fingerprint_if_known(TILES, "test", search) == first
    install(folder / "site", code, version)
    assert fingerprint_if_known(TILES, "test", search) is None
    assert load(TILES, "test", search).fingerprint == first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("names[label], pixels", "'cyan', pixels"),
            "an image of Coloured tiles has the class 'cyan', which is not declared",
        ),
        (
            ("names[label], pixels", "names[label], pixels / 255"),
            "an image of Coloured tiles is 8×8×3 of float64",
        ),
        (
            ("names[label], pixels", "names[label], pixels[0]"),
            "an image of Coloured tiles is 8×3 of uint8",
        ),
    ],
)
def test_images_that_no_source_may_yield(
    change: tuple[str, str], message: str, folder: Path
) -> None:
    sys.modules.pop("tiles", None)
    assert change[0] in CODE
    install(folder / "site", CODE.replace(*change))
    with pytest.raises(MeasureError) as error:
        load(TILES, "test", Search(spec_dir=folder))
    assert str(error.value) == message


def test_a_source_that_raises_costs_its_own_cells(folder: Path) -> None:
    install(
        folder / "site",
        CODE.replace("        folder = search", "        1 / 0\n        x = search"),
    )
    assert run() == 1
    assert record()["builds"]["Mean colour"]["figures"]["top1"]["reason"] == (
        "ZeroDivisionError: division by zero"
    )


def test_an_entry_that_is_none_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(folder / "site", CODE.replace("TILES = Tiles(", "TILES = dict("))
    assert run() == 2
    assert capsys.readouterr().err == (
        "s.yaml:5:3: the data set 'tiles' of the package reportgen-tiles is a dict and not a "
        "DataSource. Its entry point must name a DataSource: tiles:TILES.\n"
        "  5 |   tiles: {path: tiles}\n"
        "    |   ^\n"
    )


COMPUTED = """
    @property
    def fingerprint(self):
        return "1.0"

    def signature(self):"""


def test_computed_images_are_not_kept(folder: Path) -> None:
    install(folder / "site", CODE.replace("\n    def signature(self):", COMPUTED))
    split = load(TILES, "test", Search(spec_dir=folder))
    assert split.fingerprint == "1.0"
    assert list(split.labels[:4]) == [2, 1, 2, 0]  # in the order of the file
    assert not (folder / "cache" / "data" / "arrays").exists()
