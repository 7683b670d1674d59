"""How an evaluation runs: how many images at a time, and how they lie in memory.

What a spec leaves open is chosen by measurement, on the first batches of the evaluation itself, so
that no image is run twice.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

DEFAULT_BATCH = 256

# Sizes to choose from. The first serves to choose a layout.
SIZES = (64, 256)

# Each way is tried on so many batches, of which the last counts: the others pack weights anew.
TRIES = 2

# Another way than the usual one must be faster by so much, or it is noise that chooses.
FASTER = 0.97

# Data sets with fewer images than this are done before a choice would pay.
FEWEST_IMAGES = 4_096


@dataclass(frozen=True)
class Way:
    """A way to run: images in a batch, and whether the channels of a pixel lie side by side."""

    batch_size: int
    channels_last: bool = False

    def __str__(self) -> str:
        """``batches of 64, channels last``."""
        return f"batches of {self.batch_size}" + (", channels last" if self.channels_last else "")


class Pace:
    """The way the next batch is to be run; `module` is laid out accordingly.

    `batch_size` and `channels_last` are what the spec says, None where it leaves them open;
    `movable` says whether the module can be laid out otherwise (an int8 one cannot). Of fewer
    than `FEWEST_IMAGES` images, the usual way is taken.
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
        """Whether there was something to choose."""
        self._ways = _choose(sizes, layouts)
        self.way = self._take(next(self._ways))

    def note(self, images: int, seconds: float) -> None:
        """Take in how long a batch of so many images took, and set the way of the next."""
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
