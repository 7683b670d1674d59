"""What a report says of its figures is so: real runs, one after another on one record."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.cli import main
from reportgen.record import record as records
from reportgen.record.record import Record

TIMES = """\
reportgen: 1
title: T
datasets: {images: {source: synthetic, shape: [1, 8, 8], classes: 10, count: 4}}
models:
  A: {source: zoo/digits_mlp, baseline: true}
  B: {source: zoo/digits_mlp}
measure:
  timing: {batch_sizes: [1], threads: 1, rounds: 3, warmup: 0, total: false}
report: {columns: [latency, speedup]}
"""

HALF = """\
import torch
from torch import nn


class Half(nn.Module):
    def __init__(self, classes, mixed):
        super().__init__()
        self.body = nn.Linear(64, 32).to(torch.bfloat16)
        self.head = nn.Linear(32, classes, dtype=torch.float32 if mixed else torch.bfloat16)

    def forward(self, images):
        features = self.body(images.flatten(1).to(torch.bfloat16))
        return self.head(features.to(self.head.weight.dtype))


def half(num_classes, mixed=False):
    return Half(num_classes, mixed)


def whole(num_classes, mixed=False):
    return Half(num_classes, mixed).float()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(text: str, *options: str) -> tuple[Record, str]:
    """Run a spec; return the record and the Markdown."""
    Path("s.yaml").write_text(text)
    assert main(["s.yaml", "--quiet", *options]) == 0
    found = records.read(Path("out/s.json"))
    assert found is not None
    return found, Path("out/s.md").read_text(encoding="utf-8")


def test_rounds_and_turns_are_those_of_each_run(folder: Path) -> None:
    record, text = run(TIMES)
    assert (
        "- Latencies are medians of 3 rounds.\n- In each round every model has its turn.\n" in text
    )
    (session,) = {
        build.figures[key].session
        for build in record.builds.values()
        for key in ("latency@1", "speedup@1")
    }
    assert len(session) == 8
    speedup = record.builds["B"].figures["speedup@1"]
    assert speedup.interval is None
    assert speedup.in_turn == 2
    assert "Too few rounds to tell: 6 or more are needed." in text
    assert "**" not in text.split("## How it was measured")[0].replace("**Bold**", "")
    # Other settings, for one model alone: the report tells of both.
    _, text = run(TIMES.replace("rounds: 3", "rounds: 4"), "--only", "B")
    assert "- Latencies are medians of 3 to 4 rounds.\n" in text
    told = "- Timed in turn with models whose own times here are from another run: "
    assert f"{told}A.\n{told}B.\n" in text


def test_models_that_are_timed_one_at_a_time(folder: Path) -> None:
    text = run(
        TIMES.replace("rounds: 3", "rounds: 3, together: 1").replace(", baseline: true", "")
    )[1]
    assert "- Timed alone: A, B.\n" in text
    assert "every model has its turn" not in text


@pytest.mark.slow
def test_a_model_of_another_dtype_is_not_called_float32(folder: Path) -> None:
    Path("nets.py").write_text(HALF)
    spec = TIMES.partition("models:")[0] + (
        "models:\n"
        "  Half: {source: 'nets.py:half'}\n"
        "  Mixed: {source: 'nets.py:half', args: {mixed: true}}\n"
        "  Whole: {source: 'nets.py:whole'}\n"
        "report: {columns: [params]}\n"
    )
    record, text = run(spec, "--allow-code")
    metadata = {build.model: build.metadata.get("dtype", "") for build in record.builds.values()}
    assert metadata == {"Half": "bfloat16", "Mixed": "bfloat16, float32", "Whole": ""}
    for name in ("Half (bfloat16)", "Mixed (bfloat16, float32)", "Whole"):
        assert f"\n| {name} | 2.410 K |" in text or f"\n| {name} | 2,410 |" in text
    # What it is no longer is not said any more.
    Path("other.py").write_text(HALF.replace("torch.bfloat16", "torch.float32"))
    record, text = run(spec.replace("nets.py", "other.py"), "--allow-code")
    assert [build.metadata.get("dtype") for build in record.builds.values()] == [None] * 3
    assert "bfloat16" not in text


def test_the_dtype_is_known_of_a_model_that_is_only_timed(folder: Path) -> None:
    Path("nets.py").write_text(HALF)
    spec = TIMES.partition("models:")[0] + (
        "models:\n"
        "  Half: {source: 'nets.py:half'}\n"
        "measure: {timing: {threads: 1, rounds: 3, warmup: 0, total: false}}\n"
    )
    record, text = run(spec, "--allow-code")
    assert record.builds["Half"].metadata["dtype"] == "bfloat16"
    assert "\n| Half (bfloat16) | " in text
