"""`reportgen.run`: the same report as the command line, from a path, a dictionary or a Spec."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import reportgen
from reportgen.cli import main
from reportgen.spec import of_mapping

SPEC: dict[str, Any] = {
    "reportgen": 1,
    "title": "T",
    "datasets": {"digits": {}},
    "models": {
        "Small": {"source": "zoo/digits_mlp", "args": {"hidden": 4}},
        "Large": {"source": "zoo/digits_mlp", "args": {"hidden": 8}},
    },
    "measure": {"complexity": {}},
}
TEXT = """\
reportgen: 1
title: T
datasets: {digits: {}}
models:
  Small: {source: zoo/digits_mlp, args: {hidden: 4}}
  Large: {source: zoo/digits_mlp, args: {hidden: 8}}
measure: {complexity: {}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(TEXT)
    return tmp_path


def values(report: reportgen.Report, key: str) -> dict[str, object]:
    table = report.tables["digits"]
    place = [column.key for column in table.columns].index(key)
    return {row.name: row.cells[place].value for row in table.rows}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_path_a_dictionary_and_a_spec_give_what_the_command_line_writes(folder: Path) -> None:
    assert main(["small.yaml", "--quiet"]) == 0
    written = files(folder / "out")
    assert list(written) == ["small.json", "small.md", "small.txt"]
    from_path = reportgen.run("small.yaml", out="a")
    reportgen.run(SPEC, out=folder / "b", name="small")
    reportgen.run(of_mapping(SPEC, folder), out="c", name="small")
    assert files(folder / "a") == files(folder / "b") == files(folder / "c") == written
    # 64 pixels × hidden + hidden × hidden + hidden × 10 classes, and a bias for each output.
    assert values(from_path, "macs") == {"Small": 64 * 4 + 16 + 40, "Large": 64 * 8 + 64 + 80}
    assert values(from_path, "params") == {"Small": 312 + 18, "Large": 656 + 26}
    assert reportgen.load("a/small.json") == from_path


def test_without_a_folder_nothing_is_written(folder: Path) -> None:
    report = reportgen.run(SPEC)
    assert values(report, "params") == {"Small": 330, "Large": 682}
    assert {path.name for path in folder.iterdir()} == {"small.yaml", "cache"}


def test_what_is_there_is_not_measured_again(folder: Path, capfd: pytest.CaptureFixture) -> None:
    reportgen.run("small.yaml", out="out", progress=True)
    assert capfd.readouterr().err.count("Large") == 1
    reportgen.run("small.yaml", out="out", progress=True)
    assert capfd.readouterr() == ("", "")
    reportgen.run("small.yaml", out="out", remeasure="complexity", only="La*", progress=True)
    shown = capfd.readouterr().err
    assert (shown.count("Large"), shown.count("Small")) == (1, 0)


def test_values_can_be_set_and_progress_followed(folder: Path) -> None:
    class Steps(reportgen.Progress):
        def __init__(self) -> None:
            self.totals: list[int] = []

        def start(self, total: int) -> None:
            self.totals.append(total)

    steps = Steps()
    report = reportgen.run(SPEC, overrides="models.Small.args.hidden=2", progress=steps)
    assert values(report, "macs") == {"Small": 64 * 2 + 4 + 20, "Large": 656}
    assert set(steps.totals) == {2}


def test_relative_paths_of_a_dictionary_start_in_its_folder(folder: Path) -> None:
    code = "from torch import nn\n\n\ndef net(num_classes):\n    return nn.Flatten()\n"
    (folder / "code").mkdir()
    (folder / "code" / "mine.py").write_text(code)
    spec = SPEC | {"models": {"Mine": {"source": "mine.py:net"}}}
    report = reportgen.run(spec, folder="code", allow_code=True)
    assert values(report, "params") == {"Mine": 0}
    with pytest.raises(reportgen.UsageError) as caught:
        reportgen.run(spec, folder="code")
    assert str(caught.value) == (
        "the model 'Mine' runs code of mine.py:net: read it, then add --allow-code (in Python: "
        "allow_code=True)."
    )


@pytest.mark.parametrize(
    ("spec", "options", "error", "message"),
    [
        (3, {}, "UsageError", "a spec is a path, a dictionary or a reportgen.Spec, and not a int."),
        ("smal.yaml", {}, "UsageError", "smal.yaml: no such spec. Did you mean 'small.yaml'?"),
        (SPEC, {"data_dirs": "nowhere"}, "UsageError", "nowhere: no such folder of data"),
        (SPEC, {"templates": ["no"]}, "UsageError", "no: no such folder of templates"),
        (SPEC, {"only": "Smal"}, "UsageError", "--only Smal: no model is called so. Did you mean"),
        (
            SPEC | {"titel": "T"},
            {},
            "SpecError",
            "titel: unknown key 'titel'\n  Did you mean 'title'?",
        ),
        (
            {**SPEC, "models": {"A": {"source": "zoo/digits_mpl"}}},
            {},
            "SpecError",
            "models.A.source: unknown model 'zoo/digits_mpl'\n  Did you mean 'zoo/digits_mlp'?",
        ),
    ],
)
def test_errors(folder: Path, spec: Any, options: dict[str, Any], error: str, message: str) -> None:
    with pytest.raises(getattr(reportgen, error)) as caught:
        reportgen.run(spec, **options)
    assert str(caught.value).startswith(message)


def test_overrides_of_a_spec_that_is_made(folder: Path) -> None:
    with pytest.raises(reportgen.UsageError) as caught:
        reportgen.run(of_mapping(SPEC, folder), overrides=["title=U"])
    assert str(caught.value) == "overrides: change the values of a Spec before you make it."


def test_a_record_that_cannot_be_read(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "small.json").write_text("{}")
    for read in (
        lambda: reportgen.load("out/small.json"),
        lambda: reportgen.run("small.yaml", out="out"),
    ):
        with pytest.raises(reportgen.RecordError) as caught:
            read()
        assert str(caught.value).startswith("out/small.json: ")


def test_a_record_that_is_not_there(folder: Path) -> None:
    with pytest.raises(reportgen.UsageError) as caught:
        reportgen.load("out/none.json")
    assert str(caught.value) == (
        "out/none.json: no such record. A run writes one: reportgen.run(spec, out=…)."
    )


def test_a_script_needs_no_guard(folder: Path) -> None:
    """Workers do not run the main module again, as multiprocessing would have it."""
    script = folder / "script.py"
    script.write_text(
        "import reportgen\n"
        "print('once')\n"
        f"report = reportgen.run({SPEC!r})\n"
        "print(report.tables['digits'].rows[0].name, __spec__, __file__)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == f"once\nSmall None {script}\n"
