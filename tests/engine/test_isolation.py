"""A build that crashes, hangs or eats all memory costs its own cells, and no others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reportgen.cli import main

MODELS = '''\
"""Networks that misbehave, outside of the meta device."""

import os
import signal
import time

from torch import nn


class Net(nn.Module):
    def __init__(self, deed, num_classes):
        super().__init__()
        self.deed = deed
        self.last = nn.Linear(192, num_classes)

    def forward(self, images):
        if not images.is_meta:
            self.deed()
        return self.last(images.flatten(1))


def good(num_classes=10):
    return Net(lambda: None, num_classes)


def crashing(num_classes=10):
    return Net(lambda: os.kill(os.getpid(), signal.SIGSEGV), num_classes)


def killed(num_classes=10):
    return Net(lambda: os.kill(os.getpid(), signal.SIGKILL), num_classes)


def hanging(num_classes=10):
    return Net(lambda: time.sleep(600), num_classes)


def hanging_while_built(num_classes=10):
    time.sleep(600)


def crashing_on_two(num_classes=10):
    class Two(Net):
        def forward(self, images):
            if len(images) == 2 and not images.is_meta:
                os.abort()
            return super().forward(images)

    return Two(lambda: None, num_classes)
'''

SPEC = """\
reportgen: 1
title: Isolation
datasets:
  images: {source: synthetic, shape: [3, 8, 8], classes: 10, count: 4}
models:
  Good: {source: "models.py:good", baseline: true}
  Bad: {source: "models.py:BAD"}
  Other: {source: "models.py:good"}
measure:
  complexity: {}
  timing: {batch_sizes: [1, 2], rounds: 3, warmup: 0, threads: 1}
  time_limit: 20
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.py").write_text(MODELS, encoding="utf-8")
    return tmp_path


def run(bad: str, *words: str, spec: str = SPEC) -> dict[str, Any]:
    Path("s.yaml").write_text(spec.replace("BAD", bad), encoding="utf-8")
    assert main(["s.yaml", "--quiet", "--offline", "--allow-code", *words]) == 1
    builds = json.loads(Path("out/s.json").read_text(encoding="utf-8"))["builds"]
    return {name: build["figures"] for name, build in builds.items()}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("crashing", "its process crashed (SIGSEGV)"),
        ("killed", "its process was killed (SIGKILL), most likely for want of memory"),
        pytest.param(
            "hanging",
            "it took longer than the time limit of 2 s",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_one_build_alone_is_lost(folder: Path, bad: str, reason: str) -> None:
    figures = run(bad, spec=SPEC.replace("time_limit: 20", "time_limit: 2"))
    assert figures["Bad"]["macs"]["value"] == 1_920  # 3·8·8 inputs, 10 outputs
    for key in ("latency@1", "throughput@1", "speedup@2", "latency@2", "time.total"):
        assert figures["Bad"][key]["reason"] == reason
    for name in ("Good", "Other"):
        assert {f["provenance"] for f in figures[name].values()} <= {"measured", "derived"}
    report = Path("out/s.md").read_text(encoding="utf-8")
    assert f": {reason[0].upper()}{reason[1:]}." in report


def test_a_crash_at_one_batch_size_leaves_the_other(folder: Path) -> None:
    figures = run("crashing_on_two")
    assert figures["Bad"]["latency@1"]["provenance"] == "measured"
    assert figures["Bad"]["speedup@1"]["provenance"] == "measured"
    assert figures["Bad"]["latency@2"]["reason"] == "its process crashed (SIGABRT)"


def test_a_baseline_that_crashes_costs_the_speedups(folder: Path) -> None:
    figures = run(
        "crashing",
        spec=SPEC.replace(", baseline: true", "").replace(
            '"models.py:BAD"', '"models.py:BAD", baseline: true'
        ),
    )
    assert figures["Other"]["latency@1"]["provenance"] == "measured"
    assert figures["Other"]["speedup@1"]["reason"] == "the baseline, Bad, could not be timed"


def test_a_hang_while_it_is_built_ends_too(folder: Path) -> None:
    began = time.monotonic()
    spec = SPEC.replace("time_limit: 20", "time_limit: 3")
    spec = spec.replace("  timing: {batch_sizes: [1, 2], rounds: 3, warmup: 0, threads: 1}\n", "")
    figures = run("hanging_while_built", spec=spec)
    assert figures["Bad"]["macs"]["reason"] == "it took longer than the time limit of 3 s"
    assert figures["Bad"]["macs"]["hint"] == (
        "Raise `measure: {time_limit: …}`, in seconds, if it needs more."
    )
    assert figures["Other"]["macs"]["value"] == 1_920
    assert time.monotonic() - began < 300


def test_cold_starts_and_memory_are_measured_where_a_column_asks(folder: Path) -> None:
    spec = SPEC + "report: {columns: [cold_start, memory, latency@1]}\n"
    figures = run("crashing", spec=spec)
    for name in ("Good", "Other"):
        cold, memory = figures[name]["cold_start"], figures[name]["memory@2"]
        assert (cold["unit"], cold["samples"]) == ("ms", 5)
        assert cold["value"] > 0
        assert memory["unit"] == "MiB"
        assert 0 < memory["value"] < 1_000
        assert figures[name]["memory@1"]["environment"] == cold["environment"]
    assert figures["Bad"]["cold_start"]["reason"] == "its process crashed (SIGSEGV)"
    assert figures["Bad"]["memory@1"]["reason"] == "its process crashed (SIGSEGV)"
    assert "Peak memory, batch 2" in Path("out/s.md").read_text(encoding="utf-8")


def test_a_large_network_takes_the_memory_of_its_parameters(folder: Path) -> None:
    # 256 MiB of parameters: 192 · 349,525 numbers of four bytes, and as many biases.
    text = MODELS + "\n\ndef large(num_classes=10):\n    return Net(lambda: None, 349_525)\n"
    Path("models.py").write_text(text, encoding="utf-8")
    spec = SPEC + "report: {columns: [memory]}\n"
    Path("s.yaml").write_text(spec.replace("BAD", "large"), encoding="utf-8")
    assert main(["s.yaml", "--quiet", "--offline", "--allow-code"]) == 0
    builds = json.loads(Path("out/s.json").read_text(encoding="utf-8"))["builds"]
    small = builds["Good"]["figures"]["memory@1"]["value"]
    large = builds["Bad"]["figures"]["memory@1"]["value"]
    assert 256 <= large - small <= 1.2 * 256 + 20


def test_jobs_change_no_figure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = SPEC[: SPEC.index("  timing")]
    Path("s.yaml").write_text(spec.replace("BAD", "good"), encoding="utf-8")
    for jobs in ("1", "3"):
        words = ["s.yaml", "--offline", "--allow-code", "--jobs", jobs, "--out", f"out{jobs}"]
        assert main(words) == 0
    assert Path("out1/s.json").read_bytes() == Path("out3/s.json").read_bytes()
    with pytest.raises(SystemExit):
        main(["s.yaml", "--jobs", "0"])
    assert "argument --jobs: '0' is no number of builds: write 2, or 8" in capsys.readouterr().err


def test_the_run_itself_imports_no_torch(folder: Path) -> None:
    Path("s.yaml").write_text(SPEC.replace("BAD", "good"), encoding="utf-8")
    program = (
        "import sys; from reportgen.cli import main\n"
        "code = main(['s.yaml', '--quiet', '--offline', '--allow-code'])\n"
        "sys.exit(code or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, env=dict(os.environ))
    assert done.returncode == 0
