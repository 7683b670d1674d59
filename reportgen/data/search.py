"""Where to look for data and weights. Imports no torch and no numpy."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from reportgen.common import cache
from reportgen.common.errors import MissingError
from reportgen.data.names import visible

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

    def locate(self, path: str, what: str = "folder or zip") -> Path:
        """Return what a spec's `path` means: beside the spec, or else in a data directory.

        Raises MissingError, which calls it `what`.
        """
        for candidate in map(Path, self.candidates(path)):
            with suppress(OSError):  # a name that is too long, say
                if candidate.exists():
                    return candidate
        raise MissingError(
            f"there is no {what} '{visible(path)}'",
            "`path` is looked for beside the spec, then in each --data-dir.",
        )

    def candidates(self, path: str) -> list[str]:
        """List where `locate` looks for a path."""
        return [str(directory / path) for directory in (self.spec_dir, *self.data_dirs)]


def downloads() -> Path:
    """Return where downloaded data sets are kept; it need not exist."""
    return cache.root() / "data" / "downloads"
