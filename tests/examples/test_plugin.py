"""The example package, installed: every entry of it, from a spec to the report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]
SPEC = """\
reportgen: 1
title: With a package
datasets: {digits: {}}
models:
  CNN: {source: zoo/digits_cnn, weights: {fit: {epochs: 1}}}
measure: {complexity: {}, accuracy: {metrics: [top1, top3]}}
report: {columns: [top1, top3, params]}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    package = shutil.copytree(ROOT / "examples" / "plugin", folder / "source")  # builds there
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    pip += ["--no-build-isolation", "--disable-pip-version-check"]
    pip += ["--target", str(folder), str(package)]
    subprocess.run(pip, check=True, env={**os.environ, "TMPDIR": str(folder)})
    return folder


def reportgen(folder: Path, *words: str, site: Path | None = None) -> tuple[int, str]:
    path = os.pathsep.join(filter(None, [str(site or ""), str(ROOT)]))
    done = subprocess.run(
        [sys.executable, "-m", "reportgen", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "REPORTGEN_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def figures(folder: Path) -> dict[str, dict[str, Any]]:
    record = json.loads((folder / "out" / "s.json").read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = record["builds"]["CNN"]["figures"]
    return found


def test_a_model_of_a_package(installed: Path, tmp_path: Path) -> None:
    text = (
        "reportgen: 1\ntitle: T\ndatasets: {digits: {}}\nmodels: {CNN: {source: example/linear}}\n"
    )
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    code, said = reportgen(tmp_path, "s.yaml", site=installed)
    assert code == 0, said
    assert figures(tmp_path)["params"]["value"] == 650  # 64 × 10 weights and 10 biases
    page = (tmp_path / "out" / "s.md").read_text(encoding="utf-8")
    assert "- **CNN**: example/linear; input 1×8×8; package: reportgen-example 1.0\n" in page


ARRAYS = """\
reportgen: 1
title: Arrays
datasets: {pictures: {source: arrays, path: pictures, shape: [1, 8, 8], classes: 2}}
models: {CNN: {source: example/linear, weights: {file: weights.pt}}}
measure: {complexity: {}, accuracy: {metrics: [top1]}}
report: {columns: [top1, params], formats: [md, tsv]}
"""


def test_data_and_a_format_of_a_package(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(ARRAYS, encoding="utf-8")
    (tmp_path / "pictures").mkdir()
    labels = np.arange(12) % 2
    images = np.zeros((12, 8, 8, 1), np.uint8)
    images[labels == 1] = 255
    images[11] = 0  # looks like the other class
    np.save(tmp_path / "pictures" / "test.npy", images)
    np.save(tmp_path / "pictures" / "test-labels.npy", labels)
    # Bright images are of class 1: each pixel is -1 or 1 when it is normalised.
    weight = torch.stack([-torch.ones(64), torch.ones(64)])
    torch.save({"1.weight": weight, "1.bias": torch.zeros(2)}, tmp_path / "weights.pt")
    code, said = reportgen(tmp_path, "s.yaml", site=installed)
    assert code == 0, said
    top1 = figures(tmp_path)["top1"]
    assert (top1["correct"], top1["total"], top1["value"]) == (11, 12, 91.6667)
    assert (tmp_path / "out" / "s.tsv").read_text(encoding="utf-8") == (
        "table\tmodel\tmetric\tvalue\tunit\n"
        "pictures\tCNN\ttop1\t91.6667\t%\n"
        "pictures\tCNN\tparams\t130\t\n"  # 64 × 2 weights and 2 biases
    )
    code, said = reportgen(tmp_path, "check", "s.yaml", site=installed)
    assert (code, said) == (0, "s.yaml: in order, 1 build\n")
    for topic, name in (("datasets", "arrays"), ("formats", "tsv"), ("model-sources", "example")):
        code, said = reportgen(tmp_path, "list", topic, site=installed)
        assert f"\n{name} " in said or f"\n{name}/" in said


def test_a_metric_of_a_package(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SPEC, encoding="utf-8")
    code, said = reportgen(tmp_path, "s.yaml", site=installed)
    assert code == 0, said
    top1, top3 = (figures(tmp_path)[name] for name in ("top1", "top3"))
    assert top3["total"] == top1["total"] == 359  # a fifth of the 1,797 digits
    assert top1["correct"] <= top3["correct"] <= 359
    assert top3["value"] == round(100 * top3["correct"] / 359, 4)
    page = (tmp_path / "out" / "s.md").read_text(encoding="utf-8")
    assert "| Model | Top-1 ↑ | Top-3 ↑ | Params ↓ |\n" in page
    assert f"| {top3['value']:.2f} % | 9,978 |\n" in page
    assert "images whose class is among the first three" in page
    code, said = reportgen(tmp_path, "list", "metrics", site=installed)
    assert "\ntop3" in said

    # Without the package nothing is lost, and the report is the same.
    code, said = reportgen(tmp_path, "check", "s.yaml")
    assert (code, said) == (
        0,
        "s.yaml: in order, 1 build\n  1 figure not checked: the metric 'top3' is not installed\n",
    )
    code, said = reportgen(tmp_path, "s.yaml")
    assert code == 1
    assert "1 figure kept, not checked: the metric 'top3' is not installed" in said
    assert figures(tmp_path)["top3"] == top3
    assert (tmp_path / "out" / "s.md").read_text(encoding="utf-8") == page

    # With it again, nothing is measured again; with another version of it the figure is stale.
    code, said = reportgen(tmp_path, "check", "s.yaml", site=installed)
    assert (code, said) == (0, "s.yaml: in order, 1 build\n")
    (metadata,) = installed.glob("*.dist-info/METADATA")
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.1"))
    code, said = reportgen(tmp_path, "check", "s.yaml", site=installed)
    assert code == 3
    assert "the package of the metric top3 changed" in said
