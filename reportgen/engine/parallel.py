"""Several things at a time, each waiting for a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from reportgen.common.errors import MeasureError

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(
    action: Callable[[T], R], things: Sequence[T], at_a_time: int
) -> Iterator[tuple[T, R | MeasureError]]:
    """Yield each thing with what the action gave, or with the MeasureError it raised, when it ends.

    What else an action raises is passed on. Left early, those that have not begun never will.
    """
    pool = ThreadPoolExecutor(max(1, min(at_a_time, len(things))))
    try:
        futures = {pool.submit(action, thing): thing for thing in things}
        for future in as_completed(futures):
            error = future.exception()
            if error is None:
                yield futures[future], future.result()
            elif isinstance(error, MeasureError):
                yield futures[future], error
            else:
                raise error
    finally:
        # Not waited for: those at work end with their workers.
        pool.shutdown(wait=False, cancel_futures=True)
