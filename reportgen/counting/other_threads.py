"""Work that a model hands to other threads: what follows one thread does not see it.

PyTorch's dispatch modes belong to one thread each. What the counted thread starts or submits while
it counts therefore runs under a mode of its own, which only says what could have made products.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import wraps
from multiprocessing.pool import ThreadPool
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from reportgen.counting.crosscheck import SecondCounter
from reportgen.counting.operations import hides_products, is_taken_apart, name_of
from reportgen.counting.products import has_formula
from reportgen.counting.recorder import Recorder

# What takes a function to call elsewhere, as its first argument.
_SUBMITTERS = (
    (ThreadPoolExecutor, "submit"),
    (ThreadPool, "apply_async"),
    (ThreadPool, "_map_async"),
    (ThreadPool, "imap"),
    (ThreadPool, "imap_unordered"),
)


def watch(
    recorder: Recorder, second: SecondCounter, undo: ExitStack
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Have the second counter miss what other threads do for this one, until ``undo``.

    Returns:
        What makes a watched function of one that another thread calls.
    """
    watched = threading.local()

    def carried(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            if recorder.finished or getattr(watched, "already", False):
                return function(*args, **kwargs)
            watched.already = True
            try:
                with _Elsewhere(recorder, second):
                    return function(*args, **kwargs)
            finally:
                watched.already = False

        return run

    def submitting(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def submit(pool: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            if not recorder.here:
                return method(pool, function, *args, **kwargs)
            with recorder.elsewhere:  # a thread of the pool lives longer than this pass
                return method(pool, carried(function), *args, **kwargs)

        return submit

    start = threading.Thread.start

    def starting(thread: threading.Thread) -> None:
        if recorder.here:
            thread.run = carried(thread.run)  # type: ignore[method-assign]
        start(thread)

    undo.callback(setattr, threading.Thread, "start", start)
    setattr(threading.Thread, "start", starting)  # noqa: B010 - a method may not be assigned
    for owner, name in _SUBMITTERS:
        own = name in vars(owner)
        method = getattr(owner, name)
        undo.callback(*((setattr, owner, name, method) if own else (delattr, owner, name)))
        setattr(owner, name, submitting(method))
    return carried


class _Elsewhere(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes what may make products in another thread than the one that is counted."""

    supports_higher_order_operators = True

    def __init__(self, recorder: Recorder, second: SecondCounter) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._recorder = recorder
        self._second = second

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        packet = getattr(func, "_overloadpacket", func)
        known = has_formula(func)
        if not known and is_taken_apart(func, args):
            with self:
                return func.decompose(*args, **kwargs)
        if not self._recorder.finished and (known or hides_products(func, args, kwargs)):
            self._second.miss(f"{name_of(packet)} (in another thread)")
        return func(*args, **kwargs)
