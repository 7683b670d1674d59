"""A package adds a model source: the code of docs/extending-model-sources.md, installed and run."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from reportgen.cli import main
from reportgen.common import registry
from reportgen.sources import model_source
from reportgen.sources.catalog import MODEL_SOURCES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending-model-sources.md"
LINEAR, PUBLISHED = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
(SPEC,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
(POINT,) = re.findall(r'^(acme = ".*")$', PAGE.read_text("utf-8"), re.M)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install the page's package; work beside the page's spec."""
    site = tmp_path / "site"
    info = site / "acme_nets-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-nets\nVersion: 1.2+local\n")
    declare(site, POINT.replace('"', ""))
    (site / "acme_nets.py").write_text(LINEAR)
    (tmp_path / "acme.yaml").write_text(SPEC)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(tmp_path)
    yield site
    forget()
    for name in ("acme_nets", "acme_published"):
        sys.modules.pop(name, None)


def declare(site: Path, point: str) -> None:
    points = site / "acme_nets-1.2.dist-info" / "entry_points.txt"
    points.write_text(f"[reportgen.model_sources]\n{point}\n")
    forget()


def forget() -> None:
    """Forget what is installed, as another process would."""
    registry._declared.cache_clear()
    MODEL_SOURCES._loaded.pop("acme", None)


def builds() -> dict[str, Any]:
    record = json.loads(Path("out/acme.json").read_text("utf-8"))
    return dict(record["builds"])


def test_from_the_spec_to_the_row(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "acme.yaml", "-q"]) == 0
    tiny, wide = builds()["Tiny"], builds()["Wide"]
    assert (tiny["source"], tiny["metadata"]["package"]) == ("acme/tiny", "acme-nets 1.2")
    # 64 pixels to 10 classes with biases: 64 × 10 + 10; through 32: 64 × 32 + 32 + 32 × 10 + 10.
    assert tiny["figures"]["params"]["value"] == 650
    assert wide["figures"]["params"]["value"] == 2410
    report = Path("out/acme.md").read_text("utf-8")
    assert "package: acme-nets 1.2" in report
    assert main(["check", "acme.yaml"]) == 0
    capsys.readouterr()
    assert main(["list", "models"]) == 0
    assert re.search(r"^acme/tiny +one linear layer \(hidden=0\)$", capsys.readouterr().out, re.M)
    assert main(["list", "model-sources"]) == 0
    assert re.search(r"^acme/NAME +Acme's models$", capsys.readouterr().out, re.M)


def test_a_change_in_the_package_makes_figures_stale(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "acme.yaml", "-q"]) == 0
    (site / "acme_nets.py").write_text(LINEAR.replace("hidden=0)", "hidden=1)"))
    assert main(["check", "acme.yaml"]) == 3
    assert "Tiny: complexity: the model's code changed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("acme/tini", "unknown model 'acme/tini'", "Did you mean 'acme/tiny'?"),
        ("acne/tiny", "unknown model 'acne/tiny'", "Did you mean 'acme/tiny'?"),
    ],
)
def test_near_names(
    source: str, message: str, hint: str, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("acme.yaml").write_text(SPEC.replace("{source: acme/tiny}", f"{{source: {source}}}"))
    assert main(["validate", "acme.yaml"]) == 2
    said = capsys.readouterr().err
    assert f"acme.yaml:6:18: {message}\n" in said
    assert f"  {hint} `reportgen list models` lists all.\n" in said


def test_an_argument_that_there_is_not(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("acme.yaml").write_text(SPEC.replace("hidden: 32", "hiden: 32"))
    assert main(["validate", "acme.yaml"]) == 2
    assert "'acme/tiny' has no argument 'hiden'" in capsys.readouterr().err


def publish(site: Path) -> None:
    """Publish weights that are all zero, and put the file where downloads are looked for."""
    Path("data/weights").mkdir(parents=True)
    path = Path("data/weights/tiny-v1.safetensors")
    save_file({"1.weight": torch.zeros(10, 64), "1.bias": torch.zeros(10)}, path)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()
    (site / "acme_published.py").write_text(PUBLISHED.replace("SHA256", digits))
    declare(site, "acme = acme_published:SOURCE")
    Path("acme.yaml").write_text(
        "reportgen: 1\ntitle: Acme\ndatasets: {digits: {}}\nmeasure: {accuracy: {}}\n"
        "models:\n  Tiny: {source: acme/tiny, weights: {acme: v1}}\n"
    )


def test_published_weights(site: Path) -> None:
    publish(site)
    assert main(["run", "acme.yaml", "-q", "--data-dir", "data"]) == 0
    tiny = builds()["Tiny"]
    # All scores are zero, so every answer is 0: 27 of the 359 test images show one.
    assert tiny["figures"]["top1"]["correct"] == 27
    assert tiny["metadata"]["weights"].endswith(
        "; images normalised by mean 0.5 and std 0.5, as the weights want; the weights' resize to "
        "8 are not applied: images are 1×8×8, as the data set gives them"
    )


@pytest.mark.parametrize(
    ("weights", "message", "hint"),
    [
        ("acne: v1", "unknown key 'acne'", "Did you mean 'acme'?"),
        ("zoo: v1", "unknown key 'zoo'", "Known: acme, file, fit, key, sha256, torchvision, url."),
        (
            "torchvision: DEFAULT",
            "torchvision publishes no weights of 'acme/tiny'",
            "Write `source: torchvision/NAME`, or weights from a file, a url or a fit.",
        ),
        (
            "acme: v1, file: x.pt",
            "weights come from one place, and here are 'file' and 'acme'",
            "Write exactly one of file, url, torchvision, acme or fit.",
        ),
    ],
)
def test_weights_that_cannot_be(
    weights: str, message: str, hint: str, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(site)
    text = Path("acme.yaml").read_text("utf-8").replace("acme: v1", weights)
    Path("acme.yaml").write_text(text)
    assert main(["validate", "acme.yaml"]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert f"  {hint}\n" in said


def test_a_name_of_weights_that_there_is_not(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(site)
    text = Path("acme.yaml").read_text("utf-8").replace("acme: v1", "acme: v2")
    Path("acme.yaml").write_text(text)
    assert main(["plan", "acme.yaml"]) == 0
    assert "missing: acme has no weights 'v2'" in capsys.readouterr().out


def test_a_source_that_cannot_be_loaded(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "acme_nets.py").write_text("raise RuntimeError('no licence')\n")
    assert main(["validate", "acme.yaml"]) == 2
    assert capsys.readouterr().err == (
        "the model source 'acme' of the package acme-nets cannot be loaded: RuntimeError: no "
        "licence. Update or uninstall it.\n"
    )


def test_a_package_that_is_gone_costs_no_figure(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "acme.yaml", "-q"]) == 0
    before = Path("out/acme.json").read_bytes()
    (site / "acme_nets-1.2.dist-info" / "entry_points.txt").unlink()
    forget()
    assert main(["check", "acme.yaml"]) == 0
    assert "not checked: no installed package has the model 'acme/tiny'" in capsys.readouterr().out
    assert main(["run", "acme.yaml", "-q"]) == 1
    assert Path("out/acme.json").read_bytes() == before


def test_another_version_of_the_package(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "acme.yaml", "-q"]) == 0
    monkeypatch.setattr(model_source, "installed_version", lambda package: "2.0")
    assert main(["check", "acme.yaml"]) == 3
    assert "Tiny: complexity: the version of its package changed\n" in capsys.readouterr().out


FOLDERS = """\
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reportgen.sources.model_source import ModelEntry, ModelSource, UnknownModelError


@dataclass(frozen=True)
class Folder(ModelEntry):
    runs_foreign_code: bool = True

    @property
    def start(self):
        return Path(self.target.rpartition(":")[0]) / "hubconf.py"

    def factory(self, spec_dir):
        import torch

        path, _, name = self.target.rpartition(":")
        return partial(torch.hub.load, str(spec_dir / path), name, source="local")


@dataclass(frozen=True)
class Folders(ModelSource):
    def find(self, name):
        target = name.removeprefix("acme/")
        if not target.rpartition(":")[0]:
            raise UnknownModelError(name, f"Write {self.form}.")
        return Folder(name, target)


SOURCE = Folders("acme/PATH:ENTRY", "folders with a hubconf.py")
"""
HUBCONF = """\
def net(num_classes):
    from torch import nn
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))
"""


def test_a_source_of_folders_that_it_cannot_list(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "acme_nets.py").write_text(FOLDERS)
    text = SPEC.replace("acme/tiny, args: {hidden: 32}", "zoo/digits_mlp")
    Path("acme.yaml").write_text(text.replace("acme/tiny", "'acme/parts:net'"))
    Path("parts").mkdir()
    Path("parts/hubconf.py").write_text(HUBCONF)
    assert main(["run", "acme.yaml", "-q"]) == 2
    said = "the model 'Tiny' runs code of acme/parts:net: read it, then add --allow-code"
    assert capsys.readouterr().err.startswith(said)
    assert main(["run", "acme.yaml", "-q", "--allow-code"]) == 0
    assert builds()["Tiny"]["figures"]["params"]["value"] == 650
    Path("parts/hubconf.py").write_text(HUBCONF.replace("64,", "8 * 8,"))
    assert main(["check", "acme.yaml"]) == 3
    assert "Tiny: complexity: the model's code changed" in capsys.readouterr().out
    capsys.readouterr()
    Path("acme.yaml").write_text(text.replace("acme/tiny", "acme/parts"))
    assert main(["validate", "acme.yaml"]) == 2
    assert "  Write acme/PATH:ENTRY.\n" in capsys.readouterr().err


def test_a_model_that_sets_its_own_class_count(site: Path) -> None:
    """Its factory takes any argument, and none for the class count."""
    code = LINEAR.replace("num_classes=10, hidden=0", "hidden=0, **others").replace(
        "    from torch", "    assert not others\n    num_classes = 10\n    from torch"
    )
    named = code.replace('args={"hidden": 0}', 'args={"hidden": 0}, classes_argument=""')
    (site / "acme_nets.py").write_text(named)
    assert main(["run", "acme.yaml", "-q"]) == 0
    assert builds()["Tiny"]["figures"]["params"]["value"] == 650
    assert builds()["Tiny"]["metadata"]["classes"] == "its own"
