"""The main job on small real networks: measured once, kept, measured again only if changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reportgen.cli import main
from reportgen.common.fingerprint import digest
from tests.lean import HEAVY, run_without

SPEC = """\
reportgen: 1
title: Small
datasets:
  images: {source: synthetic, shape: [1, 8, 8], classes: 10, count: 32}
models:
  Perceptron: {source: zoo/digits_mlp, baseline: true}
  CNN: {source: zoo/digits_cnn}
measure:
  complexity: {}
  timing: {batch_sizes: [1, 4], rounds: 3, warmup: 0, threads: 1}
  accuracy: {metrics: [top1]}
"""


class Project:
    """A folder with a spec, and `reportgen` run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write(SPEC)

    def write(self, text: str, name: str = "small.yaml") -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def run(self, *words: str) -> int:
        return main([str(self.folder / "small.yaml"), "--out", str(self.out), "--offline", *words])

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def builds(self) -> dict[str, Any]:
        return json.loads((self.out / "small.json").read_text(encoding="utf-8"))["builds"]

    def figure(self, build: str, key: str) -> dict[str, Any]:
        return self.builds[build]["figures"][key]

    def files(self) -> dict[str, tuple[bytes, int]]:
        return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in self.out.iterdir()}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_everything_asked_for_is_measured(project: Project, capsys: pytest.CaptureFixture) -> None:
    assert project.run() == 0
    assert set(project.builds["CNN"]["figures"]) == {
        *("params", "trainable_params", "macs", "flops", "macs_fwd_bwd", "flops_fwd_bwd"),
        "activations",
        *("latency@1", "throughput@1", "speedup@1", "latency@4", "throughput@4", "speedup@4"),
        *("time.total", "top1"),
    }
    shown = capsys.readouterr()
    assert f"wrote {project.out / 'small.md'}" in shown.out
    assert "CNN: counting" in shown.err


def test_random_images_and_random_weights_have_no_accuracy(project: Project) -> None:
    project.run("--quiet")
    assert project.figure("CNN", "top1") == {
        "provenance": "unavailable",
        "cause": "undeclared",
        "reason": "random images have no right answer",
    }


def test_running_again_writes_nothing_measures_nothing_and_says_so(
    project: Project, capsys: pytest.CaptureFixture
) -> None:
    project.run("--quiet")
    before = project.files()
    capsys.readouterr()
    assert project.run() == 0
    assert capsys.readouterr().out == (
        f"{project.out / 'small'}: up to date, 2 builds, nothing measured\n"
    )
    assert project.files() == before


@pytest.mark.parametrize("command", ["run", "render", "validate", "plan", "check", "diff"])
def test_what_measures_nothing_imports_nothing_heavy(project: Project, command: str) -> None:
    project.run("--quiet")
    words = [command, str(project.folder / "small.yaml"), "--out", str(project.out)]
    if command == "validate":
        words = words[:2]
    elif command == "diff":
        words[1:2] = [str(project.out)]
    done = run_without(HEAVY, *words)
    assert (done.returncode, done.stderr) == (0, "")


def test_changing_one_model_measures_that_model_only(project: Project) -> None:
    project.run("--quiet")
    before = project.builds
    changed = "CNN: {source: zoo/digits_resnet}"
    project.write(SPEC.replace("CNN: {source: zoo/digits_cnn}", changed))
    project.run("--quiet")
    after = project.builds
    assert after["Perceptron"] == before["Perceptron"]
    assert after["CNN"]["figures"]["macs"] != before["CNN"]["figures"]["macs"]
    assert after["CNN"]["figures"]["latency@1"] != before["CNN"]["figures"]["latency@1"]


def test_changing_the_baseline_measures_the_others_speed_up_only(project: Project) -> None:
    project.run("--quiet")
    before = project.builds["CNN"]["figures"]
    project.write(SPEC.replace("zoo/digits_mlp", "zoo/digits_resnet"))
    project.run("--quiet")
    after = project.builds["CNN"]["figures"]
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"speedup@1", "speedup@4"}


def test_a_new_batch_size_leaves_the_others_alone(project: Project) -> None:
    project.run("--quiet")
    before = project.builds["CNN"]["figures"]
    project.write(SPEC.replace("[1, 4]", "[1, 4, 8]"))
    project.run("--quiet")
    after = project.builds["CNN"]["figures"]
    assert set(after) - set(before) == {"latency@8", "throughput@8", "speedup@8"}
    assert all(after[key] == before[key] for key in before)


@pytest.mark.parametrize(
    # Six rounds are the fewest with an interval, three the fewest of all, in each of two processes.
    ("key", "samples"),
    [
        ("precision: 1000.0", 12),
        ("precision: 1000.0, processes: 1", 6),
        ("seconds: 1.0e-6", 6),
        ("seconds: 1.0e-6, processes: 1", 3),
    ],
)
def test_timing_stops_when_it_is_told_to(project: Project, key: str, samples: int) -> None:
    project.write(SPEC.replace("rounds: 3", f"rounds: 50, {key}"))
    project.run("--quiet")
    assert project.figure("CNN", "speedup@1")["samples"] == samples
    text = (project.out / "small.md").read_text()
    assert f"- Latencies are medians of {samples} rounds.\n" in text


def test_keys_of_timing_that_are_left_out_make_nothing_stale(project: Project) -> None:
    project.run("--quiet")
    settings = {"rounds": 3, "warmup": 0, "threads": 1}
    assert project.builds["CNN"]["dependencies"]["timing"]["settings"] == digest(settings)


def test_channels_last_is_said_of_the_time_it_gives(project: Project) -> None:
    project.write(SPEC.replace("[top1]", "[top1], channels_last: true"))
    project.run("--quiet")
    note = "on random images of the data set's shape; channels last"
    assert project.figure("CNN", "time.total")["note"] == note


def test_too_few_rounds_tell_no_difference(project: Project) -> None:
    project.run("--quiet")
    note = "too few rounds to tell: 6 or more are needed"
    assert project.figure("CNN", "speedup@1")["note"] == note


def test_a_renamed_model_keeps_its_figures(project: Project) -> None:
    project.run("--quiet")
    before = project.builds["CNN"]["figures"]
    project.write(SPEC.replace("CNN:", "Convolutional:"))
    project.run("--quiet")
    assert project.builds["Convolutional"]["figures"] == before
    assert "CNN" not in project.builds


def test_remeasuring_takes_what_is_named_only(project: Project) -> None:
    project.run("--quiet")
    before = project.builds
    project.run("--quiet", "--remeasure", "CNN")
    assert project.builds["Perceptron"] == before["Perceptron"]
    assert project.figure("CNN", "latency@1") != before["CNN"]["figures"]["latency@1"]
    assert project.figure("CNN", "macs") == before["CNN"]["figures"]["macs"]


def test_remeasuring_nothing_is_an_error(project: Project, capsys: pytest.CaptureFixture) -> None:
    assert project.run("--remeasure", "timings") == 2
    assert capsys.readouterr().err == (
        "--remeasure timings: nothing is called so. Did you mean 'timing'?\n"
    )


NET = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes, width=4):
        super().__init__()
        self.fc = nn.Linear(64, num_classes)

    def forward(self, x):
        BODY
        return self.fc(x.flatten(1))


def net(num_classes, width=4):
    return Net(num_classes, width)
"""


def with_code(project: Project, body: str = "pass") -> None:
    project.write(NET.replace("BODY", body), "mine.py")
    project.write(SPEC.replace("zoo/digits_cnn", "mine.py:net"))


def test_code_of_ones_own_runs_only_with_leave(
    project: Project, capsys: pytest.CaptureFixture
) -> None:
    with_code(project)
    assert project.run() == 2
    assert capsys.readouterr().err == (
        "the model 'CNN' runs code of mine.py:net: read it, then add --allow-code (in Python: "
        "allow_code=True).\n"
    )
    assert project.run("--allow-code", "--quiet") == 0
    # 64 inputs × 10 outputs; and 10 biases.
    assert project.figure("CNN", "macs")["value"] == 640
    assert project.figure("CNN", "params")["value"] == 650
    # Nothing is stale any more, so nothing would run.
    assert project.run() == 0


def test_a_change_of_ones_own_code_is_noticed(project: Project) -> None:
    with_code(project)
    project.run("--allow-code", "--quiet")
    with_code(project, "x = x + 1")
    # The module of a file is imported once in a process: ask for the plan, which imports nothing.
    assert main(["plan", str(project.folder / "small.yaml"), "--out", str(project.out)]) == 0


def test_what_one_model_raises_costs_its_cells_only(
    project: Project, capsys: pytest.CaptureFixture
) -> None:
    with_code(project, "raise ValueError('wrong\\nway')")
    assert project.run("--allow-code") == 1
    for key in ("macs", "latency@1", "speedup@4", "time.total"):
        assert project.figure("CNN", key) == {
            "provenance": "unavailable",
            "cause": "failed",
            "reason": "ValueError: wrong",
        }
    assert project.figure("Perceptron", "macs")["provenance"] == "measured"
    assert "figures unavailable (--remeasure unavailable tries again)" in capsys.readouterr().out
    # It is not tried again by itself, and the exit code still says that something is missing.
    assert project.run("--allow-code") == 1
    assert "up to date, 2 builds, nothing measured; " in capsys.readouterr().out


def test_a_failed_baseline_leaves_times_and_no_speed_up(project: Project) -> None:
    project.write(NET.replace("BODY", "raise ValueError('no')"), "mine.py")
    project.write(SPEC.replace("zoo/digits_mlp", "mine.py:net"))
    assert project.run("--allow-code", "--quiet") == 1
    assert project.figure("CNN", "latency@1")["provenance"] == "measured"
    assert project.figure("CNN", "speedup@1")["reason"] == (
        "the baseline, Perceptron, could not be timed"
    )


def test_interrupted_it_keeps_what_it_has_and_goes_on(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from reportgen.engine import timing_groups

    with monkeypatch.context() as patch:

        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(timing_groups, "measure", interrupt)
        assert project.run("--quiet") == 130
    assert capsys.readouterr().err == (
        "\ninterrupted: what was measured is kept; run again to go on\n"
    )
    before = project.figure("CNN", "macs")
    assert "latency@1" not in project.builds["CNN"]["figures"]
    assert project.run() == 0
    assert "counting" not in capsys.readouterr().err
    assert project.figure("CNN", "macs") == before


@pytest.mark.slow
def test_ctrl_c_ends_the_workers_too_and_says_one_line(project: Project) -> None:
    project.write(SPEC.replace("rounds: 3", "rounds: 100000"))
    words = [str(project.folder / "small.yaml"), "--out", str(project.out), "--offline"]
    with subprocess.Popen(
        [sys.executable, "-m", "reportgen", *words],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "timing" in line:
                break
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all at work
        rest = process.stderr.read()  # until the last of them has gone
    assert process.returncode == 130
    assert rest == "\ninterrupted: what was measured is kept; run again to go on\n"
    assert project.figure("CNN", "macs")["provenance"] == "measured"


@pytest.mark.slow
def test_killed_it_keeps_what_it_has_and_goes_on(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Enough timing that the kill comes in the middle of it.
    project.write(SPEC.replace("rounds: 3", "rounds: 100000"))
    words = [str(project.folder / "small.yaml"), "--out", str(project.out), "--offline"]
    with subprocess.Popen(
        [sys.executable, "-m", "reportgen", *words],
        env={**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("t"))},  # keeps its socket
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "timing" in line:
                break
        time.sleep(0.2)
        os.kill(process.pid, signal.SIGKILL)
    before = {name: build["figures"]["macs"] for name, build in project.builds.items()}
    assert set(before) == {"Perceptron", "CNN"}
    assert [path.name for path in project.out.iterdir()] == ["small.json"]
    project.write(SPEC)
    assert project.run("--quiet") == 0
    assert {name: build["figures"]["macs"] for name, build in project.builds.items()} == before
    assert project.figure("CNN", "latency@1")["provenance"] == "measured"


WITHOUT_DATA = """\
reportgen: 1
title: Without data
datasets:
  cifar10: {}
models:
  Lite: {source: zoo/resnet_lite, baseline: true}
  ResNet-20: {source: zoo/cifar_resnet20, weights: {url: https://x.org/r.th, sha256: abcdef12}}
measure:
  complexity: {}
  timing: {batch_sizes: [1], rounds: 3, warmup: 0, total: false}
  accuracy: {metrics: [top1]}
"""


def test_without_network_and_data_the_rest_is_measured(
    project: Project, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REPORTGEN_DATA", raising=False)
    project.write(WITHOUT_DATA)
    assert project.run() == 1
    top1 = project.figure("ResNet-20", "top1")
    assert (top1["cause"], top1["reason"]) == (
        "missing",
        "the weights r.th could not be downloaded",
    )
    assert project.figure("ResNet-20", "macs")["value"] == 40_551_040
    assert project.figure("ResNet-20", "latency@1")["provenance"] == "measured"
    assert project.figure("Lite", "top1")["reason"] == "the spec gives no weights"
    assert "\n1 figure unavailable (--remeasure unavailable tries again)" in capsys.readouterr().out


@pytest.mark.slow
def test_what_pytorch_warns_of_does_not_reach_the_user(project: Project) -> None:
    rest = SPEC.replace(
        "zoo/digits_cnn}", "zoo/digits_cnn, quantize: {scheme: int8-static, unfused: []}}"
    ).replace("images: {source: synthetic, shape: [1, 8, 8], classes: 10, count: 32}", "digits: {}")
    project.write(rest)
    words = ["small.yaml", "--offline", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "reportgen", *words],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert project.figure("CNN", "params")["convention"] == "packed"
