"""Worker processes that measure builds, so that a crash, a leak or a hang affects one build only.

Workers are forked from a server that has imported PyTorch once; without fork, each imports it.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypeAlias

from typing_extensions import Self

from reportgen.common.errors import MeasureError
from reportgen.data.search import Search
from reportgen.engine.journal import explained
from reportgen.plan.plan import Build

Tell: TypeAlias = Callable[[str], None]

BENCH = "reportgen.engine.bench:Bench"

_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_CONTEXT: Any = multiprocessing.get_context(_METHOD)
_JOIN_S = 10.0
_STARTING = threading.Lock()


def preload(modules: Iterable[str]) -> None:
    """Name the modules that workers find imported; no effect after the first worker."""
    # Warnings of PyTorch's C++ code (of int8's deprecation, say) do not concern the user.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    if _METHOD == "forkserver":
        _CONTEXT.set_forkserver_preload(list(modules))


def _say_nothing(message: object) -> None:
    pass


class Workers:
    """Starts workers, each with the same time limit, and ends all of them at its own end."""

    def __init__(self, search: Search, limit_s: float | None = None) -> None:
        self._search = search
        self._limit_s = limit_s
        self._live: set[Worker] = set()

    def bench(
        self, build: Build, tell: Tell | None = None, *, before: Worker | None = None
    ) -> Worker:
        """Start a worker with the bench of a build; `tell` gets its messages.

        It has the time that the worker `before` it left, or the whole time limit.
        """
        worker = Worker(
            BENCH,
            (build, self._search),
            tell=tell or _say_nothing,
            limit_s=self._limit_s,
            left_s=before.left_s if before else self._limit_s,
            ended=self._live.discard,
        )
        self._live.add(worker)
        return worker

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in list(self._live):
            worker.end()


class Worker:
    """One process, and the object in it: ``make(*arguments, tell)``, made at the first call.

    `make` is written as ``package.module:name``, so that only the worker imports it.
    """

    def __init__(
        self,
        make: str,
        arguments: tuple[object, ...] = (),
        *,
        tell: Tell = _say_nothing,
        limit_s: float | None = None,
        left_s: float | None = None,
        ended: Callable[[Worker], None] = _say_nothing,
        method: str = _METHOD,
    ) -> None:
        self.left_s = limit_s if left_s is None else left_s
        """Seconds that its calls may still take; None without a limit."""
        self._tell = tell
        self._limit_s = limit_s
        self._ended = ended
        self._fate: MeasureError | None = None  # why it can be called no more
        context: Any = multiprocessing.get_context(method)
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, dict(os.environ), make, arguments), daemon=True
        )
        with _without_interrupts(), _without_main():
            self._process.start()
        theirs.close()

    def call(self, method: str, *arguments: object) -> Any:
        """Call a method of the object, and return its result.

        Raises MeasureError if the method raises, the process dies, or all calls together take
        longer than the time limit.
        """
        if self._fate is not None:
            raise self._fate
        try:
            self._connection.send((method, arguments))
            while True:
                began = time.monotonic()
                if not wait([self._connection], self.left_s):
                    self._process.kill()
                    self._fate = self._too_long()
                    raise self._fate
                if self.left_s is not None:
                    self.left_s = max(0.0, self.left_s - (time.monotonic() - began))
                kind, value = self._connection.recv()
                if kind == "told":
                    self._tell(value)
                elif kind == "raised":
                    raise value
                else:
                    return value
        except (EOFError, OSError):
            self._fate = self._died()
            raise self._fate from None

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.join(_JOIN_S)
        self._connection.close()
        self._ended(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def _too_long(self) -> MeasureError:
        return MeasureError(
            f"it took longer than the time limit of {self._limit_s:g} s",
            "Raise `measure: {time_limit: …}`, in seconds, if it needs more.",
        )

    def _died(self) -> MeasureError:
        self._process.join(_JOIN_S)
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            if name == "SIGKILL":
                return MeasureError(
                    "its process was killed (SIGKILL), most likely for want of memory",
                    "Try a smaller batch size.",
                )
            return MeasureError(f"its process crashed ({name})")
        return MeasureError(f"its process ended, with exit code {code}")


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Block Ctrl-C in processes that start now; the parent gets it a moment later."""
    if sys.platform == "win32":  # pragma: no cover
        yield
        return
    resource_tracker.ensure_running()  # when that starts, it lets signals through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Do not run the user's script again in the processes that are started now.

    multiprocessing imports the main module in each of them, and a worker needs nothing of it.
    """
    main = vars(sys.modules["__main__"])
    with _STARTING:
        spec, file = main.pop("__spec__", None), main.pop("__file__", None)
        main["__spec__"] = None
        try:
            yield
        finally:
            main["__spec__"] = spec
            if file is not None:
                main["__file__"] = file


def _serve(
    connection: Connection,
    environment: dict[str, str],
    make: str,
    arguments: tuple[object, ...],
) -> None:
    """Answer calls until the connection closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    # The server may have been started with another environment.
    os.environ.clear()
    os.environ.update(environment)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _be_the_first_to_go()

    def tell(text: str) -> None:
        connection.send(("told", text))

    subject: object = None
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            method, given = connection.recv()
            try:
                subject = subject or _imported(make)(*arguments, tell)
                connection.send(("done", getattr(subject, method)(*given)))
            except Exception as error:  # from a model's code, or from sending the result
                connection.send(("raised", explained(error)))


def _imported(name: str) -> Callable[..., object]:
    module, _, attribute = name.partition(":")
    found: Callable[..., object] = getattr(importlib.import_module(module), attribute)
    return found


def _end_with_parent() -> None:
    """Exit when the run is killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has a parent"
    wait([parent.sentinel])
    os._exit(1)


def _be_the_first_to_go() -> None:
    """If memory runs out, let the system kill this worker, not the run."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
