"""One build, in the process where it is measured (see `workers`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

import torch
from torch import nn

from reportgen.builds.construct import construct
from reportgen.builds.dtype import unusual_dtypes
from reportgen.builds.example_inputs import example
from reportgen.data.search import Search
from reportgen.engine.machine import describe
from reportgen.engine.results import Counted, Evaluated, Shares, joined
from reportgen.measures import memory, timing
from reportgen.measures.allocator import Allocator, use
from reportgen.measures.interleaving import Sample, Sampler
from reportgen.measures.threads import Guard, guarded
from reportgen.plan.plan import Build
from reportgen.record.record import Figure
from reportgen.spec.model import Accuracy, Complexity, Timing


class Bench:
    """Measures one build; every result can be pickled.

    Timing needs `be_quiet` and then `make` first. Every method raises MeasureError, or what the
    model's code raises.
    """

    def __init__(self, build: Build, search: Search, tell: Callable[[str], None]) -> None:
        self._build = build
        self._search = search
        self._tell = tell
        self._quiet = ExitStack()  # for as long as the process lives
        self._module: nn.Module
        self._sample: Sampler
        self._guard: Guard
        self._threads: int

    def count(self, settings: Complexity) -> Counted:
        """Count parameters and operations."""
        from reportgen.engine import count_build

        return count_build.count(self._build, settings, self._search)

    def evaluate(
        self, metrics: Sequence[str], settings: Accuracy, timed: Timing, refresh: bool
    ) -> Evaluated:
        """Evaluate on the data set; `refresh` fits weights again, `timed` sets the threads."""
        from reportgen.engine import evaluate_build

        return evaluate_build.measure(
            self._build,
            metrics,
            settings,
            timed,
            self._search,
            refresh=refresh,
            progress=lambda done, total: self._tell(f"{done:,} of {total:,} images"),
        )

    def be_quiet(self, threads: int | None, allocator: Allocator) -> dict[str, str]:
        """Use `threads` threads from now on, keep disturbances out; return the environment."""
        used = use(allocator)
        timing.stay(threads)
        self._quiet.enter_context(timing.quiet(threads))
        self._guard = self._quiet.enter_context(guarded())
        self._threads = torch.get_num_threads()
        return describe(self._threads, used)

    def make(self) -> str:
        """Make the module; name the types of its parameters if they are not float32."""
        self._module, _ = construct(self._build, self._search, for_accuracy=False)
        return "" if self._build.options.quantize else unusual_dtypes(self._module)

    def take_batch(self, size: int) -> None:
        """Let `sample` time batches of `size` images from now on."""
        self._sample = timing.sampler(self._subject(size))

    def sample(self, calls: int) -> Sample:
        """Make `calls` calls in a row."""
        self._guard.put_back(self._threads)
        return self._sample(calls)

    def remark(self) -> str:
        """Return what is to be said of the times so far; empty where all was as it should be."""
        self._guard.put_back(self._threads)
        return self._guard.remark

    def first_call(self, size: int) -> float:
        """Return the seconds of the first call of all, for which the process must be fresh."""
        subject = self._subject(size)
        start = time.perf_counter()
        subject()
        return time.perf_counter() - start

    def peak_bytes(self, size: int) -> int:
        """Return the peak growth of a fresh process that makes and calls the module."""
        _touch_libraries()
        before = memory.resident_bytes()
        memory.reset_peak()
        self.make()
        self._subject(size)()
        return memory.peak_bytes() - before

    def module_shares(self, settings: Timing) -> Shares:
        """Time the modules of the build, each as a share of the whole."""
        from reportgen.engine import module_shares as module_times

        return module_times.measure(self._build, settings, self._search)

    def total(self, accuracy: Accuracy | None, environment: str) -> Figure:
        """Time the whole data set."""
        from reportgen.engine.totals import total_time

        figure = total_time(self._build, self._module, accuracy, self._search, environment)
        return replace(figure, note=joined(self.remark(), figure.note))

    def _subject(self, size: int) -> timing.Subject:
        return timing.Subject(self._module, *example(self._build, size))


def _touch_libraries() -> None:
    """Load the code of kernels that nearly every network runs, so that no build pays for it."""
    nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 30 * 30, 8))(
        torch.zeros(1, 3, 32, 32)
    )
