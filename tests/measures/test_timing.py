"""Timing in one process. No assertion on seconds: on counts, and on what is put back."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from reportgen.measures import timing


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


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system keeps that to itself")
def test_a_process_with_fewer_threads_than_cores_stays_on_as_many() -> None:
    program = (
        "import os; from reportgen.measures import timing\n"
        "before = sorted(os.sched_getaffinity(0))\n"
        "timing.stay(None); timing.stay(len(before))\n"
        "assert sorted(os.sched_getaffinity(0)) == before\n"
        "timing.stay(1)\n"
        "assert sorted(os.sched_getaffinity(0)) == before[-1:]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
