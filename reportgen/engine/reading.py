"""Data read in a process of its own: what a file does to its decoder costs nothing else.

Run and `check` decode nothing themselves. A build's data is read where the build is; here is what
is read to learn whether it is still what figures were measured on.
"""

from __future__ import annotations

from collections.abc import Callable

from reportgen.data.search import Search
from reportgen.data.source import DataRequest
from reportgen.engine.workers import Worker

_DESK = "reportgen.engine.reading:DataBench"


class DataBench:
    """Reads data sets, in the process that is there for it (see `workers`)."""

    def __init__(self, search: Search, tell: Callable[[str], None]) -> None:
        self._search = search

    def fingerprint(self, dataset: DataRequest, split: str) -> str:
        """Decode a split and return its fingerprint; raise MeasureError, or whatever happens."""
        from reportgen.data.splits import load

        return load(dataset, split, self._search).fingerprint


def fingerprint(dataset: DataRequest, split: str, search: Search, limit_s: float) -> str:
    """Return the fingerprint of a split, decoded in a process that ends with it.

    Raises MeasureError: that of reading it, that the process died, or took longer than `limit_s`.
    """
    # Not forked: the server for that imports what a run measures with, which is not known yet.
    with Worker(_DESK, (search,), limit_s=limit_s, method="spawn") as worker:
        found: str = worker.call("fingerprint", dataset, split)
        return found
