"""Two runs write one record: what either measured is in it, and in the documents."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reportgen.cli import main
from reportgen.common.files import locked
from reportgen.data.search import Search
from reportgen.engine.journal import Journal
from reportgen.engine.reading import fingerprint
from reportgen.plan.resolve import plan
from reportgen.plan.selection import Selection
from reportgen.plan.staleness import compare
from reportgen.record import record as records
from reportgen.record.record import Figure
from reportgen.spec import loads

TWO = """\
reportgen: 1
title: Two
datasets:
  images: {source: synthetic, shape: [1, 8, 8], classes: 10, count: 8}
models:
  A: {source: zoo/digits_mlp}
  B: {source: zoo/digits_cnn}
measure:
  complexity: {}
"""
SPAWNED = multiprocessing.get_context("spawn")


def journal(folder: Path, selection: Selection) -> tuple[Journal, tuple[object, ...]]:
    planned = plan(loads(TWO), name="two", spec_dir=folder)
    path = folder / "out" / "two.json"
    state = compare(planned, records.read(path), Search(), selection, read=fingerprint)
    return Journal(planned, path, state.record, records.read(path)), state.due


def run_often(folder: Path, only: str, barrier: object) -> None:
    """Measure as runs do, fifty times: begin, wait until the other has begun, write."""
    for number in range(50):
        written, dues = journal(folder / str(number), Selection(only=frozenset([only])))
        barrier.wait(60)  # type: ignore[attr-defined]
        for due in dues:
            written.put(due, {key: Figure("measured", 1) for key in due.keys})  # type: ignore


@pytest.mark.skipif(sys.platform == "win32", reason="no groups of processes")
def test_ctrl_c_is_one_line_also_while_workers_import(tmp_path: Path) -> None:
    tmp_path.joinpath("two.yaml").write_text(TWO)
    command = [sys.executable, "-m", "reportgen", "run", "two.yaml"]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        assert run.stderr is not None
        assert "counting" in run.stderr.readline()
        time.sleep(0.5)  # the server of workers imports PyTorch
        os.killpg(run.pid, signal.SIGINT)
        said = run.stderr.read()
    assert run.returncode == 130
    assert "Traceback" not in said
    assert said.endswith("interrupted: what was measured is kept; run again to go on\n")


def test_fifty_times_both_are_there(tmp_path: Path) -> None:
    barrier = SPAWNED.Barrier(2)
    runs = [SPAWNED.Process(target=run_often, args=(tmp_path, only, barrier)) for only in "AB"]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    for number in range(50):
        out = tmp_path / str(number) / "out"
        record = records.read(out / "two.json")
        assert record is not None
        assert {name: len(build.figures) for name, build in record.builds.items()} == {
            "A": 7,
            "B": 7,
        }
        assert [path.name for path in out.iterdir()] == ["two.json"]


def run_everything_often(folder: Path, only: str, barrier: object) -> None:
    """Run the command fifty times, in a process that imports PyTorch once."""
    os.chdir(folder)
    for number in range(50):
        barrier.wait(300)  # type: ignore[attr-defined]
        assert main(["two.yaml", "-q", "--only", only, "--out", str(number)]) == 0


@pytest.mark.slow
def test_fifty_times_both_are_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("two.yaml").write_text(TWO)
    barrier = SPAWNED.Barrier(2)
    runs = [
        SPAWNED.Process(target=run_everything_often, args=(tmp_path, only, barrier))
        for only in "AB"
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
        assert run.exitcode == 0
    for number in range(50):
        assert main(["check", "two.yaml", "--out", str(number)]) == 0
        files = sorted(path.name for path in Path(str(number)).iterdir())
        assert files == ["two.json", "two.md", "two.txt"]
    assert capsys.readouterr().out == "two.yaml: in order, 2 builds\n" * 50


def hold(path: Path, held: object) -> None:
    with locked(path):
        held.set()  # type: ignore[attr-defined]
        time.sleep(600)


def test_a_killed_holder_frees_the_record_and_waiting_is_said(tmp_path: Path) -> None:
    path = tmp_path / "out" / "two.json"
    path.parent.mkdir()
    held = SPAWNED.Event()
    holder = SPAWNED.Process(target=hold, args=(path, held))
    holder.start()
    assert held.wait(60)
    program = "from pathlib import Path; from reportgen.common.files import locked\n"
    program += f"with locked(Path({str(path)!r})): print('mine')"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as waiter:
        assert waiter.stderr is not None
        said = f"waiting for another reportgen that writes {path} or beside it\n"
        assert waiter.stderr.readline() == said
        assert waiter.poll() is None
        assert holder.pid is not None
        os.kill(holder.pid, signal.SIGKILL)
        assert waiter.communicate(timeout=60) == ("mine\n", "")
    holder.join()
    assert not list(path.parent.iterdir())


def test_where_a_folder_cannot_be_locked_a_temporary_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(9, "no locks on folders here")

    monkeypatch.setattr("reportgen.common.files._lock", refuse)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    (tmp_path / "out").mkdir()
    with locked(tmp_path / "out" / "two.json"):
        assert len(list((tmp_path / "tmp").iterdir())) == 1
    assert not list((tmp_path / "out").iterdir())


def test_the_other_run_measures_another_group(tmp_path: Path) -> None:
    first, (a, b) = journal(tmp_path, Selection())  # type: ignore[misc]
    second, _ = journal(tmp_path, Selection())
    first.put(a, {key: Figure("measured", 1) for key in a.keys})
    second.put(b, {key: Figure("measured", 2) for key in b.keys})
    record = records.read(first.path)
    assert record is not None
    assert record.builds["A"].figures["macs"].value == 1
    assert record.builds["B"].figures["macs"].value == 2
    # The first run goes on, and does not take back what the second wrote.
    first.put(a, {"macs": Figure("measured", 3)})
    record = records.read(first.path)
    assert record is not None
    assert record.builds["A"].figures["macs"].value == 3
    assert record.builds["B"].figures["macs"].value == 2


def test_the_other_run_has_another_spec(tmp_path: Path) -> None:
    first, (a, _) = journal(tmp_path, Selection())  # type: ignore[misc]
    first.save()
    text = TWO.replace("  A: {source: zoo/digits_mlp}\n", "")
    without = plan(loads(text), name="two", spec_dir=tmp_path)
    state = compare(without, records.read(first.path), Search(), Selection(), read=fingerprint)
    second = Journal(without, first.path, state.record, records.read(first.path))
    second.put(state.due[0], {key: Figure("measured", 2) for key in state.due[0].keys})
    first.put(a, {key: Figure("measured", 1) for key in a.keys})
    record = records.read(first.path)
    assert record is not None
    assert {name: build.figures["macs"].value for name, build in record.builds.items()} == {
        "A": 1,
        "B": 2,
    }
