"""How times are taken, as models see it that write down what happens to them."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reportgen.cli import main
from reportgen.engine.timing_groups import _dealt
from reportgen.measures.allocator import is_glibc

MODELS = '''\
"""Networks that write down in which process they are called, and with how many images."""

import os
from pathlib import Path

import torch
from torch import nn, set_num_threads


class Net(nn.Module):
    def __init__(self, name, num_classes=10):
        super().__init__()
        self.name = name
        self.last = nn.Linear(192, num_classes)

    def forward(self, images):
        if not images.is_meta:
            with open("calls", "a") as file:
                file.write(f"{self.name} {os.getpid()} {len(images)}\\n")
        return self.last(images.flatten(1))


def one(num_classes=10):
    return Net("one")


def other(num_classes=10):
    return Net("other")


def third(num_classes=10):
    return Net("third")


def eager(num_classes=10):
    set_num_threads(7)
    return Net("eager")


class Greedy(Net):
    def forward(self, images):
        torch.set_num_threads(5)
        return super().forward(images)


def greedy(num_classes=10):
    return Greedy("greedy")


class Once(Net):
    """Crashes in every process but the first that makes it."""

    def forward(self, images):
        if not images.is_meta:
            mine = Path("mine")
            if not mine.exists():
                mine.write_text(str(os.getpid()))
            if mine.read_text() != str(os.getpid()):
                os.abort()
        return super().forward(images)


def once(num_classes=10):
    return Once("once")
'''
SPEC = """\
reportgen: 1
title: Times
datasets:
  images: {source: synthetic, shape: [3, 8, 8], classes: 10, count: 4}
models:
  One: {source: "models.py:one", baseline: true}
  Other: {source: "models.py:other"}
measure:
  timing: {batch_sizes: [2, 4], rounds: 3, warmup: 0, threads: 1, total: false}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.py").write_text(MODELS, encoding="utf-8")
    return tmp_path


def run(spec: str = SPEC, code: int = 0) -> dict[str, Any]:
    """Run a spec; return the record."""
    Path("calls").write_text("", encoding="utf-8")
    Path("s.yaml").write_text(spec, encoding="utf-8")
    assert main(["s.yaml", "--quiet", "--offline", "--allow-code"]) == code
    return json.loads(Path("out/s.json").read_text(encoding="utf-8"))


def figures(record: dict[str, Any]) -> dict[str, Any]:
    return {name: build["figures"] for name, build in record["builds"].items()}


def calls() -> list[tuple[str, int, int]]:
    """Return name, process and number of images of each call."""
    lines = Path("calls").read_text(encoding="utf-8").splitlines()
    return [(name, int(pid), int(size)) for name, pid, size in (line.split(" ") for line in lines)]


@pytest.mark.parametrize(("given", "processes"), [("", 2), (", processes: 1", 1)])
def test_processes_share_the_rounds(folder: Path, given: str, processes: int) -> None:
    got = figures(run(SPEC.replace("total: false", f"total: false{given}")))
    for name in ("One", "Other"):
        assert len({pid for model, pid, _ in calls() if model == name.lower()}) == processes
        assert got[name]["latency@4"]["samples"] == 3
        assert got[name]["latency@4"]["processes"] == processes
    assert got["Other"]["speedup@2"]["processes"] == processes


def test_a_process_ends_before_the_next_begins(folder: Path) -> None:
    run()
    pids = [pid for name, pid, _ in calls() if name == "one"]
    first = pids[0]
    assert pids == sorted(pids, key=lambda pid: pid != first)


@pytest.mark.parametrize(
    ("rounds", "processes", "dealt"),
    [(20, 2, [10, 10]), (7, 2, [4, 3]), (20, 1, [20]), (3, 8, [1, 1, 1]), (10, 4, [3, 3, 2, 2])],
)
def test_rounds_are_dealt_out_evenly(rounds: int, processes: int, dealt: list[int]) -> None:
    assert [part.rounds for part in _dealt(rounds, processes)] == dealt


def test_what_fails_in_the_second_process_has_no_time(folder: Path) -> None:
    spec = SPEC.replace("models.py:other", "models.py:once")
    got = figures(run(spec, code=1))
    for key in ("latency@2", "throughput@2", "speedup@2"):
        assert got["Other"][key]["reason"] == "its process crashed (SIGABRT)"
    assert got["One"]["latency@2"]["samples"] == 3


def test_a_new_batch_size_alone_is_timed(folder: Path) -> None:
    before = figures(run())
    after = figures(run(SPEC.replace("[2, 4]", "[2, 4, 8]")))
    assert {size for _, _, size in calls()} == {8}
    assert {name for name, _, _ in calls()} == {"one", "other"}
    for name, own in before.items():
        assert own.items() <= after[name].items()
        assert after[name].keys() - own.keys() == {"latency@8", "throughput@8", "speedup@8"}


def test_a_batch_size_that_goes_costs_nothing(folder: Path) -> None:
    before = figures(run())
    after = figures(run(SPEC.replace("[2, 4]", "[4]")))
    assert calls() == []
    for name, own in after.items():
        assert own.items() <= before[name].items()


def test_a_new_model_is_timed_beside_the_baseline_which_keeps_its_times(folder: Path) -> None:
    before = figures(run())
    after = figures(run(SPEC.replace("measure:", '  Third: {source: "models.py:third"}\nmeasure:')))
    assert Counter(name for name, _, _ in set(calls())) == {"one": 4, "third": 4}  # 2 × 2 sizes
    assert {name: after[name] for name in before} == before
    assert after["Third"]["speedup@2"]["provenance"] == "measured"


def test_a_cold_start_is_that_of_the_smallest_batch(folder: Path) -> None:
    spec = SPEC + "report: {columns: [latency, cold_start]}\n"
    before = figures(run(spec))
    larger = figures(run(spec.replace("[2, 4]", "[2, 4, 8]")))
    assert {size for _, _, size in calls()} == {8}
    smaller = figures(run(spec.replace("[2, 4]", "[1, 2, 4]")))
    assert {size for _, _, size in calls()} == {1}
    for name, own in before.items():
        assert larger[name]["cold_start"] == own["cold_start"] != smaller[name]["cold_start"]
        assert smaller[name]["latency@2"] == own["latency@2"]


SHARES = SPEC + "  complexity: {}\nreport: {modules: {columns: [time.share]}, columns: [latency]}\n"


@pytest.mark.slow
def test_times_of_modules_depend_on_the_smallest_batch_alone(folder: Path) -> None:
    before = figures(run(SHARES))
    after = figures(run(SHARES.replace("[2, 4]", "[2, 4, 8]")))
    assert {size for _, _, size in calls()} == {8}
    for name in before:
        assert after[name]["time.share"] == before[name]["time.share"]
    smaller = figures(run(SHARES.replace("[2, 4]", "[1, 2, 4]")))
    assert {size for _, _, size in calls()} == {1}
    assert smaller["One"]["time.share"]["note"] == "for a batch of 1"


@pytest.mark.parametrize(
    ("model", "threads"), [("eager", 7), ("greedy", 5)], ids=["when made", "when called"]
)
def test_a_model_that_sets_threads_is_timed_with_those_of_the_spec(
    folder: Path, model: str, threads: int
) -> None:
    spec = SPEC.replace("models.py:other", f"models.py:{model}")
    spec = spec.replace("total: false", "total: true")
    record = run(spec + "report: {columns: [latency, time.total, cold_start]}\n")
    remark = f"the model set {threads} threads; timed with 1"
    got = figures(record)
    for key in ("latency@2", "latency@4", "throughput@4", "cold_start"):
        assert got["Other"][key]["note"] == remark
        assert "note" not in got["One"][key]
    for key in ("speedup@2", "time.total"):
        assert got["Other"][key]["note"].startswith(f"{remark}; ")
    assert {each["threads"] for each in record["environments"].values()} == {"1"}
    report = Path("out/s.md").read_text(encoding="utf-8")
    assert f": The model set {threads} threads; timed with 1.\n" in report


@pytest.mark.slow
def test_a_model_that_sets_threads_is_noticed_in_an_evaluation_too(folder: Path) -> None:
    threads = {"Eager": 7, "Greedy": 5}
    models = MODELS.replace("self.last = nn.Linear(192", "self.last = nn.Linear(64")
    Path("models.py").write_text(models, encoding="utf-8")
    spec = SPEC.replace(
        "images: {source: synthetic, shape: [3, 8, 8], classes: 10, count: 4}", "digits: {}"
    )
    fit = "weights: {fit: {epochs: 1}}"
    spec = spec.replace('"models.py:one", baseline: true', f'"models.py:one", {fit}')
    others = (f'{name}: {{source: "models.py:{name.lower()}", {fit}}}' for name in threads)
    spec = spec.replace('Other: {source: "models.py:other"}', "\n  ".join(others))
    spec = spec.replace(
        "  timing: {batch_sizes: [2, 4], rounds: 3, warmup: 0, threads: 1, total: false}",
        "  accuracy: {metrics: [top1]}\n  timing: {batch_sizes: [1], rounds: 3, threads: 1}",
    )
    record = run(spec)
    got = figures(record)
    for name, count in threads.items():
        assert got[name]["time.total"]["note"] == f"the model set {count} threads; timed with 1"
    assert "note" not in got["One"]["time.total"]
    # The accuracy does not depend on the allocator, and its environment does not name it.
    where = {
        key: record["environments"][got["One"][key]["environment"]]
        for key in ("top1", "time.total")
    }
    assert "allocator" not in where["top1"]
    assert where["time.total"] == {**where["top1"], "allocator": where["time.total"]["allocator"]}


@pytest.mark.skipif(not is_glibc(), reason="memory does not come from glibc here")
def test_the_allocator_is_recorded_and_said(folder: Path) -> None:
    columns = "report: {columns: [latency, cold_start, memory]}\n"
    record = run(SPEC + columns)
    for own in figures(record).values():
        for key, allocator in {
            "latency@2": "steady",
            "speedup@2": "steady",
            "cold_start": "system",
            "memory@2": "system",
        }.items():
            assert record["environments"][own[key]["environment"]]["allocator"] == allocator
    report = Path("out/s.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in report.splitlines() if line.startswith("| Latency, ")]
    assert [(row[0], row[4]) for row in rows] == [("| Latency, Throughput, Speed-up", "steady")]
    rows = [line.split(" | ") for line in report.splitlines() if line.startswith("| Cold ")]
    assert [(row[0], row[4]) for row in rows] == [("| Cold start, Peak memory", "system")]
    said = "- Steady allocator: a process keeps the memory that a model frees. "
    assert said in report

    shutil.rmtree("out")
    record = run(SPEC.replace("total: false", "total: false, allocator: system"))
    for own in figures(record).values():
        assert record["environments"][own["latency@2"]["environment"]]["allocator"] == "system"
    assert said not in Path("out/s.md").read_text(encoding="utf-8")


def test_an_allocator_that_is_none_is_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = SPEC.replace("total: false", "total: false, allocator: stedy")
    Path("s.yaml").write_text(spec, encoding="utf-8")
    assert main(["validate", "s.yaml"]) == 2
    assert capsys.readouterr().err.splitlines()[0::3] == [
        "s.yaml:9:92: 'stedy' is no choice for 'allocator'",
        "  Did you mean 'steady'?",
    ]


SHIPPED = """\
reportgen: 1
title: Faults
datasets:
  digits: {source: synthetic, shape: [1, 8, 8], classes: 10}
models:
  CNN: {source: zoo/digits_cnn, baseline: true}
  Quantised CNN: {source: zoo/digits_cnn, quantize: {scheme: int8-dynamic}}
  Residual CNN: {source: zoo/digits_resnet}
  Perceptron: {source: zoo/digits_mlp}
measure:
  timing: {batch_sizes: [256], rounds: 3, warmup: 0, threads: 1, total: false}
"""
LARGER = (
    SHIPPED[: SHIPPED.index("models:")].replace("[1, 8, 8]", "[3, 32, 32]")
    + """\
models:
  ResNet-20: {source: zoo/cifar_resnet20, baseline: true}
  Lite: {source: zoo/resnet_lite}
measure:
  timing: {batch_sizes: [256], rounds: 3, warmup: 1, threads: 2, total: false}
"""
)


@pytest.mark.skipif(not is_glibc(), reason="memory does not come from glibc here")
@pytest.mark.parametrize("spec", [SHIPPED, pytest.param(LARGER, marks=pytest.mark.slow)])
def test_shipped_networks_need_no_new_pages_in_a_pass(folder: Path, spec: str) -> None:
    for own in figures(run(spec)).values():
        for key, figure in own.items():
            if key.startswith("latency"):
                assert figure["faults"] <= 100
                assert math.isfinite(figure["switches"])
                assert "note" not in figure


OLD = """\
reportgen: 1
title: Small
datasets:
  images: {source: synthetic, shape: [1, 8, 8], classes: 10, count: 32, normalize: none}
models:
  Perceptron: {source: zoo/digits_mlp, baseline: true}
  CNN: {source: zoo/digits_cnn}
measure:
  complexity: {}
  timing: {batch_sizes: [1], threads: 1}
"""


def test_of_an_old_record_the_times_alone_are_measured_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("small.yaml").write_text(OLD, encoding="utf-8")
    Path("out").mkdir()
    shutil.copy(Path(__file__).parents[1] / "records" / "version_2.json", "out/small.json")
    assert main(["plan", "small.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    why = "how reportgen measures it changed"
    assert lines == [
        f"  {name}: {group}"
        for name in ("Perceptron", "CNN")
        for group in (
            f"timing (latency@1, throughput@1, time.total): {why}",
            f"speedup (speedup@1): the baseline and {why}",
        )
    ]
