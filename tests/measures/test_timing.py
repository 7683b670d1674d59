"""Timing in turn. No assertion on seconds: on counts, order, and what is put back."""

from __future__ import annotations

import gc
import time

import torch
from torch import nn

from reportgen.measures import timing


def test_subjects_run_in_turn() -> None:
    calls: list[str] = []

    def subject(name: str) -> None:
        calls.append(name)
        time.sleep(timing.MIN_SAMPLE_S)

    samples = timing.interleaved(
        {"a": lambda: subject("a"), "b": lambda: subject("b")}, rounds=3, warmup=1
    )
    assert {name: len(kept) for name, kept in samples.items()} == {"a": 3, "b": 3}
    # Each twice at first (ready, calibrate), then a b a b …: one warm-up round and three kept.
    assert calls == ["a", "a", "b", "b", *["a", "b"] * 4]


def test_short_calls_are_repeated_until_the_clock_can_tell() -> None:
    count = 0

    def quick() -> None:
        nonlocal count
        count += 1

    timing.interleaved({"quick": quick}, rounds=3, warmup=0)
    # Once to be ready, once to calibrate, then the most calls a sample may hold, three times.
    assert count == 2 + 3 * timing.MAX_CALLS


def test_everything_is_put_back() -> None:
    before = torch.get_num_threads()
    assert gc.isenabled()
    with timing.quiet(1):
        assert torch.get_num_threads() == 1
        assert torch.is_inference_mode_enabled()
        assert not gc.isenabled()
    assert torch.get_num_threads() == before
    assert gc.isenabled()
    assert not torch.is_inference_mode_enabled()


def test_the_whole_data_set_is_run_once() -> None:
    sizes: list[int] = []

    class Net(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            sizes.append(len(images))
            return images

    with timing.quiet(None):
        seconds = timing.total_seconds(Net(), image_shape=(1, 2, 2), count=10, batch_size=4)
    # One batch to be ready, then 4 + 4 + 2 = 10 images.
    assert sizes == [4, 4, 4, 2]
    assert seconds > 0
