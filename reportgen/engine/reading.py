"""Identify data in a process of its own: neither a run nor `check` decodes files itself."""

from __future__ import annotations

from collections.abc import Callable

from reportgen.data.search import Search
from reportgen.data.source import DataRequest

_DESK = "reportgen.engine.reading:DataBench"


class DataBench:
    """Reads data sets, in a worker."""

    def __init__(self, search: Search, tell: Callable[[str], None]) -> None:
        self._search = search

    def fingerprint(self, dataset: DataRequest, split: str) -> str:
        """Decode a split and return its fingerprint."""
        from reportgen.data.splits import load

        return load(dataset, split, self._search).fingerprint


def fingerprint(dataset: DataRequest, split: str, search: Search, limit_s: float) -> str:
    """Return the fingerprint of a split, decoded in a new process; may raise MeasureError."""
    from reportgen.engine.workers import Worker  # most runs read nothing

    # Not forked: the server imports what a run needs, which is not known yet.
    with Worker(_DESK, (search,), limit_s=limit_s, method="spawn") as worker:
        found: str = worker.call("fingerprint", dataset, split)
        return found
