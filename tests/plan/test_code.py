"""A model's code: what its file imports, and is the user's own."""

from __future__ import annotations

import importlib.machinery
import json
import shutil
import site
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from reportgen.cli import main
from reportgen.plan import code, dependencies, resolve
from reportgen.plan.code import imports_digest, lost_import, own_files
from reportgen.plan.plan import NO_DATA
from reportgen.record.digests import adopt, differing
from reportgen.sources import model_source
from reportgen.sources.model_source import ModelEntry
from reportgen.spec import load
from reportgen.spec.model import Complexity, Measure, Model

LAB = {
    "lab/__init__.py": "",
    "lab/nets.py": "from lab.parts.blocks import Block\n",
    "lab/parts/__init__.py": "",
    "lab/parts/blocks.py": "from ..sizes import WIDTH\n\nclass Block: width = WIDTH\n",
    "lab/sizes.py": "WIDTH = 8\n",
    "lab/unused.py": "",
}


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def names(module: str | Path, *folders: Path) -> list[str]:
    """Return the own files of a module, from the first folder that has them."""
    found = own_files(module, [str(folder) for folder in folders])
    return sorted(
        str(next(file.relative_to(folder) for folder in folders if folder in file.parents))
        for file in found
    )


def test_what_is_imported_indirectly_counts_with_the_packages_on_the_way(tmp_path: Path) -> None:
    write(tmp_path, LAB)
    used = sorted(LAB.keys() - {"lab/unused.py"})
    assert names("lab.nets", tmp_path) == used
    assert names(tmp_path / "lab/nets.py", tmp_path) == used


@pytest.mark.parametrize(
    "text",
    [
        "import lab.parts.blocks",
        "import lab.parts.blocks as b",
        "from lab.parts import blocks",
        "from .parts import blocks",
        "from .parts.blocks import *",
        "def net():\n    from lab.parts.blocks import Block",
        "try:\n    import lab.parts.blocks\nexcept ImportError:\n    pass",
        "import sys\nif sys.argv:\n    import lab.parts.blocks",
        "import importlib\nimportlib.import_module('lab.parts.blocks')",
        "from importlib import import_module\nimport_module('.parts.blocks', __package__)",
        "__import__('lab.parts.blocks')",
        "if TYPE_CHECKING:\n    1\nelse:\n    import lab.parts.blocks",
    ],
)
def test_every_way_to_import(text: str, tmp_path: Path) -> None:
    write(tmp_path, LAB | {"lab/nets.py": text})
    assert "lab/parts/blocks.py" in names("lab.nets", tmp_path)


@pytest.mark.parametrize("test", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_what_is_imported_for_types_never_runs(test: str, tmp_path: Path) -> None:
    write(tmp_path, LAB | {"lab/nets.py": f"if {test}:\n    import lab.parts.blocks"})
    assert names("lab.nets", tmp_path) == ["lab/__init__.py", "lab/nets.py"]


def test_a_package_of_re_exports_is_followed(tmp_path: Path) -> None:
    init = "from .blocks import *\n"
    write(
        tmp_path, LAB | {"lab/nets.py": "from .parts import Block", "lab/parts/__init__.py": init}
    )
    assert "lab/sizes.py" in names("lab.nets", tmp_path)


def test_packages_without_init_are_followed(tmp_path: Path) -> None:
    write(tmp_path, {name: text for name, text in LAB.items() if "__init__" not in name})
    assert names("lab.nets", tmp_path) == ["lab/nets.py", "lab/parts/blocks.py", "lab/sizes.py"]


def test_circles_end(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import b", "b.py": "import a\nimport c", "c.py": "import c"})
    assert names("a", tmp_path) == ["a.py", "b.py", "c.py"]


def test_a_large_tree_is_cut_off_at_the_same_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "MOST_FILES", 3)
    write(tmp_path, {f"m{n}.py": f"import m{n + 1}" for n in range(9)})
    assert names("m0", tmp_path) == ["m0.py", "m1.py", "m2.py"]


def test_what_is_installed_counts_only_where_it_is_the_model(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "site-packages"
    write(packages, {"timmy/__init__.py": "", "timmy/net.py": "from .blocks import B\nimport lab"})
    write(packages, {"timmy/blocks.py": "import lab"})
    write(tmp_path, {"nets.py": "import timmy.net, torch, json, reportgen.zoo.conv", "lab.py": ""})
    assert names("nets", tmp_path, packages) == ["nets.py"]
    assert names("timmy.net", packages, tmp_path) == ["timmy/net.py"]


def test_a_package_linked_into_site_packages_is_the_users(tmp_path: Path) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    write(tmp_path / "src", LAB)
    (packages / "lab").symlink_to(tmp_path / "src" / "lab")
    write(tmp_path, {"nets.py": "import lab.nets"})
    assert "src/lab/sizes.py" in names("nets", tmp_path, packages)


def test_what_lies_in_a_zip_file_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"nets.py": "import zipped, odd\n__import__('a\\0b')"})
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as file:
        file.writestr("zipped.py", "")
    assert names("nets", tmp_path, tmp_path / "lib.zip") == ["nets.py"]
    said = lost_import("nets", [str(tmp_path), str(tmp_path / "lib.zip")])
    assert said == "nets.py imports odd, which is not there"


def test_an_editable_install_by_a_pth_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "site-packages"
    write(tmp_path / "src", LAB)
    write(packages, {"lab.pth": str(tmp_path / "src")})
    write(tmp_path, {"nets.py": "import lab.nets"})
    monkeypatch.setattr(sys, "path", [*sys.path])
    site.addsitedir(str(packages))
    found = own_files(tmp_path / "nets.py", [str(tmp_path), *sys.path])
    assert tmp_path / "src/lab/parts/blocks.py" in found


class EditableFinder:
    """Finds a package as the finders that pip writes for editable installs do."""

    def __init__(self, package: str, folder: Path) -> None:
        self.package, self.folder = package, folder

    def find_spec(self, name: str, path: Sequence[str] | None = None) -> ModuleSpec | None:
        if name != self.package:
            return None
        return importlib.machinery.PathFinder.find_spec(name, [str(self.folder)])


def test_an_editable_install_by_a_finder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "src", LAB)
    write(tmp_path, {"nets.py": "import lab.nets"})
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, EditableFinder("lab", tmp_path / "src")])
    assert "src/lab/parts/blocks.py" in names("nets", tmp_path)


def test_nothing_is_imported(tmp_path: Path) -> None:
    write(tmp_path, {"lab9/__init__.py": "1 / 0", "lab9/nets.py": "import lab9.parts\n1 / 0"})
    own_files("lab9.nets", [str(tmp_path)])
    assert "lab9" not in sys.modules


def changed(folder: Path, name: str, text: str) -> bool:
    before = imports_digest("lab.nets", [str(folder)])
    (folder / name).write_text(text)
    return imports_digest("lab.nets", [str(folder)]) != before


def test_meaning_counts_and_comments_do_not(tmp_path: Path) -> None:
    write(tmp_path, LAB)
    assert not changed(tmp_path, "lab/sizes.py", '"""Sizes."""\n# in pixels\nWIDTH = 8\n')
    assert not changed(tmp_path, "lab/unused.py", "WIDTH = 9\n")
    assert changed(tmp_path, "lab/sizes.py", "WIDTH = 16\n")
    assert changed(tmp_path, "lab/__init__.py", "import os\n")


def test_where_a_project_lies_does_not_count(tmp_path: Path) -> None:
    write(tmp_path / "a", LAB)
    write(tmp_path / "b", LAB)
    digests = {imports_digest("lab.nets", [str(tmp_path / name)]) for name in "ab"}
    # Written down once: a change of it would make figures of old records stale.
    assert digests == {"4d7ad6b2ab6e"}


def test_a_file_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, LAB)
    imports_digest("lab.nets", [str(tmp_path)])
    monkeypatch.setattr("ast.parse", None)
    imports_digest("lab.nets", [str(tmp_path)])


LOST = "import torch\nfrom layers import Layer\n"


@pytest.mark.parametrize(
    ("text", "beside", "said"),
    [
        (LOST, [], "nets.py imports layers, which is not there"),
        (LOST, ["layers.py"], ""),
        ("import a.b\n", ["a.py"], "nets.py imports a.b, which is not there"),
        ("from .layers import Layer\n", [], "nets.py imports layers, which is not there"),
        # What may be meant to fail, or to be found by then, is for running it to say.
        (f"try:\n    import fast\nexcept ImportError:\n    pass\n{LOST}", [], ""),
        (f"import sys\nsys.path.insert(0, 'lib')\n{LOST}", [], ""),
        (f"import sys\nif True:\n    pass\n{LOST}", [], ""),
        ("def net():\n    import layers\n", [], ""),
    ],
)
def test_an_import_that_finds_nothing(
    text: str, beside: list[str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "nets.py").write_text(text)
    for name in beside:
        (tmp_path / name).touch()
    write(tmp_path / "lib", {"torch.py": ""})
    assert lost_import(tmp_path / "nets.py", [str(tmp_path / "lib")]) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("from lab.parts.gone import Block", "nets.py imports lab.parts.gone, which is not there"),
        ("from .parts.gone import Block", "nets.py imports parts.gone, which is not there"),
        ("from lab.parts import gone", "nets.py imports lab.parts.gone, which is not there"),
        ("from .parts import blocks, gone", "nets.py imports parts.gone, which is not there"),
        ("from . import gone", "nets.py imports gone, which is not there"),
        ("from .parts import named", ""),
        ("from .parts import blocks", ""),
        ("from torch import nn, gone", ""),
        (
            "if TYPE_CHECKING:\n    import x\nimport gone",
            "nets.py imports gone, which is not there",
        ),
    ],
)
def test_a_module_of_a_package_that_is_not_there(text: str, said: str, tmp_path: Path) -> None:
    write(tmp_path, LAB | {"lab/nets.py": text, "lab/parts/__init__.py": "named = 3"})
    assert lost_import("lab.nets", [str(tmp_path), *sys.path]) == said


def test_what_a_helper_imports_may_be_lost_too(tmp_path: Path) -> None:
    write(tmp_path, LAB)
    (tmp_path / "lab/sizes.py").unlink()
    said = "blocks.py imports sizes, which is not there"
    assert lost_import("lab.nets", [str(tmp_path)]) == said


def test_the_file_of_a_plugin_counts(tmp_path: Path) -> None:
    entry = ModelEntry("acme/net", "lab.nets:net")
    write(tmp_path, LAB)
    before = code_of(entry, tmp_path)
    (tmp_path / "lab/sizes.py").write_text("WIDTH = 9\n")
    after = code_of(entry, tmp_path)
    assert after["code"] == before["code"]
    assert after["imports"] != before["imports"]


def code_of(entry: ModelEntry, folder: Path) -> Mapping[str, str]:
    spec = Measure(complexity=Complexity())
    found = dependencies.digests(
        spec, Model(source="zoo/conv"), entry, 2, (1, 8, 8), NO_DATA.normalization, folder
    )
    return found["complexity"]


OLD = {"code": "a", "model": "b"}


@pytest.mark.parametrize(
    ("was", "now", "names"),
    [
        (OLD, OLD | {"imports": "c", "packages": "d"}, []),
        (OLD | {"imports": "c"}, OLD, []),
        (OLD | {"imports": "c"}, OLD | {"imports": "d", "code": "e"}, ["code", "imports"]),
        (OLD, {"model": "b"}, ["code"]),
        ({"baseline": "a"}, {"baseline": "a", "baseline imports": "b"}, []),
    ],
)
def test_digests_that_older_records_lack_are_compared_where_both_sides_have_them(
    was: Mapping[str, str], now: Mapping[str, str], names: list[str]
) -> None:
    assert differing(was, now) == names


def test_a_run_takes_over_imports_and_no_versions() -> None:
    now = OLD | {"imports": "c", "packages": "d"}
    assert adopt(OLD, now) == OLD | {"imports": "c"}
    assert adopt(OLD | {"imports": "x"}, now) == OLD | {"imports": "x"}


def test_a_speed_up_depends_on_what_its_baseline_imports(tmp_path: Path) -> None:
    """The digest that older records have of a baseline stays what it was."""
    write(tmp_path, LAB)
    (tmp_path / "two.yaml").write_text(TWO)
    spec = load(tmp_path / "two.yaml")
    before = resolve.plan(spec, name="two", spec_dir=tmp_path).builds["Zoo"].dependencies["speedup"]
    (tmp_path / "lab/sizes.py").write_text("WIDTH = 9\n")
    after = resolve.plan(spec, name="two", spec_dir=tmp_path).builds["Zoo"].dependencies["speedup"]
    assert differing(before, after) == ["baseline imports"]


TWO = """\
reportgen: 1
title: Two
datasets:
  images: {source: synthetic, shape: [1, 8, 8], classes: 2}
models:
  Base: {source: python/lab.nets:net, baseline: true}
  Zoo: {source: zoo/digits_mlp}
measure:
  timing: {batch_sizes: [1]}
"""


# From the command line.

SPEC = """\
reportgen: 1
title: Code
datasets:
  images: {source: synthetic, shape: [3, 8, 8], classes: 2}
models:
  Mine: {source: nets.py:net}
  Ours: {source: python/lab.nets:net}
  Theirs: {source: torchvision/resnet18}
measure:
  complexity: {}
"""
PROJECT = {
    "code.yaml": SPEC,
    "nets.py": "from lab.nets import net\n",
    "lab/__init__.py": "",
    "lab/nets.py": "from .parts.blocks import Block\n\n\ndef net(num_classes):\n"
    "    return Block(192, num_classes)\n",
    "lab/parts/__init__.py": "",
    "lab/parts/blocks.py": "from torch import nn\n\n\nclass Block(nn.Sequential):\n"
    "    def __init__(self, size, out):\n"
    "        super().__init__(nn.Flatten(), nn.Linear(size, 10), nn.Linear(10, out))\n",
}
BLOCKS = Path("lab/parts/blocks.py")
IN_ORDER = "code.yaml: in order, 3 builds\n"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("measured")
    write(folder, PROJECT)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(folder))
        patch.setattr(sys, "path", [str(folder), *sys.path])
        assert main(["code.yaml", "--allow-code", "-q"]) == 0
    return folder


@pytest.fixture
def project(measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(measured, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


Said = Callable[[], str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return lambda: capsys.readouterr().out


def record() -> str:
    return Path("out/code.json").read_text()


def params(name: str) -> int:
    return int(json.loads(record())["builds"][name]["figures"]["params"]["value"])


def test_a_change_in_a_package_that_it_imports_is_seen(project: Path, said: Said) -> None:
    BLOCKS.write_text(PROJECT[str(BLOCKS)] + "# a comment\n")
    assert main(["check", "code.yaml"]) == 0
    assert said() == IN_ORDER
    assert params("Ours") == params("Mine") == 192 * 10 + 10 + 10 * 2 + 2
    BLOCKS.write_text(PROJECT[str(BLOCKS)].replace("10", "100"))
    assert main(["check", "code.yaml"]) == 3
    shown = said()
    for name in ("Mine", "Ours"):
        assert f"{name}: complexity: the model's code changed\n" in shown
    assert main(["code.yaml", "--allow-code", "-q"]) == 0
    assert params("Ours") == params("Mine") == 192 * 100 + 100 + 100 * 2 + 2
    said()
    assert main(["check", "code.yaml"]) == 0
    assert said() == IN_ORDER


def without(*words: str) -> None:
    """Take digests out of the record, as an older version wrote it."""
    content = json.loads(record())
    for build in content["builds"].values():
        for group in build["dependencies"].values():
            for word in words:
                group.pop(word, None)
    Path("out/code.json").write_text(json.dumps(content))


def test_an_old_record_is_in_order_and_takes_over_what_is_new(project: Path, said: Said) -> None:
    without("imports", "packages")
    assert main(["check", "code.yaml", "--strict"]) == 0
    assert said() == IN_ORDER
    assert main(["code.yaml", "--allow-code"]) == 0
    assert "measured" not in said()
    assert record().count('"imports"') == 2
    assert main(["code.yaml", "--allow-code"]) == 0
    assert said() == "out/code: up to date, 3 builds, nothing measured\n"
    assert "packages" not in record()  # nobody knows which it was measured with
    BLOCKS.write_text(PROJECT[str(BLOCKS)].replace("10", "100"))
    assert main(["check", "code.yaml"]) == 3


def test_an_import_that_is_moved_away_has_not_changed(project: Path, said: Said) -> None:
    before = record()
    BLOCKS.rename("aside")
    assert main(["check", "code.yaml"]) == 0
    assert "not checked: nets.py imports parts.blocks, which is not there\n" in said()
    assert main(["code.yaml", "--allow-code"]) == 1
    assert record() == before


def test_an_import_that_cannot_be_read_has_not_changed(
    project: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise PermissionError(13, "Permission denied", "blocks.py")

    monkeypatch.setattr(dependencies, "imports_digest", refuse)
    assert main(["check", "code.yaml"]) == 0
    assert main(["check", "code.yaml", "--strict"]) == 1
    assert "not checked: blocks.py cannot be read (Permission denied)\n" in said()


def test_another_version_of_torchvision_makes_its_models_stale(
    project: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_source, "installed_version", lambda package: "0.1")
    assert main(["check", "code.yaml"]) == 3
    assert "Theirs: complexity: the version of its package changed\n" in said()
    monkeypatch.setattr(model_source, "installed_version", lambda package: "")
    assert main(["check", "code.yaml"]) == 0
    assert "not checked: torchvision is not installed\n" in said()
