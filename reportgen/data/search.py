"""What a data set is asked for with, and where to look for it. Imports no torch and no numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from reportgen.common import cache
from reportgen.data.datasets import DATASETS

# Told how much of a piece of work is done, and of how much (0: not known).
Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class Search:
    """Where to look for data and weights.

    `data_dirs` in this order, then the cache's downloads, then (unless `offline`) the network.
    Relative paths of a spec start in `spec_dir`.
    """

    data_dirs: tuple[Path, ...] = ()
    offline: bool = False
    spec_dir: Path = Path()

    @property
    def directories(self) -> tuple[Path, ...]:
        """The data directories, and after them where downloads are kept."""
        return (*self.data_dirs, downloads())


def downloads() -> Path:
    """Return where downloaded data sets are kept; it need not exist."""
    return cache.root() / "data" / "downloads"


@dataclass(frozen=True)
class DataSource:
    """A data set, without saying which split of it.

    `source` is the catalogue's name and `name` the spec's, which may differ. `shape` is channels,
    height and width of an image as a model gets it, so of a resized one where `resize` is given.
    `path` belongs to `folder`, and `count` (how many images to draw) to `synthetic`.
    """

    source: str
    shape: tuple[int, int, int]
    classes: int
    name: str = ""
    path: str | None = None
    count: int | None = None
    resize: int | None = None

    @property
    def catalogued(self) -> bool:
        """Whether it is a known data set, and not images that only the user knows."""
        return self.source not in ("folder", "synthetic")

    @property
    def title(self) -> str:
        """How messages call it."""
        return DATASETS[self.source].title if self.catalogued else self.name or self.source
