"""Keep a model from changing how many threads PyTorch uses, and notice when it tries.

The thread count belongs to the measurement: it holds for all models of a table alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

set_count = torch.set_num_threads
"""PyTorch's own function, for those whose business it is, also while a guard stands."""


class Guard:
    """What a model did about the thread count since the guard was set up."""

    def __init__(self) -> None:
        self.remark = ""
        """A sentence for the report; empty where the model left the count alone."""

    def put_back(self, count: int) -> None:
        """Set the count again where something has changed it past `torch.set_num_threads`."""
        found = torch.get_num_threads()
        if found != count:
            self.remark = f"the model used {found} threads instead of {count}"
            set_count(count)

    def refuse(self, asked: int) -> None:
        """Stand in for `torch.set_num_threads`."""
        count = torch.get_num_threads()
        if asked != count:
            self.remark = f"the model set {asked} threads; timed with {count}"


@contextmanager
def guarded() -> Iterator[Guard]:
    """Leave the thread count as it is, whatever is asked of `torch.set_num_threads`."""
    guard, before = Guard(), torch.set_num_threads
    torch.set_num_threads = guard.refuse  # type: ignore[assignment]
    try:
        yield guard
    finally:
        torch.set_num_threads = before
