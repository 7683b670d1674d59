"""Keep a model from changing the number of PyTorch's threads, and notice when it tries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

set_count = torch.set_num_threads
"""PyTorch's own function, also inside `guarded`."""


class Guard:
    """What a model did to the thread count."""

    def __init__(self) -> None:
        self.remark = ""
        """A sentence for the report; empty if the model did not change the count."""

    def put_back(self, count: int) -> None:
        """Restore the count, if it was changed without `torch.set_num_threads`."""
        found = torch.get_num_threads()
        if found != count:
            self.remark = f"the model used {found} threads instead of {count}"
            set_count(count)

    def refuse(self, asked: int) -> None:
        """Replace `torch.set_num_threads`."""
        count = torch.get_num_threads()
        if asked != count:
            self.remark = f"the model set {asked} threads; timed with {count}"


@contextmanager
def guarded() -> Iterator[Guard]:
    """Ignore calls of `torch.set_num_threads`."""
    guard, before = Guard(), torch.set_num_threads
    torch.set_num_threads = guard.refuse  # type: ignore[assignment]
    try:
        yield guard
    finally:
        torch.set_num_threads = before
