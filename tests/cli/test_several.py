"""Several specs in one run: how they are found, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.cli import main, work
from reportgen.common.errors import UsageError

SPEC = """\
reportgen: 1
title: T
datasets: {images: {source: synthetic, shape: [1, 8, 8], classes: 10, count: 4}}
models:
  MODEL: {source: zoo/digits_mlp, args: {}}
measure: {complexity: {}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    specs = tmp_path / "specs"
    specs.mkdir()
    for name in ("one", "two"):
        (specs / f"{name}.yaml").write_text(SPEC.replace("MODEL", f"Net {name}"))
    (specs / "notes.md").write_text("none of ours")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["specs"],
        ["specs/*.yaml"],
        ["specs/one.yaml", "specs/two.yaml"],
        ["specs/one.yaml", "specs"],
        ["**/*.yaml"],
    ],
)
def test_specs_are_files_folders_and_patterns(folder: Path, words: list[str]) -> None:
    assert work.paths(words) == [Path("specs/one.yaml"), Path("specs/two.yaml")]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("spec/*.yaml", "spec/*.yaml: no file has a name like this"),
        ("empty", "empty: there is no spec in this folder"),
    ],
)
def test_no_specs_at_all(folder: Path, word: str, expected: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        work.paths([word])
    assert str(caught.value) == expected


def test_a_file_whose_name_looks_like_a_pattern(folder: Path) -> None:
    (folder / "a[1].yaml").write_text(SPEC)
    assert work.paths(["a[1].yaml"]) == [Path("a[1].yaml")]


def test_one_summary_at_the_end(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["specs", "--set", "budgets={params: < 1 K}"]) == 0
    assert capsys.readouterr().out == (
        "out/one: 1 build, 1 measurement, one.json, one.md, one.txt written\n"
        "  Net one: params: 26,122 breaks the budget < 1 K\n"
        "out/two: 1 build, 1 measurement, two.json, two.md, two.txt written\n"
        "  Net two: params: 26,122 breaks the budget < 1 K\n"
        "2 specs: 2 builds, 2 measurements, 6 files written, 2 budgets broken\n"
    )
    assert main(["specs", "--set", "budgets={}", "--only", "* two"]) == 0
    assert capsys.readouterr().out == (
        "out/one: left alone, --only names none of its models\n"
        "out/two: 1 build, 0 measurements, two.json, two.md written\n"
        "2 specs: 2 builds, 0 measurements, 2 files written\n"
    )
    (folder / "out" / "one.json").write_text("{}")
    assert main(["specs", "--set", "budgets={}"]) == 2
    assert capsys.readouterr().out == (
        'out/one: not done: out/one.json: not a reportgen record: the key "reportgen" is missing. '
        "Restore the file from version control, or delete it to measure everything again.\n"
        "out/two: up to date, 1 build, nothing measured\n"
        "2 specs: 2 builds, 0 measurements, 0 files written, 1 spec not done\n"
    )


def test_the_problems_of_all_specs_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in work.paths(["specs"]):
        path.write_text(SPEC.replace("title: T", "titel: T"))
    assert main(["specs"]) == 2
    places = [line for line in capsys.readouterr().err.splitlines() if line.startswith("specs/")]
    assert places == [
        "specs/one.yaml:2:1: unknown key 'titel'",
        "specs/two.yaml:2:1: unknown key 'titel'",
    ]


def test_only_leaves_the_rest_of_a_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = SPEC.replace("MODEL", "A") + "budgets: {params: ≤ 26 K}\n"
    both = spec.replace("measure:", "  B: {source: zoo/digits_cnn}\nmeasure:")
    (folder / "s.yaml").write_text(both)
    assert main(["s.yaml", "--only", "B", "--quiet"]) == 0
    assert main(["plan", "s.yaml"]) == 0
    assert capsys.readouterr().out.startswith("s.yaml: 2 builds, 1 to measure\n  A: complexity")
    assert main(["plan", "s.yaml", "--only", "B"]) == 0
    assert capsys.readouterr().out == "s.yaml: 2 builds, 0 to measure\n"
    assert main(["s.yaml", "--only", "C"]) == 2
    assert capsys.readouterr().err == "--only C: no model is called so. Known: A, B.\n"


def test_a_broken_budget_is_told_by_a_run_and_fails_a_check(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "s.yaml").write_text(SPEC.replace("MODEL", "A") + "budgets: {params: ≤ 26 K}\n")
    assert main(["s.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "  A: params: 26,122 breaks the budget ≤ 26 K"
    assert main(["s.yaml"]) == 0
    assert capsys.readouterr().out == (
        "out/s: up to date, 1 build, nothing measured\n"
        "  A: params: 26,122 breaks the budget ≤ 26 K\n"
    )
    assert main(["check", "s.yaml"]) == 3
    assert capsys.readouterr().out == (
        "s.yaml: 1 finding\n  A: params: 26,122 breaks the budget ≤ 26 K\n"
    )
    # What the spec asks for now is what counts.
    assert main(["check", "s.yaml", "--set", "budgets.params=≤ 27 K"]) == 3
    assert "breaks" not in capsys.readouterr().out
