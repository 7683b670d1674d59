"""The example package, installed: every entry of it, from a spec to the report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    pip += ["--no-build-isolation", "--disable-pip-version-check"]
    pip += ["--target", str(folder), str(ROOT / "examples" / "plugin")]
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
