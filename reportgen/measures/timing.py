"""Time forward passes on the CPU, in the process that this is imported in."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from reportgen.measures import threads as counts
from reportgen.measures.interleaving import Sample, Sampler

# A sample begins with a quarter of its calls, untimed.
SETTLING = 4
# The rest before that: threads of the process before spin for some milliseconds, and would keep
# ours on one core for a whole sample.
REST_S = 0.01


@dataclass(frozen=True)
class Subject:
    """A module in eval mode, and its arguments."""

    module: nn.Module
    args: Sequence[Any]
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self) -> None:
        """Run one forward pass."""
        self.module(*self.args, **self.kwargs)


def stay(threads: int | None) -> None:
    """Keep this process on as many cores as it has threads: the same for every build.

    Cores of a shared machine differ, and a process tends to stay on the one it started on.
    """
    if threads is None or not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if threads < len(cores):
        os.sched_setaffinity(0, cores[-threads:])  # the first ones serve interrupts


@contextlib.contextmanager
def quiet(threads: int | None) -> Iterator[None]:
    """Turn off gradients and garbage collection, and set the thread count, for the block."""
    before, collecting = torch.get_num_threads(), gc.isenabled()
    gc.collect(1)  # what is older is no more garbage now than it was
    gc.disable()
    if threads is not None:
        counts.set_count(threads)
    try:
        with torch.inference_mode():
            yield
    finally:
        counts.set_count(before)
        if collecting:
            gc.enable()


def disturbances() -> tuple[int, int] | None:
    """Return the page faults and the involuntary context switches of this process so far."""
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    usage = resource.getrusage(resource.RUSAGE_SELF)  # all threads
    return usage.ru_minflt + usage.ru_majflt, usage.ru_nivcsw


def sampler(
    subject: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
    disturbed: Callable[[], tuple[int, int] | None] = disturbances,
    rest: Callable[[float], None] = time.sleep,
) -> Sampler:
    """Return a function that times a subject in this process."""

    def sample(calls: int) -> Sample:
        rest(REST_S)
        # Others have used the caches and cores since the last sample: warm up with short calls.
        for _ in range(math.ceil(calls / SETTLING) if calls > 1 else 0):
            subject()
        fastest = math.inf
        disturbed_before = disturbed()
        start = before = clock()
        for _ in range(calls):
            subject()
            after = clock()
            fastest = min(fastest, after - before)
            before = after
        counts = zip(disturbed_before or (), disturbed() or (), strict=True)
        return Sample(
            max(before - start, 1e-9) / calls,
            max(fastest, 1e-9),
            *((now - then) / calls for then, now in counts),
        )

    return sample


def total_seconds(
    module: nn.Module, *, image_shape: tuple[int, ...], count: int, batch_size: int
) -> float:
    """Return the seconds of forward passes over `count` random images.

    It replaces a missing data set: the time of a dense network depends on shapes, not on pixels.
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
    return seconds
