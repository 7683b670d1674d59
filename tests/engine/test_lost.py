"""Good figures stay: where what they depend on cannot be read, and where measuring fails."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors.torch import save_file

from reportgen.cli import main
from reportgen.common import cache
from reportgen.common.errors import RecordError
from reportgen.data.search import Search
from reportgen.engine.journal import Journal
from reportgen.engine.previous import seen
from reportgen.engine.reading import fingerprint
from reportgen.plan.resolve import plan
from reportgen.plan.selection import Selection
from reportgen.plan.staleness import compare
from reportgen.record import record as records
from reportgen.record.record import Figure
from reportgen.spec import load
from tests.engine.subjects import net_of_two_classes

SPEC = """\
reportgen: 1
title: Lost
datasets:
  shapes: {source: folder, path: images, shape: [1, 8, 8], classes: 2, split: test}
models:
  Base: {source: python/base:net, baseline: true}
  Mine: {source: nets.py:net, weights: {file: mine.safetensors}}
measure:
  complexity: {}
  timing: {batch_sizes: [1], rounds: 3, warmup: 0, threads: 1, total: false}
  accuracy: {metrics: [top1]}
"""
NET = """\
from torch import nn
from layers import Flat


def net(num_classes):
    return nn.Sequential(Flat(), nn.Linear(64, num_classes))
"""
LAYERS = "from torch import nn\n\n\nclass Flat(nn.Flatten):\n    pass\n"


class Project:
    """A folder with a spec, code, weights and images, and `reportgen` run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str) -> int:
        return main(["lost.yaml", "--offline", "--allow-code", *words])

    def check(self, *words: str) -> int:
        return main(["check", "lost.yaml", "--offline", *words])

    @property
    def record(self) -> str:
        return Path("out/lost.json").read_text(encoding="utf-8")

    @property
    def mine(self) -> dict[str, Any]:
        figures: dict[str, Any] = json.loads(self.record)["builds"]["Mine"]["figures"]
        return figures

    def change(self, old: str, new: str, name: str = "lost.yaml") -> None:
        text = Path(name).read_text(encoding="utf-8")
        assert old in text
        Path(name).write_text(text.replace(old, new), encoding="utf-8")


def write(folder: Path) -> None:
    (folder / "lost.yaml").write_text(SPEC)
    (folder / "nets.py").write_text(NET)
    (folder / "base.py").write_text(NET)
    (folder / "layers.py").write_text(LAYERS)
    for name, grey in (("dark", 20), ("light", 200)):
        (folder / "images" / "test" / name).mkdir(parents=True)
        for number in range(3):
            path = folder / "images" / "test" / name / f"{number}.png"
            Image.new("L", (8, 8), grey + number).save(path)
    save_file(net_of_two_classes(), folder / "mine.safetensors")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a project in which everything was measured, a copy of it, its cache."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "project").mkdir()
    write(folder / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "project")
        patch.syspath_prepend(str(folder / "project"))
        patch.setenv("PYTHONPATH", str(folder / "project"))
        patch.setenv("REPORTGEN_CACHE", str(folder / "cache"))
        assert Project(folder / "project").run("-q") == 0
    shutil.copytree(folder / "project", folder / "copy")
    return folder


@pytest.fixture
def project(
    measured: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    folder = measured / "project"  # always the same place: the cache knows the images there
    shutil.rmtree(folder)
    shutil.copytree(measured / "copy", folder)
    shutil.copytree(measured / "cache", tmp_path / "cache")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    return Project(folder)


def test_what_was_measured_is_up_to_date(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert project.run() == 0
    assert capsys.readouterr().out == "out/lost: up to date, 2 builds, nothing measured\n"
    assert project.check("--strict") == 0
    assert capsys.readouterr().out == "lost.yaml: in order, 2 builds\n"


def unreadable(project: Project, what: str) -> None:
    if what == "no right":
        shutil.move("nets.py", "aside")
        Path("nets.py").mkdir()
    else:
        shutil.move(what, "aside")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("nets.py", ["11 figures not checked: nets.py is not there"]),
        ("no right", ["11 figures not checked: nets.py cannot be read (Is a directory)"]),
        (
            "base.py",
            [
                "10 figures not checked: the module base is not there, neither beside the spec (.) "
                "nor installed",
                "1 figure not checked: the module base is not there, neither beside the spec (.) "
                "nor installed (the baseline)",
            ],
        ),
        (
            "layers.py",
            [
                "10 figures not checked: base.py imports layers, which is not there",
                "11 figures not checked: nets.py imports layers, which is not there",
            ],
        ),
        (
            "mine.safetensors",
            [
                "1 figure not checked: the weights mine.safetensors are not here "
                "(tried mine.safetensors)"
            ],
        ),
        (
            "images",
            ["1 figure not checked: there is no folder or zip 'images' (tried images)"],
        ),
    ],
)
def test_what_cannot_be_read_leaves_its_figures_alone(
    what: str, said: list[str], project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in Path("out").iterdir()}
    unreadable(project, what)
    for words, code in (((), 0), (("--strict",), 1)):
        assert project.check(*words) == code
        assert capsys.readouterr().out.splitlines() == [
            "lost.yaml: in order, 2 builds",
            *(f"  {line}" for line in said),
        ]
    assert project.check("--json") == 0
    assert json.loads(capsys.readouterr().out)["lost.yaml"]["not_checked"] == [
        {"figures": int(line.split()[0]), "reason": line.partition(": ")[2]} for line in said
    ]
    assert project.run() == 1
    assert capsys.readouterr().out.splitlines() == [
        "out/lost: up to date, 2 builds, nothing measured",
        *(f"  {line.replace('not checked', 'kept, not checked')}" for line in said),
    ]
    assert main(["plan", "lost.yaml", "--offline"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "lost.yaml: 2 builds, 0 to measure",
        *(f"  {line}" for line in said),
    ]
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before


def test_data_that_was_not_read_here_yet_is_not_checked(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORTGEN_CACHE", str(project.folder / "new"))
    assert project.check() == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  1 figure not checked: shapes (test) was not read here yet: a run reads it"
    ]


def test_what_can_be_read_and_has_changed_is_measured_beside_what_cannot(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    before = project.mine
    unreadable(project, "nets.py")
    project.change("batch_sizes: [1]", "batch_sizes: [1, 2]")
    assert project.run() == 1
    after = project.mine
    assert {key: after[key] for key in before} == before
    assert after["latency@2"]["reason"] == (
        "importing nets.py:net raised FileNotFoundError: no such file"
    )
    base = json.loads(project.record)["builds"]["Base"]["figures"]
    assert base["latency@2"]["provenance"] == "measured"
    assert "  11 figures kept, not checked: nets.py is not there" in capsys.readouterr().out


def test_asking_for_it_again_does_not_cost_it_either(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    before = project.record
    unreadable(project, "nets.py")
    assert project.run("--remeasure", "Mine") == 1
    assert project.record == before
    failed = "importing nets.py:net raised FileNotFoundError: no such file"
    assert capsys.readouterr().out.endswith(f"  11 figures kept, not measured again: {failed}\n")


def test_a_model_is_renamed_while_its_code_cannot_be_read(project: Project) -> None:
    before = project.mine
    unreadable(project, "nets.py")
    project.change("Mine:", "Yours:")
    assert project.run() == 1
    assert json.loads(project.record)["builds"]["Yours"]["figures"] == before


def test_what_is_there_again_is_in_order(project: Project) -> None:
    before = project.record
    unreadable(project, "nets.py")
    project.run()
    shutil.move("aside", "nets.py")
    assert project.check("--strict") == 0
    assert project.run() == 0
    assert project.record == before


BROKEN = "def net(:"
RAISED = "importing nets.py:net raised SyntaxError: invalid syntax (nets.py, line 1)"


def broken(project: Project) -> None:
    Path("nets.py").write_text(BROKEN)


def test_a_failure_replaces_no_good_figure(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    before = project.mine
    dependencies = json.loads(project.record)["builds"]["Mine"]["dependencies"]
    broken(project)
    said = f"the model's code changed, and measuring it again failed: {RAISED}"
    for _ in range(2):  # the second run tries again, and comes to the same
        assert project.run() == 1
        assert project.mine == {
            key: figure | {"stale": said} if "value" in figure else figure
            for key, figure in before.items()
        }
        assert json.loads(project.record)["builds"]["Mine"]["dependencies"] == dependencies
        assert f"  11 figures kept, stale: {said}" in capsys.readouterr().out
    assert project.check() == 3
    assert f"Mine: complexity, timing, speedup, accuracy: {said}" in capsys.readouterr().out


def test_another_checkpoint_is_called_so(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.safetensors").write_bytes(b"torn")
    assert project.check() == 3
    assert "Mine: accuracy: the weights' file changed\n" in capsys.readouterr().out


def test_the_report_shows_a_stale_figure_as_stale(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    broken(project)
    project.run()
    shown = capsys.readouterr().out
    markdown = Path("out/lost.md").read_text(encoding="utf-8")
    row = next(line for line in markdown.splitlines() if line.startswith("| Mine |"))
    cells = [cell.strip() for cell in row.split("|")[2:-1]]
    assert all("† [^stale-" in cell or "†[^stale-" in cell for cell in cells)
    assert "**" not in row
    assert "- †: stale. Something that it was measured on has changed since" in markdown
    assert (
        "]: Stale: The model's code changed, and measuring it again failed: importing" in markdown
    )
    assert "† stale" in shown
    text = Path("out/lost.txt").read_text(encoding="utf-8")
    assert "Test Accuracy: 50.00% (stale: the model's code changed" in text
    assert "Note on Mine: Stale: " in text


@pytest.mark.slow
def test_measured_again_it_is_stale_no_more(project: Project) -> None:
    broken(project)
    project.run()
    Path("nets.py").write_text(NET.replace("Flat(),", "Flat(), nn.ReLU(),"))
    assert project.run() == 1  # the weights do not fit the model any more
    mine = project.mine
    assert {key for key, figure in mine.items() if "stale" in figure} == {"top1"}
    assert mine["top1"]["value"] == 50
    assert "the weights do not fit the model" in mine["top1"]["stale"]
    Path("nets.py").write_text(NET)
    assert project.run() == 0
    assert not any("stale" in figure for figure in project.mine.values())
    assert project.check("--strict") == 0


def test_a_speed_up_stays_when_its_baseline_fails(project: Project) -> None:
    before = project.mine
    Path("base.py").write_text(NET.replace("64,", "63,"))
    assert project.run() == 1
    after = project.mine
    assert after["speedup@1"].pop("stale") == (
        "the baseline changed, and measuring it again failed: "
        "the baseline, Base, could not be timed"
    )
    assert after == before


@pytest.mark.slow
def test_a_group_that_fails_in_part_keeps_what_was_good(project: Project) -> None:
    project.change("batch_sizes: [1]", "batch_sizes: [1, 2]")
    assert project.run() == 0
    Path("nets.py").write_text(NET.replace("Flat(),", "Flat(), Picky(),") + PICKY)
    project.run()
    mine = project.mine
    assert "stale" not in mine["latency@1"]
    assert mine["latency@2"]["stale"].endswith("ValueError: never two")
    stale = mine["latency@2"], mine["latency@1"]
    project.run()  # tries what is stale again, and leaves the rest alone
    assert (project.mine["latency@2"], project.mine["latency@1"]) == stale


PICKY = """


class Picky(nn.Module):
    def forward(self, x):
        if len(x) == 2:
            raise ValueError("never two")
        return x
"""


def test_a_baseline_that_is_gone_leaves_no_speed_up(project: Project) -> None:
    project.change(", baseline: true", "")
    assert project.run() == 0
    assert "speedup@1" not in project.mine


def test_a_new_data_set_that_cannot_be_read_leaves_the_old_accuracy_stale(
    project: Project,
) -> None:
    before = project.mine["top1"]
    project.change("classes: 2", "classes: 2, normalize: {mean: [0.5], std: [0.25]}")
    shutil.move("images", "aside")
    assert project.run() == 1
    after = project.mine["top1"]
    assert after.pop("stale") == (
        "the normalisation of images changed, and measuring it again failed: "
        "there is no folder or zip 'images'"
    )
    assert after == before


ABSOLUTE = """import os


def net(num_classes):
    here = os.path.dirname(os.path.abspath(__file__))
    home = os.path.expanduser("~")
    raise OSError(
        f"[Errno 2] No such file or directory: '{here}/parts/a b.bin' or {home}/.config/x.ini "
        f"or /opt/secret/lib.so:3, see https://example.org/a/b"
    )
"""


def test_no_path_of_this_machine_gets_into_a_record(project: Project) -> None:
    Path("nets.py").write_text(ABSOLUTE)
    assert project.run() == 1
    assert str(project.folder) not in project.record
    assert (
        "No such file or directory: 'parts/a b.bin' or x.ini or lib.so:3, "
        "see https://example.org/a/b"
    ) in project.mine["macs"]["stale"]


PLUGIN = """\
[reportgen.models]
acme/net = base:net
"""


@pytest.fixture
def installed(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the metadata of a package, which is installed, and whose model was measured."""
    package = project.folder / "acme-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(PLUGIN)
    project.change("nets.py:net", "acme/net")
    assert project.run("-q") == 0
    return package


def test_a_package_that_is_not_installed_costs_nothing(
    installed: Path, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    before = project.record
    shutil.rmtree(installed)
    said = "no installed package has the model 'acme/net'"
    assert project.check() == 0
    assert project.check("--strict") == 1
    assert project.run() == 1
    assert main(["render", "lost.yaml"]) == 0
    assert project.record == before
    out = capsys.readouterr().out
    assert out.count(f"  11 figures not checked: {said}\n") == 2
    assert f"  11 figures kept, not checked: {said}\n" in out
    # What was never measured is misspelt, as far as anybody knows.
    project.change("acme/net", "acme/nett")
    assert project.run() == 2
    assert "unknown model 'acme/nett'" in capsys.readouterr().err


@pytest.mark.slow
def test_another_setting_for_what_is_not_installed(installed: Path, project: Project) -> None:
    shutil.rmtree(installed)
    project.change("complexity: {}", "complexity: {batch_size: 2}")
    assert project.run() == 1
    assert project.mine["macs"]["stale"] == (
        "the settings of the measurement changed, and measuring it again failed: "
        "no installed package has the model 'acme/net'"
    )


def test_plan_says_what_is_missing_before_anything_is_measured(
    project: Project, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.rmtree("out")
    for what in ("nets.py", "mine.safetensors", "images"):
        shutil.move(what, f"{what}.aside")
    (tmp_path / "data").mkdir()
    words = ["plan", "lost.yaml", "--only", "Mine", "--data-dir", str(tmp_path / "data")]
    assert main(words) == 0
    tried = [f"{tmp_path}/data/mine.safetensors", f"{tmp_path}/data/weights/mine.safetensors"]
    assert capsys.readouterr().out.splitlines()[5:] == [
        "  missing: nets.py is not there: Mine",
        "  missing: the weights mine.safetensors are not here "
        f"(tried mine.safetensors, {', '.join(tried)}): Mine",
        f"  missing: there is no folder or zip 'images' (tried images, {tmp_path}/data/images): "
        "Mine",
    ]
    # What could not be had is missing still, though nothing is due.
    shutil.move("nets.py.aside", "nets.py")
    assert project.run("-q", "--only", "Mine") == 1
    capsys.readouterr()
    assert main([*words, "--offline"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "lost.yaml: 2 builds, 0 to measure"
    assert out[1].startswith("  missing: the weights mine.safetensors are not here (tried ")


@pytest.mark.slow
def test_a_source_is_written_from_the_folder_of_the_spec(project: Project) -> None:
    project.change("nets.py:net", f"{project.folder}/nets.py:net")
    assert project.run() == 0
    assert project.check("--strict") == 0
    assert str(project.folder) not in project.record
    assert json.loads(project.record)["builds"]["Mine"]["source"] == "nets.py:net"


def test_what_is_measured_in_parts_loses_nothing_in_between(project: Project) -> None:
    old = records.read(Path("out/lost.json"))
    project.change("rounds: 3", "rounds: 4")
    planned = plan(load(Path("lost.yaml")), name="lost", spec_dir=Path())
    state = compare(planned, old, Search(spec_dir=Path()), Selection(), read=fingerprint)
    (due,) = (due for due in state.due if (due.build.id, due.group) == ("Mine", "timing"))
    journal = Journal(
        planned, Path("out/lost.json"), state.record, old, seen(Path("out/lost.json"))
    )
    journal.put(due, {"latency@1": Figure("measured", 1, "ms")})
    throughput = project.mine["throughput@1"]
    assert throughput["stale"] == (
        "the settings of the measurement changed, and it was not measured again yet"
    )
    assert "stale" not in project.mine["latency@1"]
    # Killed here: the next run takes what is left, and no more.
    state = compare(
        planned, records.read(Path("out/lost.json")), Search(), Selection(), read=fingerprint
    )
    assert [(d.build.id, d.group, d.keys) for d in state.due if d.build.id == "Mine"] == [
        ("Mine", "timing", ("throughput@1",)),
        ("Mine", "speedup", ("speedup@1",)),
    ]


def test_a_record_that_somebody_broke_meanwhile_is_not_written_over(project: Project) -> None:
    path = Path("out/lost.json")
    planned = plan(load(Path("lost.yaml")), name="lost", spec_dir=Path())
    old = records.read(path)
    assert old is not None
    journal = Journal(planned, path, old, old, seen(path))
    path.write_text("{")
    with pytest.raises(RecordError, match="not JSON"):
        journal.save()
    assert path.read_text() == "{"


def test_a_cache_that_cannot_be_written_costs_time_only(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = project.record
    monkeypatch.setenv("REPORTGEN_CACHE", str(project.folder / "nets.py"))
    assert project.check() == 0
    assert capsys.readouterr().err == ""
    assert project.run("-q", "--remeasure", "accuracy") == 0
    assert capsys.readouterr().err == (
        f"the cache {project.folder}/nets.py cannot be written (File exists): what this run keeps "
        "is lost at its end. Set REPORTGEN_CACHE to a folder that can be written.\n"
    )
    assert project.record == before


def test_a_cache_with_a_flipped_bit_in_each_file_is_made_anew(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in Path("out").iterdir()}
    files = [path for path in cache.root().rglob("*") if path.is_file() and path.stat().st_size]
    assert {path.relative_to(cache.root()).parts[0] for path in files} == {"data", "index"}
    for path in files:
        content, status = bytearray(path.read_bytes()), path.stat()
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert project.check() == 0
    assert "was not read here yet" in capsys.readouterr().out
    assert project.run("-q", "--remeasure", "accuracy") == 0
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before
