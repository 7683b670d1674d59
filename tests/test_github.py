"""The action, the comment and the hooks: the very commands that they run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from reportgen import github
from reportgen.cli import main

ROOT = Path(__file__).resolve().parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step.get("name", step.get("uses")): step for step in ACTION["runs"]["steps"]}

SPEC = """\
reportgen: 1
title: T
datasets: {images: {source: synthetic, shape: [1, 8, 8], classes: 10, count: 4}}
models:
  Net: {source: zoo/digits_mlp}
measure: {complexity: {}}
"""


def git(folder: Path, *words: str) -> str:
    names = {
        f"GIT_{who}_{what}": "x@x.x"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *words],
        cwd=folder,
        env=os.environ | names,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a spec and its report, committed; `reportgen` runs in it."""
    folder = tmp_path / "repository"
    (folder / "specs").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (folder / "specs" / "nets.yaml").write_text(SPEC)
    assert main(["specs", "--quiet"]) == 0
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "a report")
    return folder


def run_step(name: str, folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run a step of the action as a runner would, with a `python` that installs nothing."""
    step = STEPS[name]
    values = {key: entry.get("default", "") for key, entry in ACTION["inputs"].items()} | inputs
    known = {f"inputs.{key}": value for key, value in values.items()}
    known["runner.temp"] = str(folder.parent / "temp")

    def fill(text: str) -> str:
        return re.sub(r"\$\{\{ (.+?) \}\}", lambda match: known.get(match[1], ""), text)

    tools = folder.parent / "tools"
    tools.mkdir(exist_ok=True)
    python = tools / "python"
    python.write_text(
        f'#!/bin/sh\n[ "$2" = pip ] && echo "$@" && exit 0\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    assert "${{" not in step["run"], "what others write must not become part of a command"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env=os.environ
        | {key: fill(value) for key, value in step["env"].items()}
        | {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GITHUB_STEP_SUMMARY": str(folder.parent / "summary.md"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def check_schema(schema: str, *files: Path) -> None:
    """Hold files to a schema of GitHub's, which the validator brings along."""
    words = ["--builtin-schema", f"vendor.github-{schema}", *map(str, files)]
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *words], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_github_would_take_the_action_and_the_documented_workflows(tmp_path: Path) -> None:
    check_schema("actions", ROOT / "action.yml")
    text = (ROOT / "docs" / "github.md").read_text(encoding="utf-8")
    workflows = re.findall(r"^```yaml\n(# \.github/workflows/\S+\n.*?)^```", text, re.M | re.S)
    assert len(workflows) == 2
    for number, workflow in enumerate(workflows):
        (tmp_path / f"{number}.yaml").write_text(workflow, encoding="utf-8")
    check_schema("workflows", *tmp_path.iterdir())


def test_the_action_is_well_formed() -> None:
    assert ACTION["runs"]["using"] == "composite"
    for name, step in STEPS.items():
        assert ("run" in step) != ("uses" in step), name
        assert "run" not in step or step["shell"] == "bash", name
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text(encoding="utf-8")))
    assert used == set(ACTION["inputs"])


def test_the_action_installs_what_checking_needs_and_no_more(repository: Path) -> None:
    done = run_step("Install reportgen", repository, install="a wheel")
    assert done.returncode == 0
    first, second = done.stdout.splitlines()
    assert first == "-m pip install --quiet --no-deps a wheel"
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    light = project[
        project.index("dependencies = [") : project.index("# What figures are measured")
    ]
    assert second.split()[4:] == re.findall(r'^ +"([a-z0-9-]+)', light, re.MULTILINE)


def test_the_action_on_a_pull_request(repository: Path) -> None:
    base = git(repository, "rev-parse", "HEAD")
    written = repository.parent / "temp" / "reportgen" / "reportgen.md"
    done = run_step("Check and compare", repository, base=base)
    assert (done.returncode, done.stderr) == (0, "")
    assert "specs/nets.yaml: in order, 1 build\n" in done.stdout
    assert written.read_text(encoding="utf-8").startswith(
        f"{github.MARKER}\n\n✅ `reportgen check`\n\n~~~\nspecs/nets.yaml: in order, 1 build\n~~~\n"
    )
    # A pull request that changes a model, and forgets to run reportgen.
    spec = repository / "specs" / "nets.yaml"
    spec.write_text(SPEC.replace("digits_mlp", "digits_cnn"))
    stale = run_step("Check and compare", repository, base=base)
    assert stale.returncode == 3
    assert "❌ `reportgen check`" in written.read_text(encoding="utf-8")
    # It runs it: the report is in order, and grew beyond what the job allows.
    assert main(["specs", "--quiet"]) == 0
    grown = run_step("Check and compare", repository, base=base, **{"fail-on": "macs>+5%\n"})
    assert grown.returncode == 3
    text = written.read_text(encoding="utf-8")
    assert "✅ `reportgen check`" in text
    assert "MACs" in text
    summary = (repository.parent / "summary.md").read_text(encoding="utf-8")
    assert summary.count("## reportgen check") == 3


def test_a_shallow_clone_gets_the_base(repository: Path, tmp_path: Path) -> None:
    base = git(repository, "rev-parse", "HEAD")
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "more")
    git(repository, "config", "uploadpack.allowAnySHA1InWant", "true")
    clone = tmp_path / "clone" / "repository"
    clone.parent.mkdir()
    git(tmp_path, "clone", "--quiet", "--depth=1", repository.as_uri(), str(clone))
    done = run_step("Check and compare", clone, base=base)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_base_that_cannot_be_had_is_told(repository: Path) -> None:
    done = run_step("Check and compare", repository, base="0" * 40)
    assert done.returncode == 2
    assert "there is no such file, folder or git revision" in done.stdout


class Forge(BaseHTTPRequestHandler):
    """As much of GitHub as a comment needs."""

    pulls: list[dict[str, Any]] = []
    comments: list[dict[str, Any]] = []
    calls: list[str] = []

    def _answer(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _data(self) -> dict[str, str]:
        Forge.calls.append(f"{self.command} {self.path}")
        assert self.headers["Authorization"] == "Bearer secret"
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        entries = self.pulls if path.endswith("/pulls") else self.comments
        page = int(query.rpartition("page=")[2])
        self._answer(entries[100 * (page - 1) : 100 * page])

    def do_POST(self) -> None:
        Forge.comments.append({"id": 900, "user": {"type": "Bot"}, **self._data()})
        self._answer({})

    def do_PATCH(self) -> None:
        number = int(self.path.rpartition("/")[2])
        next(old for old in self.comments if old["id"] == number).update(self._data())
        self._answer({})

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stand-in for GitHub with one pull request of a fork; returns the file to comment with."""
    Forge.pulls = [{"number": 7, "head": {"sha": "abc"}}]
    by_others = [{"id": i, "body": "Nice.", "user": {"type": "User"}} for i in range(100)]
    Forge.comments = [{"id": 500, "body": github.MARKER, "user": {"type": "User"}}, *by_others]
    Forge.calls = []
    run = {
        "head_sha": "abc",
        "head_branch": "feature",
        "head_repository": {"owner": {"login": "stranger"}},
    }
    event, file = tmp_path / "event.json", tmp_path / "reportgen.md"
    event.write_text(json.dumps({"workflow_run": run}))
    file.write_text(f"{github.MARKER}\n\nHello @team\n", encoding="utf-8")
    server = HTTPServer(("127.0.0.1", 0), Forge)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for name, value in {
        "GITHUB_API_URL": f"http://127.0.0.1:{server.server_port}",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_TOKEN": "secret",
        "GITHUB_EVENT_PATH": str(event),
        "REPORTGEN_FILE": str(file),
    }.items():
        monkeypatch.setenv(name, value)
    yield file
    server.shutdown()
    thread.join()
    server.server_close()


def test_there_is_one_comment_and_it_is_written_anew(forge: Path) -> None:
    assert github.main(["comment"]) == 0
    assert Forge.calls == ["POST /repos/o/r/issues/7/comments"]
    assert Forge.comments[-1]["body"] == f"{github.MARKER}\n\nHello @\u200bteam\n"
    assert github.main(["comment"]) == 0
    assert len(Forge.calls) == 1
    forge.write_text(f"{github.MARKER}\nNews\n", encoding="utf-8")
    assert github.main(["comment"]) == 0
    assert Forge.calls[1:] == ["PATCH /repos/o/r/issues/comments/900"]
    assert Forge.comments[-1]["body"] == f"{github.MARKER}\n\nNews\n"
    # Somebody else's comment with our marker is left alone.
    assert Forge.comments[0]["body"] == github.MARKER


def test_a_commit_that_is_not_the_newest_gets_no_comment(
    forge: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Forge.pulls = [{"number": 7, "head": {"sha": "newer"}}]
    assert github.main(["comment"]) == 0
    assert Forge.calls == []
    assert capsys.readouterr().out == (
        "no open pull request is at this commit: nothing to comment on\n"
    )


def test_a_long_comment_is_cut_at_a_line(forge: Path) -> None:
    forge.write_text("a line of text\n" * 10_000, encoding="utf-8")
    assert github.main(["comment"]) == 0
    body = Forge.comments[-1]["body"]
    assert len(body) <= github.LIMIT
    assert body.endswith("a line of text\n\n*Cut here: the rest is in the summary of the run.*\n")


HOOKS = {
    hook["id"]: hook
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
}


def run_hook(name: str, *files: str) -> int:
    """Run a hook's command on the files that it is for."""
    hook = HOOKS[name]
    mine = [file for file in files if re.search(hook["files"], file)]
    program, *words = hook["entry"].split()
    assert program == "reportgen"
    given = mine if hook.get("pass_filenames", True) else []
    return main([*words, *hook.get("args", []), *given]) if mine else -1


def test_the_hooks(repository: Path) -> None:
    spec = repository / "specs" / "nets.yaml"
    assert run_hook("reportgen-validate", "specs/nets.yaml", "README.md") == 0
    assert run_hook("reportgen-check", "out/nets.md") == 0
    spec.write_text(SPEC.replace("digits_mlp", "digits_cnn"))
    assert run_hook("reportgen-validate", "specs/nets.yaml") == 0
    assert run_hook("reportgen-check", "specs/nets.yaml") == 3
    spec.write_text(SPEC.replace("title", "titel"))
    assert run_hook("reportgen-validate", "specs/nets.yaml") == 2
    for name in HOOKS:
        assert run_hook(name, "README.md") == -1
    assert run_hook("reportgen-validate", "specs/_base.yaml") == -1
    assert set(HOOKS) == {"reportgen-validate", "reportgen-check"}


def test_a_wrong_word() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reportgen.github", "what"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "python -m reportgen.github: write review or comment\n",
    )


def test_a_check_on_digits_needs_no_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    from reportgen.data.known import fingerprint_if_known
    from reportgen.data.source import DataSource, Search

    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    digits = DataSource(source="digits", shape=(1, 8, 8), classes=10)
    assert fingerprint_if_known(digits, "test", Search((), True, Path())) is None
