"""The command line: what it prints, and what it exits with."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen import __version__
from reportgen.cli import main
from reportgen.cli.listing import LISTS
from reportgen.spec import loads
from reportgen.spec.schema import dumps
from tests.golden import Golden

ROOT = Path(__file__).resolve().parent.parent

SPEC = """\
reportgen: 1
title: T
datasets: {cifar10: {}}
models: {A: {source: zoo/resnet_lite}}
"""


def test_help(
    capsys: pytest.CaptureFixture[str], golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    assert done.value.code == 0
    golden("help.txt", capsys.readouterr().out)


def test_no_words_at_all_are_a_question_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main([])
    assert done.value.code == 0
    assert capsys.readouterr().out.startswith("usage: reportgen [COMMAND] SPEC... [options]")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"reportgen {__version__}\n"


def test_options_may_come_before_the_spec(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quiet", "--out", "x", "none.yaml"]) == 2
    assert "none.yaml: no such spec." in capsys.readouterr().err


@pytest.mark.parametrize("topic", [*LISTS])
def test_list(topic: str, capsys: pytest.CaptureFixture[str], golden: Golden) -> None:
    assert main(["list", topic]) == 0
    golden(f"list_{topic}.txt", capsys.readouterr().out)


def test_validate_says_what_is_right_and_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(SPEC)
    bad.write_text(SPEC.replace("title: T", "titel: T"))
    assert main(["validate", str(bad), str(good)]) == 2
    shown = capsys.readouterr()
    assert shown.out == f"{good}: fine, 1 build\n"
    assert shown.err == (
        f"{bad}:2:1: unknown key 'titel'\n  2 | titel: T\n    | ^\n  Did you mean 'title'?\n"
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["none.yaml"], "none.yaml: no such spec. Did you mean 's.yaml'?\n"),
        (
            ["render", "s.yaml"],
            "out/s.json: no record to render. Measure first: reportgen s.yaml\n",
        ),
        (["s.yaml", "--data-dir", "nowhere"], "nowhere: no such folder of data\n"),
        (["s.yaml", "sub/s.yaml"], "s.yaml: another spec here is called 's' too: rename one\n"),
        (["init", "s.yaml"], "s.yaml: is there already; name another file\n"),
    ],
)
def test_a_wrong_command_line(
    words: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "s.yaml").write_text(SPEC)
    (tmp_path / "sub" / "s.yaml").write_text(SPEC)
    assert main(words) == 2
    assert capsys.readouterr().err == expected


def test_the_plan_says_what_is_to_be_measured_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SPEC)
    assert main(["plan", "s.yaml"]) == 0
    assert capsys.readouterr().out == (
        "s.yaml: 1 build, 1 to measure\n"
        "  A: complexity (params, trainable_params, macs, flops, activations, macs_fwd_bwd, "
        "flops_fwd_bwd): not measured yet\n"
    )


def test_the_committed_schema_is_the_one_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == dumps()
    committed = (ROOT / "reportgen.schema.json").read_text(encoding="utf-8")
    assert committed == dumps(), "reportgen schema > reportgen.schema.json"


def test_the_starter_spec_is_a_good_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "mine.yaml"
    assert main(["init", str(path)]) == 0
    assert capsys.readouterr().out == f"wrote {path}; now: reportgen {path}\n"
    text = path.read_text(encoding="utf-8")
    assert len(loads(text).models) == 2
    assert ".gitattributes" in text


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda p: p.name)
def test_every_shipped_spec_is_valid(path: Path) -> None:
    assert main(["validate", str(path)]) == 0


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("run", "out/s.json: cannot be read or written (Not a directory).\n"),
        ("check", "out/s.json: cannot be read: Not a directory.\n"),
    ],
)
def test_a_file_where_a_folder_should_be_is_one_line(
    command: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SPEC)
    (tmp_path / "out").touch()
    assert main([command, "s.yaml"]) == 2
    assert capsys.readouterr().err == said


def test_a_folder_that_cannot_be_made_costs_no_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SPEC)
    (tmp_path / "out").symlink_to("nowhere/else")
    assert main(["run", "s.yaml"]) == 2
    assert capsys.readouterr().err == "out: cannot be read or written (File exists).\n"
