"""Which part of the CPU time of a forward pass each module takes: shares, never seconds.

The clock is read in hooks on every module. Their own time is subtracted, but not all of it, so the
shares can be compared with each other, and their sum is not a latency.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from torch import nn

FEWEST_RUNS = 5

Clock = Callable[[], float]


def time_shares(
    module: nn.Module,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    runs: int = FEWEST_RUNS,
    warmup: int = 1,
    clock: Clock = time.perf_counter,
) -> dict[str, float]:
    """Return each module's share of the time of a forward pass, without that of what it calls.

    Modules go by their paths, in the order of `named_modules()`: the model is `""`, a shared module
    has its first path, a module that is called several times has the sum. A share is the median of
    `runs` passes, after `warmup`; the medians are divided by their sum. The hooks are removed also
    if the module raises.
    """
    paths = {part: path for path, part in module.named_modules()}
    watch = _Stopwatch(paths, clock)
    handles = []
    kept: list[Mapping[str, float]] = []
    try:
        for part in paths:
            handles.append(part.register_forward_pre_hook(watch.start))
            # Always: the model may go on where a module of it raised.
            handles.append(part.register_forward_hook(watch.stop, always_call=True))
        for number in range(warmup + runs):
            watch.reset()
            module(*args, **kwargs)
            if number >= warmup:
                kept.append(_parts(watch.own))
    finally:
        for handle in handles:
            handle.remove()
    return _parts({path: median(parts[path] for parts in kept) for path in paths.values()})


def whole_units(shares: Mapping[str, float], units: int) -> dict[str, int]:
    """Divide `units` by shares that add up to 1; omit those that get none.

    Cumulative sums are rounded, not shares: so the units add up exactly, and a module together with
    all that it holds is less than one unit off.
    """
    cut: dict[str, int] = {}
    end, before = 0.0, 0
    for path, share in shares.items():
        end += share
        now = round(units * end)
        if now > before:
            cut[path] = now - before
        before = now
    return cut


@dataclass
class _Call:
    """A running module: its start, and the time of calls inside it, hooks included."""

    module: nn.Module
    entered: float
    started: float
    inside: float = 0.0


@dataclass
class _Stopwatch:
    """Adds up the time of each module between its hooks, without the modules that it calls."""

    paths: Mapping[nn.Module, str]
    clock: Clock
    own: dict[str, float] = field(default_factory=dict)
    running: list[_Call] = field(default_factory=list)

    def reset(self) -> None:
        self.own = dict.fromkeys(self.paths.values(), 0.0)
        self.running.clear()

    def start(self, module: nn.Module, args: Any) -> None:
        entered = self.clock()
        self.running.append(_Call(module, entered, self.clock()))

    def stop(self, module: nn.Module, args: Any, output: Any) -> None:
        stopped = self.clock()
        if not self.running or self.running[-1].module is not module:
            return  # another hook of the module raised before it was started
        call = self.running.pop()
        self.own[self.paths[module]] += stopped - call.started - call.inside
        if self.running:
            self.running[-1].inside += self.clock() - call.entered


def _parts(of: Mapping[str, float]) -> dict[str, float]:
    """Divide by the sum; if it is 0, everything is the model's own."""
    total = sum(of.values())
    return {path: value / total if total else float(not path) for path, value in of.items()}
