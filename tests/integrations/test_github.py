"""The action, the comment and the hooks: the very commands that they run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from reportgen.cli import main
from reportgen.integrations import github

ROOT = Path(__file__).resolve().parents[2]
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


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a spec and its report, committed."""
    folder = tmp_path_factory.mktemp("measured") / "repository"
    (folder / "specs").mkdir(parents=True)
    (folder / "specs" / "nets.yaml").write_text(SPEC)
    assert main([str(folder / "specs"), "--out", str(folder / "out"), "--quiet"]) == 0
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "a report")
    return folder


@pytest.fixture
def repository(measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it; `reportgen` runs in it."""
    folder = tmp_path / "repository"
    shutil.copytree(measured, folder)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
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
        f'#!/bin/sh\n[ "$3" = pip ] && echo "$@" && exit 0\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    assert "${{" not in step["run"], "what others write must not become part of a command"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env=os.environ
        | {key: fill(value) for key, value in step.get("env", {}).items()}
        | {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_ACTION_PATH": str(ROOT),
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
    done = run_step("Install reportgen", repository)
    assert done.returncode == 0
    first, second = done.stdout.splitlines()
    assert first == f"-I -m pip install --quiet --no-deps -- {ROOT}"
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    light = project[
        project.index("dependencies = [") : project.index("# What figures are measured")
    ]
    assert second.split()[6:] == re.findall(r'^ +"([a-z0-9-]+)', light, re.MULTILINE)


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
        [sys.executable, "-m", "reportgen.integrations.github", "what"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "python -m reportgen.integrations.github: write review or comment\n",
    )


def test_a_check_on_digits_needs_no_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    from reportgen.data.known import fingerprint_if_known
    from reportgen.data.search import Search
    from reportgen.data.source import DataRequest

    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    digits = DataRequest(source="digits", shape=(1, 8, 8), classes=10)
    assert fingerprint_if_known(digits, "test", Search((), True, Path())) is None


def plant(folder: Path, marker: Path) -> None:
    """Put into a checkout what Python, pytest or git might run; it would write the marker."""
    code = f"import pathlib\npathlib.Path({str(marker)!r}).write_text(__file__)\n"
    for name in ("yaml", "jinja2", "pydantic", "torch", "sitecustomize", "usercustomize", "pip"):
        (folder / f"{name}.py").write_text(code)
    for package in ("reportgen", "rich", "tabulate", "encodings", "git"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text(code)
    for name in ("conftest.py", "setup.py", "nets.py", "json.py", "specs/nets.py"):
        (folder / name).write_text(code + "def make(classes):\n    raise SystemExit\n")
    # A folder of reports that is a repository of its own to git, and what such files can do.
    program = folder / "run.sh"
    program.write_text(f"#!/bin/sh\necho {marker.name} > '{marker}'\n")
    program.chmod(0o755)
    settings = f"""\
[core]
\trepositoryformatversion = 0
\tbare = BARE
\tfsmonitor = {program}
\thooksPath = {folder}
\tpager = {program}
\tsshCommand = {program}
[diff]
\texternal = {program}
[diff "all"]
\ttextconv = {program}
\tcommand = {program}
[filter "all"]
\tsmudge = {program}
\tclean = {program}
"""
    with (folder / ".git" / "config").open("a") as config:
        config.write(settings.replace("BARE", "false"))
    for name in ("post-checkout", "reference-transaction", "pre-commit"):
        (folder / name).write_text(program.read_text())
        (folder / name).chmod(0o755)
    (folder / ".gitattributes").write_text("* diff=all filter=all\n")
    out = folder / "out"
    for inner in ("objects", "refs"):
        (out / inner).mkdir()
    (out / "HEAD").write_text("ref: refs/heads/main\n")
    (out / "config").write_text(settings.replace("BARE", "true"))


def test_nothing_of_the_checkout_is_run(repository: Path) -> None:
    base = git(repository, "rev-parse", "HEAD")
    marker = repository.parent / "marker"
    plant(repository, marker)
    spec = repository / "specs" / "nets.yaml"
    spec.write_text(
        SPEC.replace("models:\n", "models:\n  Mine: {source: 'nets.py:make'}\n")
        + "report: {templates: ../templates}\n"
    )
    (repository / "templates").mkdir()
    (repository / "templates" / "report.md.j2").write_text(
        "{{ record.__class__.__mro__[1].__subclasses__() }}"
    )
    done = run_step("Check and compare", repository, base=base, **{"fail-on": "params>+5%"})
    assert not marker.exists(), marker.read_text()
    assert done.returncode == 2
    assert "not allowed in a template" in done.stdout
    spec.write_text(SPEC.replace("models:\n", "models:\n  Mine: {source: 'nets.py:make'}\n"))
    done = run_step("Check and compare", repository, base=base)
    assert not marker.exists(), marker.read_text()
    assert done.returncode == 3
    assert "specs/nets.yaml: " in done.stdout
    assert "finding" in done.stdout
    # Git asks nothing of the repository inside, and that is told.
    assert f"{base}: there is no such file or folder, and out is not in a git" in done.stdout
    (repository / "out" / "HEAD").unlink()
    run_step("Check and compare", repository, base=base)
    assert not marker.exists(), marker.read_text()
    text = (repository.parent / "temp" / "reportgen" / "reportgen.md").read_text("utf-8")
    assert f"## Reports, `{base}` → `out`\n\nNo figure changed.\n" in text


def test_pip_of_the_checkout_is_not_pip(repository: Path) -> None:
    marker = repository.parent / "marker"
    plant(repository, marker)
    for line in STEPS["Install reportgen"]["run"].splitlines():
        words = line.split()
        assert words[:4] == ["python", "-I", "-m", "pip"]
        assert "--" in words
        subprocess.run([sys.executable, *words[1:4], "--version"], cwd=repository, check=False)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["--allow-code", "-h"])
def test_an_input_is_no_option(repository: Path, name: str) -> None:
    done = run_step("Check and compare", repository, specs=name)
    assert done.returncode == 2
    assert f"{name}: no such spec" in done.stdout
    done = run_step("Check and compare", repository, base=name)
    assert done.returncode == 2
    assert f"{name}: there is no such file, folder or git revision" in done.stdout
    done = run_step("Check and compare", repository, out=name)
    assert done.returncode == 3
    assert "there is no record" in done.stdout
    done = run_step("Check and compare", repository, **{"fail-on": name, "base": "HEAD"})
    assert done.returncode == 2
    assert f"--fail-on '{name}': not a limit for a change" in done.stdout


@pytest.mark.parametrize("base", ["--upload-pack=touch marker", "+HEAD:refs/heads/x", "ext::sh"])
def test_a_base_that_is_none_is_not_fetched(repository: Path, base: str) -> None:
    git(repository, "remote", "add", "origin", str(repository))
    done = run_step("Check and compare", repository, base=base)
    assert done.returncode == 2
    assert "there is no such file, folder or git revision" in done.stdout
    assert not (repository / "marker").exists()
    assert git(repository, "branch", "--list", "x") == ""


def test_no_command_stands_in_the_log(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "out" / "nets.md").write_text("::add-mask::x\n::set-output name=a::b\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    lines = run_step("Check and compare", repository, base="").stdout.splitlines()
    token = re.fullmatch(r"::stop-commands::([0-9a-f]{32})", lines[0])
    assert token is not None
    assert lines[-1] == f"::{token[1]}::"


def test_what_is_said_stays_within_its_fence(repository: Path) -> None:
    spec = repository / "specs" / "nets.yaml"
    spec.write_text(SPEC.replace("Net:", r'"M\n~~~~\n\n# Forged [approve](https://a.b)\n":'))
    assert run_step("Check and compare", repository, base="").returncode == 2
    text = (repository.parent / "temp" / "reportgen" / "reportgen.md").read_text("utf-8")
    head, fenced, after = re.split(r"^~~~~~$", text, flags=re.M)
    assert head == f"{github.MARKER}\n\n❌ `reportgen check`\n\n"
    assert r"M\n~~~~\n\n# Forged" in fenced
    assert after == "\n"
    (repository / "out" / "nets.md").write_text("x\n~~~\n# Forged\n\x1b[2J@team\n")
    spec.write_text(SPEC)
    assert run_step("Check and compare", repository, base="").returncode == 3
    text = (repository.parent / "temp" / "reportgen" / "reportgen.md").read_text("utf-8")
    summary = (repository.parent / "summary.md").read_text("utf-8")
    for shown in (text, summary):
        assert re.findall(r"^~~~+(?:diff)?$", shown, re.M) in (["~~~~"] * 2, ["~~~~diff", "~~~~"])
        assert "\x1b" not in shown


def test_a_comment_holds_no_second_marker(forge: Path) -> None:
    forge.write_text(
        f"{github.MARKER}\n\n{github.MARKER}\nGH-1 #12 &#8203; <!-- \u202ex\x1b[2J",
        encoding="utf-8",
    )
    assert github.main(["comment"]) == 0
    assert Forge.comments[-1]["body"] == (
        f"{github.MARKER}\n\n&lt;!-- reportgen: this comment is written anew on every push -->\n"
        "GH-\u200b1 #\u200b12 &#8203; &lt;!-- \\u202ex\\x1b[2J\n"
    )
