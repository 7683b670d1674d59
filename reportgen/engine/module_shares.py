"""Measure the modules' shares of one build's CPU time."""

from __future__ import annotations

import torch

from reportgen.builds.construct import construct
from reportgen.builds.example_inputs import example
from reportgen.data.search import Search
from reportgen.engine.machine import describe, identify
from reportgen.engine.results import Shares
from reportgen.measures.allocator import use
from reportgen.measures.module_times import time_shares, whole_units
from reportgen.measures.threads import guarded
from reportgen.measures.timing import quiet
from reportgen.plan.plan import Build
from reportgen.record.record import Figure
from reportgen.spec.model import Timing

KEY = "time.share"
WHOLE = 10_000
"""Shares are in hundredths of a percent, as tables print them, so that tables add up."""


def measure(build: Build, settings: Timing, search: Search) -> Shares:
    """Run a build with hooks on its modules, on the smallest timed batch."""
    size = min(settings.batch_sizes)
    allocator = use(settings.allocator)
    with quiet(settings.threads), guarded() as guard:
        environment = describe(torch.get_num_threads(), allocator)
        module, _ = construct(build, search, for_accuracy=False)
        args, kwargs = example(build, size)
        shares = time_shares(module, args, kwargs, runs=settings.module_runs)
    figure = Figure(
        "measured",
        environment=identify(environment),
        samples=settings.module_runs,
        shares=whole_units(shares, WHOLE),
        note=f"for a batch of {size}" + (f" ({guard.remark})" if guard.remark else ""),
    )
    return Shares({KEY: figure}, environment)
