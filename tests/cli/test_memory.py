"""What was in order is said again without looking closer, until anything of it changes."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reportgen import cache, seen
from reportgen.builds.checkpoints import weights_digest
from reportgen.cli import commands, main, memory, work
from reportgen.data import known
from reportgen.data.locate import find
from reportgen.data.source import DataSource, Search
from reportgen.engine.selection import Selection
from reportgen.engine.staleness import compare
from reportgen.files import write_text
from reportgen.fingerprint import code_digest
from reportgen.record import Figure
from reportgen.report import render
from tests.lean import HEAVY, run_without

# The package has a function of this name.
environment = importlib.import_module("reportgen.report.environment")

CODE = """\
from torch import nn
from parts import width


def make(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(width, num_classes))
"""
FILES = {
    "specs/_base.yaml": """\
reportgen: 1
datasets: {pictures: {source: folder, path: pictures, shape: [3, 8, 8], classes: 2}}
measure: {complexity: {}, accuracy: {}}
report: {templates: ../looks}
""",
    "specs/small.yaml": """\
extends: _base.yaml
title: Small
models:
  Lite: {source: zoo/resnet_lite}
  Mine: {source: "nets/mine.py:make", weights: {file: mine.pt}}
  Package: {source: "python/pack.nets:make", weights: {file: package.pt}}
""",
    "specs/known.yaml": """\
reportgen: 1
title: Known
datasets: {cifar10: {}, digits: {}}
models:
  ResNet:
    source: zoo/cifar_resnet20
    weights: {url: "https://example.org/net.th", sha256: "12345678"}
    datasets: [cifar10]
  Perceptron: {source: zoo/digits_mlp, weights: {fit: {epochs: 1}}, datasets: [digits]}
measure: {accuracy: {}}
report: {formats: [txt]}
""",
    "specs/nets/mine.py": CODE,
    "specs/nets/parts.py": "width = 192\n",
    "specs/pack/__init__.py": "",
    "specs/pack/nets.py": CODE,
    "specs/mine.pt": "some weights",
    "data/weights/package.pt": "others",
    "specs/pictures/test/cat/1.png": "a cat",
    "specs/pictures/test/dog/1.png": "a dog",
    "data/mirror/cifar-10-batches-py/test_batch": "packed",
    "looks/part.j2": "{{ title }}",
    "looks/report.txt.j2": '{% include "part.j2" %}: {{ tables | length }}\n',
}
CHECK = ["check", "specs/small.yaml", "--data-dir", "data"]
IN_ORDER = (0, "specs/small.yaml: in order, 3 builds\n")


def read(source: DataSource, fingerprint: str) -> None:
    """Let a data set have been read: its fingerprint is remembered from then on."""
    place = find(source, "test", Search((Path("data"),), True, Path("specs")))
    assert place is not None
    cache.remember(known.place_key(source, "test", place), fingerprint)


class Project:
    """A folder with a report that is in order, and commands that are run there as if alone."""

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.capsys = capsys
        self.executed = 0
        for name, text in FILES.items():
            self.write(name, text)
        shutil.copytree(environment.builtin_templates(), folder / "ours")
        monkeypatch.setattr(environment, "builtin_templates", lambda: folder / "ours")
        execute = commands.execute

        def counted(words: list[str]) -> tuple[int, bool]:
            self.executed += 1
            return execute(words)

        monkeypatch.setattr(commands, "execute", counted)
        code_digest.cache_clear()
        self.report("small", Figure("measured", 50, by="hand"))
        self.report("known", Figure("unavailable", cause="missing", reason="no data"))

    def report(self, name: str, figure: Figure) -> None:
        """Write a report as a run would that found `figure` for everything."""
        plan = work.plan(Path(f"specs/{name}.yaml"))
        search = Search((Path("data"),), True, Path("specs"))
        for build in plan.builds.values():  # what a run leaves in the cache
            if build.weights:
                weights_digest(build.weights, search)
        if name == "small":
            read(plan.data["pictures"].source, "0" * 64)
        state = compare(plan, None, search, Selection(), read_data=False)
        builds = dict(state.record.builds)
        for due in state.due:
            figures = dict.fromkeys(due.keys, figure)
            build = builds[due.build.id]
            builds[due.build.id] = replace(
                build,
                figures={**build.figures, **figures},
                inputs={**build.inputs, due.group: dict(due.inputs)},
            )
        record = replace(state.record, builds=builds)
        write_text(Path(f"out/{name}.json"), record.dumps())
        looks = [plan.templates] if plan.templates else []
        for kind, text in render(record, template_dirs=looks).items():
            write_text(Path(f"out/{name}.{kind}"), text)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def remove(self, name: str) -> None:
        path = self.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def ask(self, words: list[str] = CHECK, *, anew: bool = False) -> tuple[int, str]:
        """Run a command as a process of its own would; return its exit code and what it printed."""
        code_digest.cache_clear()
        importlib.invalidate_caches()
        seen.forget()
        with self.monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["reportgen", *words])
            if anew:
                patch.setenv(memory.OFF, "1")
            self.capsys.readouterr()
            code = main()
        shown = self.capsys.readouterr()
        return code, shown.out + shown.err


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Project:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv(memory.OFF, raising=False)
    monkeypatch.setattr(seen, "SETTLED_NS", 0)  # else nothing that a test wrote is trusted
    # Other tests have imported what no such command does.
    ours, program = str(Path(seen.__file__).parent), seen._program
    monkeypatch.setattr(seen, "_program", lambda: {f for f in program() if f.startswith(ours)})
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)  # as `python -m` does
    return Project(folder, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (CHECK, IN_ORDER[1]),
        (["check", "specs/small.yaml", "--json"], '"findings": []'),
        (["specs/small.yaml", "--allow-code", "--offline"], "up to date, 3 builds"),
        (["render", "specs/small.yaml"], ""),
        (["validate", "specs/small.yaml"], "specs/small.yaml: fine, 3 builds\n"),
    ],
)
def test_the_same_is_said_again_without_looking_closer(
    project: Project, words: list[str], said: str
) -> None:
    first = project.ask(words)
    assert first[0] == 0
    assert said in first[1]
    assert project.ask(words) == first
    assert project.executed == 1


def test_it_can_be_switched_off(project: Project) -> None:
    for count in (1, 2):
        assert project.ask(anew=True) == IN_ORDER
        assert project.executed == count


def _same_size_and_time(project: Project) -> None:
    path = project.folder / "out/small.md"
    status = path.stat()
    project.change("out/small.md", "# Small", "# Smell")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _another_data_set(project: Project) -> None:
    """Change an image, and let the data set have been read since."""
    project.write("specs/pictures/test/dog/1.png", "a fox")
    read(work.plan(Path("specs/small.yaml")).data["pictures"].source, "1" * 64)


# What is changed, and the exit code of a check after it.
CHANGES: dict[str, tuple[Callable[[Project], object], int]] = {
    "the spec": (lambda p: p.change("specs/small.yaml", "Small", "Other"), 3),
    "nothing that counts in the spec": (
        lambda p: p.change("specs/small.yaml", "Small", "Small "),
        0,
    ),
    "a key of the spec": (lambda p: p.change("specs/small.yaml", "title", "titel"), 2),
    "a spec that is gone": (lambda p: p.remove("specs/small.yaml"), 2),
    "what it extends": (lambda p: p.change("specs/_base.yaml", "complexity: {}", "timing: {}"), 3),
    "what it extends is gone": (lambda p: p.remove("specs/_base.yaml"), 2),
    "the record": (lambda p: p.change("out/small.json", '"value": 50', '"value": 51'), 3),
    "the record is gone": (lambda p: p.remove("out/small.json"), 3),
    "a document": (lambda p: p.change("out/small.md", "# Small", "# Large"), 3),
    "a document, size and time kept": (_same_size_and_time, 3),
    "a document is gone": (lambda p: p.remove("out/small.txt"), 3),
    "all of the report is gone": (lambda p: p.remove("out"), 3),
    "a template of ours": (lambda p: p.write("ours/report.md.j2", "{{ title }}"), 3),
    "a template of theirs": (lambda p: p.write("looks/report.txt.j2", "{{ title }}"), 3),
    "a part of a template": (lambda p: p.write("looks/part.j2", "{{ spec }}"), 3),
    "a new template of theirs": (lambda p: p.write("looks/report.md.j2", "{{ title }}"), 3),
    "a folder of templates is gone": (lambda p: p.remove("looks"), 2),
    "code": (lambda p: p.change("specs/nets/mine.py", "Flatten(", "Flatten(1"), 3),
    "a comment in code": (lambda p: p.write("specs/nets/mine.py", f"# my net\n{CODE}"), 0),
    "code is gone": (lambda p: p.remove("specs/nets/mine.py"), 3),
    "what code imports": (lambda p: p.write("specs/nets/parts.py", "width = 191\n"), 3),
    "what code imports is gone": (lambda p: p.remove("specs/nets/parts.py"), 3),
    "a new file that code imports": (lambda p: p.write("specs/nets/torch.py", "nn = 1\n"), 3),
    "a module": (lambda p: p.change("specs/pack/nets.py", "Flatten(", "Flatten(1"), 3),
    "a module is a package now": (lambda p: p.write("specs/pack/nets/__init__.py", "a = 1\n"), 3),
    "weights": (lambda p: p.write("specs/mine.pt", "same weight!"), 3),
    "weights are gone": (lambda p: p.remove("specs/mine.pt"), 0),
    "weights that come first": (lambda p: p.write("specs/package.pt", "others"), 0),
    "an image": (lambda p: p.write("specs/pictures/test/dog/1.png", "a fox"), 0),
    "a data set that was read": (_another_data_set, 3),
    "one image more": (lambda p: p.write("specs/pictures/test/dog/2.png", "two dogs"), 0),
    "data is gone": (lambda p: p.remove("specs/pictures"), 0),
    "a data directory is gone": (lambda p: p.remove("data"), 2),
    "the cache is gone": (lambda p: shutil.rmtree(cache.root()), 0),
    "a new module beside": (lambda p: p.write("yaml.py", ""), 0),
}


@pytest.mark.parametrize("name", CHANGES)
def test_whatever_changes_is_looked_at_anew(project: Project, name: str) -> None:
    assert project.ask() == IN_ORDER
    assert project.ask() == IN_ORDER
    assert project.executed == 1
    change, code = CHANGES[name]
    change(project)
    said = project.ask()
    assert project.executed == 2, "said from memory"
    assert said == project.ask(anew=True)
    assert said[0] == code


@pytest.mark.parametrize(
    "name",
    [
        "data/cifar10-test.zip",
        "data/cifar10/test/cat/1.png",
        "data/cifar-10-batches-py/test_batch",
        "data/another/cifar-10-batches-py/test_batch.gz",
        "data/mirror/cifar-10-batches-py/test_batch",
        "data/net.th",
        "data/weights/net.th",
    ],
)
def test_data_and_weights_are_looked_for_anew(project: Project, name: str) -> None:
    words = ["check", "specs/known.yaml", "--data-dir", "data"]
    in_order = (0, "specs/known.yaml: in order, 2 builds, 2 figures unavailable\n")
    assert project.ask(words) == project.ask(words) == in_order
    assert project.executed == 1
    project.write(name, "something else")
    assert project.ask(words) == in_order
    assert project.executed == 2, "said from memory"


def test_a_link_that_leads_elsewhere(project: Project) -> None:
    os.symlink("mirror/cifar-10-batches-py", "data/cifar-10-batches-py")
    os.symlink("nowhere", "data/more")
    words = ["check", "specs/known.yaml", "--data-dir", "data"]
    assert project.ask(words) == project.ask(words)
    assert project.executed == 1
    shutil.copytree("data/mirror", "data/nowhere/inside")
    shutil.move("data/nowhere", "nowhere")
    os.unlink("data/more")
    os.symlink("../nowhere", "data/more")
    project.ask(words)
    assert project.executed == 2


def test_what_changes_back_is_in_order_again(project: Project) -> None:
    assert project.ask() == IN_ORDER
    project.change("specs/small.yaml", "Small", "Other")
    for _ in range(2):  # what is not in order is not kept
        assert project.ask()[0] == 3
    project.change("specs/small.yaml", "Other", "Small")
    for _ in range(2):
        assert project.ask() == IN_ORDER
    assert project.executed == 4


@pytest.mark.parametrize(
    "more",
    [["--out", "other"], ["--set", "title=Other"], ["--templates", "ours"], ["--json"]],
)
def test_another_question_has_its_own_answer(project: Project, more: list[str]) -> None:
    assert project.ask() == IN_ORDER
    said = project.ask([*CHECK, *more])
    assert project.executed == 2
    assert said == project.ask([*CHECK, *more], anew=True)


def test_another_environment_has_its_own_answer(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project.ask() == IN_ORDER
    monkeypatch.setenv("REPORTGEN_DATA", "elsewhere")
    assert project.ask() == IN_ORDER
    assert project.executed == 2
    shutil.copytree("specs", "moved/specs")
    monkeypatch.chdir("moved")
    assert project.ask(CHECK[:2])[0] == 2  # its templates are not there
    assert project.executed == 3


def test_a_folder_is_looked_through_anew(project: Project) -> None:
    words = ["validate", "specs"]
    project.remove("specs/known.yaml")
    first = project.ask(words)
    assert project.ask(words) == first
    assert project.executed == 1
    shutil.copy("specs/small.yaml", "specs/third.yaml")
    assert project.ask(words) == (0, f"{first[1]}specs/third.yaml: fine, 3 builds\n")


def test_what_a_pattern_matches_is_never_kept(project: Project) -> None:
    for _ in range(2):
        assert project.ask(["check", "specs/sm*.yaml", "--data-dir", "data"]) == IN_ORDER
    assert project.executed == 2


@pytest.mark.parametrize("more", [["--remeasure", "unavailable"], ["--durations"]])
def test_what_asks_for_more_than_to_look_is_done(project: Project, more: list[str]) -> None:
    words = ["specs/small.yaml", "--allow-code", "--offline", *more]
    for _ in range(2):
        assert project.ask(words)[0] == 0
    assert project.executed == (1 if more == ["--durations"] else 2)


def test_what_was_just_written_is_not_trusted(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(project.folder)
    before = time.time_ns()
    (project.folder / "new").touch()
    seen.forget()
    seen.look("specs/small.yaml")
    assert time.time_ns() - before < seen.SETTLED_NS, "too slow a machine to tell"
    assert seen.settled() is None


def test_what_changes_while_it_is_looked_at_is_not_trusted(project: Project) -> None:
    seen.forget()
    seen.look("specs/small.yaml")
    assert seen.settled() is not None
    project.remove("specs/small.yaml")
    assert seen.settled() is None


def test_a_summary_of_a_job_is_written_every_time(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    for _ in range(2):
        assert project.ask() == IN_ORDER
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").count("in order") == 2


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"said": "in order"}', '{"said": 1, "seen": 2}']
)
def test_a_broken_memory_is_none(project: Project, content: str) -> None:
    assert project.ask() == IN_ORDER
    (kept,) = (cache.root() / memory.FOLDER).iterdir()
    kept.write_text(content)
    assert project.ask() == IN_ORDER
    assert project.executed == 2


def test_where_nothing_can_be_kept(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.folder / "file").touch()
    monkeypatch.setenv(cache.VARIABLE, str(project.folder / "file" / "cache"))
    for count in (1, 2):
        assert project.ask(["validate", "specs/small.yaml"])[0] == 0
        assert project.executed == count


# Runs a command and lists what was opened, listed or asked about outside of Python and its
# packages, but for what the cache keeps to be quick.
_WATCHED = """\
import json, os, sys
asked = set()
stat = os.stat
def watched(path, *args, **kwargs):
    asked.add(path)
    return stat(path, *args, **kwargs)
os.stat = watched
def hook(event, args):
    if event in ("open", "os.listdir", "os.scandir"):
        asked.add(args[0])
sys.addaudithook(hook)
from reportgen.cli import main
assert main() == 0
paths = [os.path.abspath(path) for path in asked if isinstance(path, (str, os.PathLike))]
sys.stderr.write(json.dumps(paths))
"""


def test_everything_that_is_asked_about_is_noted(project: Project) -> None:
    data = ["--data-dir", "data"]
    time.sleep(2.1)  # till the files can be trusted
    for words in (
        CHECK,
        ["check", "specs/known.yaml", *data],
        ["specs/small.yaml", "--allow-code", "--offline", *data],
        ["render", "specs"],
        ["validate", "specs"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", _WATCHED, *words], capture_output=True, text=True, check=True
        )
        asked = {Path(name) for name in json.loads(done.stderr)}
        (kept,) = (cache.root() / memory.FOLDER).iterdir()
        noted = {Path(os.path.abspath(name)) for name in json.loads(kept.read_text())["seen"]}
        kept.unlink()
        ours = {path for path in asked if path.is_relative_to(project.folder)}
        assert any(path.suffix == ".yaml" for path in ours), "nothing was watched"
        assert ours - noted == set()
        assert {path for path in asked if path.parent == cache.root() / "index"} <= noted


def test_nothing_that_reads_a_spec_is_imported_to_say_it_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(memory.OFF, "1")
    words = [*CHECK, "--offline"]
    done = run_without(HEAVY | {"pydantic"}, *words, from_memory=True)
    assert "imported ['pydantic']" in done.stderr
    monkeypatch.delenv(memory.OFF)
    time.sleep(2.1)  # till the files can be trusted
    for modules in (HEAVY, HEAVY | {"pydantic", "jinja2", "yaml", "argparse", "dataclasses"}):
        done = run_without(modules, *words, from_memory=True)
        assert (done.returncode, done.stdout, done.stderr) == (*IN_ORDER, "")
