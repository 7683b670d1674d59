"""Choose batch size and memory layout of an evaluation, by timing its own first batches."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

DEFAULT_BATCH = 256

# Sizes to choose from. The layout is chosen with the first.
SIZES = (64, 256)

# The number of batches that each way is tried on; the last is timed, the others pack weights.
TRIES = 2

# An alternative is used only if it is at least 3 % faster.
FASTER = 0.97

# Smaller data sets are evaluated without a choice.
FEWEST_IMAGES = 4_096


@dataclass(frozen=True)
class Way:
    """A way to run: batch size and memory layout."""

    batch_size: int
    channels_last: bool = False

    def __str__(self) -> str:
        """``batches of 64, channels last``."""
        return f"batches of {self.batch_size}" + (", channels last" if self.channels_last else "")


class Pace:
    """The way to run the next batch; `module` gets its layout.

    `batch_size` and `channels_last` come from the spec; None leaves the choice open, from
    `FEWEST_IMAGES` on. `movable` is false if the module cannot be channels last (int8).
    """

    def __init__(
        self,
        module: nn.Module,
        images: int,
        *,
        batch_size: int | None,
        channels_last: bool | None,
        movable: bool = True,
    ) -> None:
        self._module = module
        self._laid_out = False
        worth = images >= FEWEST_IMAGES
        layouts = [False, True] if channels_last is None and worth else [bool(channels_last)]
        sizes = list(SIZES) if batch_size is None and worth else [batch_size or DEFAULT_BATCH]
        if not movable:
            layouts = [False]
        self.chosen = len(layouts) * len(sizes) > 1
        """Whether there was more than one way."""
        self._ways = _choose(sizes, layouts)
        self.way = self._take(next(self._ways))

    def note(self, images: int, seconds: float) -> None:
        """Note the time of a batch, and choose the way of the next."""
        self.way = self._take(self._ways.send(seconds / images))

    def _take(self, way: Way) -> Way:
        if way.channels_last != self._laid_out:
            layout = torch.channels_last if way.channels_last else torch.contiguous_format
            self._module.to(memory_format=layout)
            self._laid_out = way.channels_last
        return way


def _choose(sizes: list[int], layouts: list[bool]) -> Generator[Way, float, None]:
    """Yield ways to try and receive seconds per image; then yield the best for ever."""
    best = Way(sizes[0], layouts[0])
    fastest = yield from _try(best)
    others: list[dict[str, Any]] = [{"channels_last": layout} for layout in layouts[1:]]
    others += [{"batch_size": size} for size in sizes[1:]]
    for other in others:
        way = replace(best, **other)
        seconds = yield from _try(way)
        if seconds < FASTER * fastest:
            best, fastest = way, seconds
    while True:
        yield best


def _try(way: Way) -> Generator[Way, float, float]:
    seconds = 0.0
    for _ in range(TRIES):
        seconds = yield way
    return seconds
