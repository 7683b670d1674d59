"""A damaged record is answered with one error: file, place inside, what is wrong, what to do."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reportgen.cli import main
from reportgen.common.errors import RecordError
from reportgen.record import record as records
from reportgen.record.damage import quoted

ROOT = Path(__file__).resolve().parents[2]
STORED = (ROOT / "tests/records/version_3.json").read_text(encoding="utf-8")
CIFAR = (ROOT / "out/cifar10.json").read_text(encoding="utf-8")
REMEDY = " Restore the file from version control, or delete it to measure everything again."

GONE = object()
TOP1 = ("builds", "ResNet-20", "figures", "top1")
MACS = ("builds", "ResNet-20", "figures", "macs")
LATENCY = ("builds", "ResNet-20", "figures", "latency@256")
BUILD = ("builds", "ResNet-20")


def said(text: str) -> str:
    """Return what reading a text says."""
    with pytest.raises(RecordError) as caught:
        records.loads(text, "r.json")
    assert caught.value.exit_code == 2
    return str(caught.value)


def damaged(path: tuple[str | int, ...], value: Any) -> str:
    """Return the text of a good record with one value replaced, or without it."""
    data = json.loads(CIFAR)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    if value is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        # Types.
        (
            (*TOP1, "value"),
            "91.73",
            'builds › ResNet-20 › figures › top1 › value: "91.73" is not a',
        ),
        ((*TOP1, "value"), True, "builds › ResNet-20 › figures › top1 › value: true is not a num"),
        ((*TOP1, "value"), None, "builds › ResNet-20 › figures › top1: a measured figure without"),
        ((*TOP1, "unit"), 1, "builds › ResNet-20 › figures › top1 › unit: 1 is not a text."),
        (
            (*TOP1, "total"),
            1e4,
            "builds › ResNet-20 › figures › top1 › total: 10000.0 is not an in",
        ),
        (TOP1, [], "builds › ResNet-20 › figures › top1: a list is not an object."),
        (("builds",), [], "builds: a list is not an object."),
        ((*BUILD, "baseline"), 1, "builds › ResNet-20 › baseline: 1 is not true or false."),
        ((*BUILD, "input_shape"), "3", 'builds › ResNet-20 › input_shape: "3" is not a list.'),
        ((*BUILD, "input_shape", 0), "3", 'builds › ResNet-20 › input_shape › 0: "3" is not an in'),
        (
            (*BUILD, "metadata", "weights"),
            {},
            "builds › ResNet-20 › metadata › weights: an object is not",
        ),
        # Keys.
        (("title",), GONE, 'the key "title" is missing.'),
        ((*BUILD, "model"), GONE, 'builds › ResNet-20: the key "model" is missing.'),
        ((*BUILD, "colour"), 1, 'builds › ResNet-20: unknown key "colour".'),
        ((*TOP1, "colour"), 1, 'builds › ResNet-20 › figures › top1: unknown key "colour".'),
        (("colour",), 1, 'unknown key "colour".'),
        (("reportgen",), GONE, 'not a reportgen record: the key "reportgen" is missing.'),
        (("reportgen",), "3", 'reportgen: "3" is not a version.'),
        (("reportgen",), 0, "no reportgen ever wrote records of version 0."),
        # Lists of words.
        (
            (*TOP1, "provenance"),
            "guessed",
            'builds › ResNet-20 › figures › top1 › provenance: "guessed" is not '
            "'measured', 'derived', 'reported' or 'unavailable'.",
        ),
        (
            (*TOP1, "cause"),
            "bad luck",
            'builds › ResNet-20 › figures › top1 › cause: "bad luck" is',
        ),
        # Ranges.
        (
            (*TOP1, "value"),
            float("nan"),
            "builds › ResNet-20 › figures › top1 › value: NaN is not a",
        ),
        (
            (*TOP1, "value"),
            float("inf"),
            "builds › ResNet-20 › figures › top1 › value: Infinity is",
        ),
        ((*TOP1, "value"), 100.01, "builds › ResNet-20 › figures › top1 › value: 100.01 % is more"),
        (
            (*TOP1, "value"),
            -0.5,
            "builds › ResNet-20 › figures › top1 › value: -0.5 is less than 0",
        ),
        (
            (*MACS, "value"),
            -1,
            "builds › ResNet-20 › figures › macs › value: -1 is less than 0",
        ),
        (
            (*MACS, "value"),
            1.5,
            "builds › ResNet-20 › figures › macs › value: 1.5 is not an integer",
        ),
        (
            (*MACS, "value"),
            10**31,
            "builds › ResNet-20 › figures › macs › value: 10000000000000000000000000000000 is more "
            "than 1e+30.",
        ),
        (
            (*LATENCY, "samples"),
            0,
            "builds › ResNet-20 › figures › latency@256 › samples: 0 is less",
        ),
        (
            (*LATENCY, "spread"),
            -1,
            "builds › ResNet-20 › figures › latency@256 › spread: -1 is less",
        ),
        (
            (*LATENCY, "interval"),
            [2, 1],
            "builds › ResNet-20 › figures › latency@256 › interval: the interval ends before it",
        ),
        (
            (*LATENCY, "interval"),
            [1],
            "builds › ResNet-20 › figures › latency@256 › interval: entry 1 is missing",
        ),
        (
            (*TOP1, "correct"),
            10_001,
            "builds › ResNet-20 › figures › top1 › correct: 10,001 correct",
        ),
        ((*BUILD, "batch_size"), 0, "builds › ResNet-20 › batch_size: 0 is less than 1."),
        (
            (*BUILD, "input_shape"),
            [3, 0],
            "builds › ResNet-20 › input_shape › 1: 0 is less than 1.",
        ),
        (
            (*BUILD, "input_shape"),
            [1] * 33,
            "builds › ResNet-20 › input_shape: more than 32 entries",
        ),
        (("report", "module_depth"), -1, "report › module_depth: -1 is less than 0."),
        (("report", "batch_sizes"), [0], "report › batch_sizes › 0: 0 is less than 1."),
        # Names.
        ((*BUILD, "dtype"), "", 'builds › ResNet-20 › dtype: "" is not written as '),
        (
            (*BUILD, "dependencies", "accuracy", "code"),
            "zz",
            "builds › ResNet-20 › dependencies › accuracy › co",
        ),
        (("report", "formats"), ["../x"], 'report › formats › 0: "../x" is not written as '),
        (("report", "columns"), ["top 1"], 'report › columns › 0: "top 1" is not written as '),
        (("report", "columns"), ["macs@8"], 'report › columns › 0: "macs@8" is no metric.'),
        (
            (*BUILD, "figures", "macs@8"),
            {"provenance": "unavailable"},
            "builds › ResNet-20 › figure",
        ),
        (
            (*BUILD, "figures", "@"),
            {"provenance": "unavailable"},
            "builds › ResNet-20 › figures › @",
        ),
        (
            (*TOP1, "environment"),
            "gone",
            'builds › ResNet-20 › figures › top1 › environment: there is no environment "gone".',
        ),
        (
            (*BUILD, "budgets"),
            {"macs": "2 M"},
            'builds › ResNet-20 › budgets › macs: "2 M" is not a',
        ),
        (
            (*BUILD, "claims"),
            [{"metric": "top1", "value": "2 ms", "source": "x"}],
            'builds › ResNet-20 › claims › 0: "2 ms" is not a value of "top1".',
        ),
        # Sizes.
        (
            (*TOP1, "unit"),
            "x" * 1_000_000,
            "builds › ResNet-20 › figures › top1 › unit: a text of 1,",
        ),
        (
            (*BUILD, "metadata"),
            {"": ""},
            'builds › ResNet-20 › metadata › "": an empty text stands where a name belongs.',
        ),
        ((*BUILD, "ledger"), {}, 'builds › ResNet-20 › ledger: the key "version" is missing.'),
        ((*BUILD, "ledger", "version"), 2, "builds › ResNet-20 › ledger › version: 2 is not 1."),
        (
            (*BUILD, "ledger", "modules", 1),
            [],
            "builds › ResNet-20 › ledger › modules › 1: entry 0 ",
        ),
        ((*BUILD, "ledger", "modules"), [], "builds › ResNet-20 › ledger › modules: fewer than 1"),
        (
            (*BUILD, "ledger", "modules", 1, 0),
            7,
            "builds › ResNet-20 › ledger › modules › 1: its pa",
        ),
    ],
)
def test_damage_is_named_with_its_place(
    path: tuple[str | int, ...], value: object, expected: str
) -> None:
    text = said(damaged(path, value))
    assert text.startswith(f"r.json: {expected}")
    assert text.endswith(f".{REMEDY}")
    assert text.count(REMEDY) == 1
    assert "\n" not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "r.json: the file is empty."),
        ("{", "r.json:1:2: not JSON: Expecting property name enclosed in double quotes."),
        ("[]", "r.json: not a reportgen record: a list."),
        ("\ufeff{}", "r.json: it begins with a byte order mark."),
        ("{\udcff}", "r.json: character 2 is not UTF-8."),
        ("[" * 100_000, "r.json: its objects and lists are nested too deeply."),
        ('{"a":' * 100_000, "r.json: its objects and lists are nested too deeply."),
        ("9" * 5_000, "r.json: it holds a number of thousands of digits."),
        ('{"reportgen": 1}', 'r.json: the key "spec" is missing.'),
        (
            STORED.replace('"title"', '"spec": "x", "title"'),
            'r.json: the key "spec" stands there twice.',
        ),
        (
            STORED.replace('"classes": 10,', '"classes": 10, "classes": 10,', 1),
            'r.json: builds › CNN: the key "classes" stands there twice.',
        ),
        (STORED.replace('"CNN"', '"C\\ud800"'), "r.json: character "),
    ],
)
def test_what_is_no_record_is_explained(text: str, expected: str) -> None:
    found = said(text)
    assert found.startswith(expected)
    assert found.endswith(REMEDY)
    found.encode()


def test_what_is_no_damage_has_its_own_advice() -> None:
    assert said('{"reportgen": 99}') == (
        "r.json: written by a newer reportgen (record version 99, this one reads up to 3). Upgrade "
        "reportgen."
    )
    assert said("<<<<<<< ours\n{}\n=======\n{}\n>>>>>>> theirs\n") == (
        "r.json: two branches' records stand side by side here (a merge conflict). Run the spec: "
        "it merges them and measures what is missing."
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1}, "an object"),
        ([1], "a list"),
        (None, "null"),
        ("é\n", '"\\u00e9\\n"'),
        ("é", '"é"'),
        ("x" * 100, '"' + "x" * 59 + "…"),
        (10**70, "a number of 71 digits"),
    ],
)
def test_a_value_is_quoted_so_that_it_fits_a_line(value: object, expected: str) -> None:
    assert quoted(value) == expected


def test_a_place_is_written_so_that_it_fits_a_line() -> None:
    data = json.loads(CIFAR)
    data["builds"]["a\n\x1b[31m" + "b" * 100] = 1
    assert said(json.dumps(data)) == (
        'r.json: builds › "a\\n\\u001b[31m' + "b" * 46 + f"…: 1 is not an object.{REMEDY}"
    )


def read(path: Path) -> str:
    with pytest.raises(RecordError) as caught:
        records.read(path)
    return str(caught.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    folder, fifo = tmp_path / "r.json", tmp_path / "f.json"
    folder.mkdir()
    os.mkfifo(fifo)
    for path in (folder, fifo):
        assert read(path) == f"{path}: a record is a file, and this is none. Move it away."
    inside = tmp_path / "file" / "r.json"
    inside.parent.write_text("")
    assert read(inside) == f"{inside}: cannot be read: Not a directory."
    long = tmp_path / ("r" * 300)
    assert read(long) == f"{long}: cannot be read: File name too long."


def test_a_file_that_must_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.json"
    path.write_text(STORED, encoding="utf-8")

    def refuse(*_: object, **__: object) -> str:  # root may read everything
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    assert read(path) == f"{path}: cannot be read: Permission denied."


def test_a_file_that_is_far_too_large(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    with path.open("wb") as file:
        file.truncate(2**40)
    assert read(path) == f"{path}: 1,099,511,627,776 bytes are no record.{REMEDY}"


def test_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(STORED.encode().replace(b"CNN", b"C\xffN", 1))
    place = STORED.index("CNN") + 2
    assert read(path) == f"{path}: character {place:,} is not UTF-8.{REMEDY}"


SPEC = """\
reportgen: 1
title: T
datasets: {images: {source: synthetic, shape: [1, 8, 8], classes: 10}}
models: {CNN: {source: zoo/digits_cnn}}
"""


@pytest.mark.parametrize("command", [["s.yaml"], ["check", "s.yaml"], ["render", "s.yaml"]])
def test_a_command_says_it_once_and_exits_with_2(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SPEC, encoding="utf-8")
    Path("out").mkdir()
    Path("out/s.json").write_text(damaged((*TOP1, "value"), "x"), encoding="utf-8")
    assert main(command) == 2
    told = capsys.readouterr().err
    assert told.count(f'top1 › value: "x" is not a number.{REMEDY}') == 1
    assert "Traceback" not in told


def test_a_link_to_nothing_in_a_folder_of_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.json").symlink_to(tmp_path / "gone")
    assert main(["diff", str(tmp_path), str(tmp_path)]) == 2
    assert f"{tmp_path / 'r.json'}: there is no such file." in capsys.readouterr().err


def test_a_record_in_a_revision_that_is_not_utf_8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    Path("out/r.json").write_bytes(STORED.encode().replace(b"CNN", b"C\xffN", 1))
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    assert main(["diff", "HEAD"]) == 2
    assert "HEAD:r.json: character " in capsys.readouterr().err


def test_an_object_of_too_many_keys() -> None:
    text = damaged((*BUILD, "metadata"), {str(number): "" for number in range(100_001)})
    assert said(text) == f"r.json: an object in it has 100,001 keys.{REMEDY}"


def test_of_many_errors_the_first_is_told() -> None:
    data = json.loads(CIFAR)
    data["builds"] = {f"{number:05}": {} for number in range(1_000)}
    assert said(json.dumps(data)) == f'r.json: builds › 00000: the key "model" is missing.{REMEDY}'
    ledger = json.loads(CIFAR)["builds"]["ResNet-20"]["ledger"]
    text = damaged((*BUILD, "ledger"), {**ledger, "modules": [["x"] * 9] * 1_000})
    place = "builds › ResNet-20 › ledger › modules › 0 › 0"
    assert said(text) == f'r.json: {place}: "x" is not an integer.{REMEDY}'


def test_what_a_run_may_write_is_no_damage() -> None:
    """A pass and half a pass back make half a MAC; the memory of a process may shrink."""
    data = json.loads(CIFAR)
    figures = data["builds"]["ResNet-20"]["figures"]
    figures["macs_fwd_bwd"]["value"] += 0.5
    figures["memory@1"] = {"provenance": "measured", "value": -0.1, "unit": "MiB", "samples": 1}
    figures["macs"] = {"provenance": "unavailable", "cause": "failed", "reason": "x" * 500_000}
    text = json.dumps(data)
    assert json.loads(records.loads(text).dumps()) == data
