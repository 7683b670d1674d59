"""Time forward passes on the CPU, the modules in turn: A B C A B C …

Whatever slows the machine for a while slows all alike, and neighbouring rounds make fair pairs.
"""

from __future__ import annotations

import contextlib
import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# A sample shorter than this is lost in the clock's and the scheduler's grain: calls are repeated.
MIN_SAMPLE_S = 0.02
MAX_CALLS = 1_000


@dataclass(frozen=True)
class Subject:
    """A module in eval mode, and the batch it is timed on."""

    module: nn.Module
    batch: Tensor

    def __call__(self) -> None:
        """Run one forward pass."""
        self.module(self.batch)


@contextlib.contextmanager
def quiet(threads: int | None) -> Iterator[None]:
    """Keep what disturbs a timing out: gradients, garbage collection, another thread count.

    Everything is put back at the end.
    """
    before, collecting = torch.get_num_threads(), gc.isenabled()
    gc.collect()
    gc.disable()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)
        if collecting:
            gc.enable()


def interleaved(
    subjects: Mapping[str, Callable[[], None]],
    *,
    rounds: int,
    warmup: int,
    on_round: Callable[[], None] = lambda: None,
) -> dict[str, list[float]]:
    """Time each subject once a round; return seconds per call, one for each round kept.

    The first `warmup` rounds are run and not kept; the first of all also settles how many calls
    make a sample (at least one, at least `MIN_SAMPLE_S` in all). `on_round` is called after each.
    """
    calls: dict[str, int] = {}
    for name, subject in subjects.items():
        subject()  # allocates, packs weights, chooses kernels: never a sample
        once = _sample(subject, 1)
        calls[name] = min(MAX_CALLS, max(1, math.ceil(MIN_SAMPLE_S / once)))
    samples: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(warmup + rounds):
        for name, subject in subjects.items():
            seconds = _sample(subject, calls[name])
            if number >= warmup:
                samples[name].append(seconds)
        on_round()
    return samples


def _sample(subject: Callable[[], None], calls: int) -> float:
    """Return the seconds of one call, the mean of several in a row."""
    start = time.perf_counter()
    for _ in range(calls):
        subject()
    return max(time.perf_counter() - start, 1e-9) / calls


def total_seconds(
    module: nn.Module,
    *,
    image_shape: tuple[int, ...],
    count: int,
    batch_size: int,
    on_batch: Callable[[], None] = lambda: None,
) -> float:
    """Return the seconds of forward passes over `count` images, without reading any.

    Stands in for a data set that is not here: the time of a dense network depends on the shape of
    its input, and not on the pixels, which are random here.
    """
    generator = torch.Generator().manual_seed(0)
    batch = torch.randn((min(batch_size, count), *image_shape), generator=generator)
    module(batch)
    seconds = 0.0
    for first in range(0, count, batch_size):
        images = batch[: min(batch_size, count - first)]
        start = time.perf_counter()
        module(images)
        seconds += time.perf_counter() - start
        on_batch()
    return seconds
