"""Processes in which builds are measured, so that a crash, a leak or a hang costs one build only.

A worker makes an object and calls its methods, one after the other, as it is told. Workers are
forked from a server that has imported PyTorch once; where there is no fork, each imports it.
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
    """Name the modules that workers find imported; without effect after the first worker."""
    # What PyTorch's C++ code warns of (int8 tensors will go, say) is ours to heed, not the user's.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    if _METHOD == "forkserver":
        _CONTEXT.set_forkserver_preload(list(modules))


def _say_nothing(told: object) -> None:
    pass


class Workers:
    """Starts workers, each with the same time limit, and ends those that still live at its end."""

    def __init__(self, search: Search, limit_s: float | None = None) -> None:
        self._search = search
        self._limit_s = limit_s
        self._live: set[Worker] = set()

    def bench(
        self, build: Build, tell: Tell | None = None, *, before: Worker | None = None
    ) -> Worker:
        """Start a worker with the bench of a build; what that says on its way reaches `tell`.

        It has what the worker `before` it left of the time limit, or all of it.
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
    """One process, and the object in it: ``make(*arguments, tell)``, made when it is first called.

    `make` is written as ``package.module:name``, so that only the worker imports it. `method` is
    how multiprocessing starts the process.
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
        """Seconds that its calls may still take; None where there is no limit."""
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
        """Call a method of the object, and return what it returns.

        Raises MeasureError: what the method raised, as a report can say it; that the process died;
        or that its calls took longer than the time limit, all of them together.
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
    """Let no Ctrl-C reach the processes that are started now, not even while they import.

    It is the parent's to handle, which gets it a moment later.
    """
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
    """Answer calls until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    # The server that this was forked from may have been started under another environment.
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
            except Exception as error:  # of somebody's code, or of a value that cannot be sent
                connection.send(("raised", explained(error)))


def _imported(name: str) -> Callable[..., object]:
    module, _, attribute = name.partition(":")
    found: Callable[..., object] = getattr(importlib.import_module(module), attribute)
    return found


def _end_with_parent() -> None:
    """Leave at once when the run that this works for has been killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has a parent"
    wait([parent.sentinel])
    os._exit(1)


def _be_the_first_to_go() -> None:
    """Where memory runs out, the build that takes it is to be killed, and not the run."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
