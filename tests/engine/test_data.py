"""Data from a spec to the report: how much was read is said, and bad data costs its cells only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reportgen.cli import main
from reportgen.common import cache
from reportgen.data.published import CIFAR10
from tests.data.layouts import png, write_folder, write_zip
from tests.engine.subjects import NET, RIGHT, pictures

MODEL = (
    NET
    + """

class Broken(Net):
    def forward(self, x):
        return super().forward(x) / 0
"""
)
SPEC = """\
reportgen: 1
title: Folders
defaults:
  dataset: {source: folder, shape: [3, 8, 8], classes: 3, resize: 8, normalize: none}
datasets: {DATASETS}
models:
  Net: {source: "model.py:Net", weights: {file: plain.pt}}
measure: {complexity: {}, accuracy: {metrics: [top1]}}
report: {columns: [top1, macs]}
"""
TOP1_ALONE = SPEC.replace("complexity: {}, ", "").replace("[top1, macs]", "[top1]")
# What must come of each data set: a reason, or none where all 12 images are right.
SETS = {
    "good": None,
    "encrypted.zip": "'test/a_red/0.png' in encrypted.zip cannot be read: it is encrypted",
    "corrupt.zip": "'test/a_red/0.png' in corrupt.zip cannot be read: Error -3 while "
    "decompressing data: invalid block type",
    "bomb": "'test/b_green/0.png' in bomb cannot be read: DecompressionBombError: Image size "
    "(400000000 pixels) exceeds limit of 178956970 pixels, could be decompression bomb DOS attack.",
    "gone": "there is no folder or zip 'gone'",
    "other": "there is no split 'test' in other, only train",
}


def bomb() -> bytes:
    """The start of a picture of 20,000 × 20,000 pixels."""
    head = bytearray(png(np.zeros((1, 1, 1), np.uint8)))
    head[16:24] = (20_000).to_bytes(4, "big") * 2
    import zlib

    head[29:33] = zlib.crc32(bytes(head[12:29])).to_bytes(4, "big")
    return bytes(head)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    torch.save(RIGHT, tmp_path / "plain.pt")
    write_folder(tmp_path / "good", {**pictures(), "test/notes.txt": b"", "test/a_red/x.csv": b""})
    write_folder(tmp_path / "bomb", {**pictures(), "test/b_green/0.png": bomb()})
    write_folder(tmp_path / "other", pictures("train"))
    with zipfile.ZipFile(tmp_path / "plain.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in pictures().items():
            archive.writestr(name, data)
    data = bytearray((tmp_path / "plain.zip").read_bytes())
    start = data.index(b"a_red/0.png") + len(b"a_red/0.png")
    data[start : start + 20] = b"\xff" * 20
    (tmp_path / "corrupt.zip").write_bytes(data)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    (tmp_path / "encrypted.zip").write_bytes(data)
    return tmp_path


def run(datasets: str, *words: str, spec: str = SPEC) -> int:
    Path("s.yaml").write_text(spec.replace("DATASETS", datasets), encoding="utf-8")
    return main(["s.yaml", "--quiet", "--offline", "--allow-code", *words])


def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("out/s.json").read_text(encoding="utf-8"))
    return found


def test_bad_data_costs_its_own_cells_and_says_which_file(folder: Path) -> None:
    names = {name.removesuffix(".zip"): reason for name, reason in SETS.items()}
    assert run(", ".join(f"{path.removesuffix('.zip')}: {{path: {path}}}" for path in SETS)) == 1
    for name, reason in names.items():
        figures = record()["builds"][f"Net @ {name}"]["figures"]
        assert figures["macs"]["value"] == 3 * 3 * 8 * 8
        if reason is None:
            assert (figures["top1"]["correct"], figures["top1"]["total"]) == (12, 12)
        else:
            assert figures["top1"]["reason"] == reason
        assert figures["top1"].get("cause") == (
            None if reason is None else "missing" if name in ("gone", "other") else "failed"
        )
    report = Path("out/s.md").read_text(encoding="utf-8")
    assert "| good | folder | test | 12 | 2 files: a_red/x.csv, notes.txt | 3×8×8 |" in report
    assert str(folder) not in Path("out/s.json").read_text(encoding="utf-8")
    # A run in which nothing changed says the same, and so does a check.
    before = Path("out/s.json").read_bytes()
    assert main(["s.yaml", "--quiet", "--offline", "--allow-code"]) == 1
    assert Path("out/s.json").read_bytes() == before
    assert main(["check", "s.yaml"]) == 0


FEW = """\
reportgen: 1
title: Twenty of ten thousand
datasets: {cifar10: {}}
models:
  Fitted: {source: zoo/cifar_resnet20, weights: {fit: {epochs: 1, split: test}}}
measure: {accuracy: {metrics: [top1]}}
report: {columns: [top1]}
"""


def test_a_part_of_a_known_data_set_is_not_taken_for_the_whole(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    names = CIFAR10.class_names
    write_zip(
        folder / "data" / "cifar10-test.zip",
        {f"test/{name}/{n}.png": png(image + n) for name in names for n in range(2)},
    )
    Path("s.yaml").write_text(FEW, encoding="utf-8")
    assert main(["s.yaml", "--offline", "--data-dir", "data"]) == 0
    said = "On 20 of the 10,000 images of CIFAR-10's test split."
    assert f"[1] {said}\n" in capsys.readouterr().out
    data = record()["datasets"]["cifar10"]
    assert (data["read"], data["count"]) == (20, 10_000)
    assert record()["builds"]["Fitted"]["metadata"]["weights"] == (
        "fitted here, 1 epochs, seed 0, on 20 of 10,000 images"
    )
    report = Path("out/s.md").read_text(encoding="utf-8")
    assert f": {said}" in report
    assert "| cifar10 | test | 20 of 10,000 | 3×32×32 |" in report
    assert main(["check", "s.yaml"]) == 0


def test_a_fit_on_data_that_cannot_be_read_says_why(folder: Path) -> None:
    write_folder(folder / "bomb", pictures("train"))
    write_folder(folder / "bomb", {"train/c_blue/3.png": b"none"})
    (folder / "bomb" / "test" / "b_green" / "0.png").unlink()
    spec = TOP1_ALONE.replace("{file: plain.pt}", "{fit: {epochs: 1}}")
    assert run("bomb: {path: bomb}", spec=spec) == 1
    assert record()["builds"]["Net"]["figures"]["top1"]["reason"] == (
        "'train/c_blue/3.png' in bomb cannot be read: it is no image that Pillow knows"
    )


def test_what_data_does_to_its_reader_ends_no_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that crashes tells nothing; the evaluation, which reads for itself, does."""
    monkeypatch.setattr("reportgen.engine.reading._DESK", "tests.engine.subjects:Crashing")
    assert run("good: {path: good}", spec=TOP1_ALONE) == 0
    assert record()["builds"]["Net"]["figures"]["top1"]["correct"] == 12


def test_a_run_decodes_nothing_itself(folder: Path) -> None:
    spec = TOP1_ALONE.replace("DATASETS", "good: {path: good}")
    Path("s.yaml").write_text(spec, encoding="utf-8")
    program = (
        "import sys; from reportgen.cli import main\n"
        "code = main([*sys.argv[1:], '--quiet', '--offline', '--allow-code'])\n"
        "sys.exit(code or bool({'PIL', 'numpy', 'torch'} & set(sys.modules)))"
    )
    words = [sys.executable, "-c", program, "s.yaml"]
    assert subprocess.run(words, check=False, env=dict(os.environ)).returncode == 0
    # Nor where the images were touched and must be read again to know that they are the same.
    before = Path("out/s.json").read_bytes()
    for path in (folder / "good").rglob("*.png"):
        os.utime(path, ns=(0, 0))
    assert subprocess.run(words, check=False, env=dict(os.environ)).returncode == 0
    assert Path("out/s.json").read_bytes() == before
    assert len(list(cache.root().glob("data/arrays/*"))) == 1


def test_a_record_from_before_images_were_told_is_in_order(folder: Path) -> None:
    assert run("good: {path: good}", spec=TOP1_ALONE) == 0
    old = record()
    for key in ("read", "left_out"):
        del old["datasets"]["good"][key]
    Path("out/s.json").write_text(json.dumps(old), encoding="utf-8")
    assert main(["render", "s.yaml"]) == 0
    report = Path("out/s.md").read_text(encoding="utf-8")
    assert "| Data set | Source | Split | Shape | Classes |" in report
    assert main(["check", "s.yaml"]) == 0
    assert main(["s.yaml", "--quiet", "--offline"]) == 0
    assert "read" not in record()["datasets"]["good"]


def test_a_model_without_numbers_says_so_in_its_cell(folder: Path) -> None:
    spec = TOP1_ALONE.replace("model.py:Net", "model.py:Broken")
    assert run("good: {path: good}", spec=spec) == 1
    figure = record()["builds"]["Net"]["figures"]["top1"]
    assert figure["reason"] == "the model returns infinity"
