"""What is running, how far, how long still: a bar on a terminal, lines elsewhere. On stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol


class Progress(Protocol):
    """Follows a run of `total` steps."""

    def start(self, total: int) -> None:
        """Begin; so many steps are to come."""

    def step(self, text: str) -> None:
        """Say what begins now."""

    def detail(self, text: str) -> None:
        """Say what the step is doing."""

    def advance(self, steps: int = 1) -> None:
        """Say that steps are done."""

    def __enter__(self) -> Progress: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: Any
    ) -> None: ...


class Silent:
    """Shows nothing."""

    def start(self, total: int) -> None:
        """Begin."""

    def step(self, text: str) -> None:
        """Say what begins now."""

    def detail(self, text: str) -> None:
        """Say what the step is doing."""

    def advance(self, steps: int = 1) -> None:
        """Say that steps are done."""

    def __enter__(self) -> Silent:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


class Lines(Silent):
    """Writes one line for each step: for logs."""

    def __init__(self) -> None:
        self.total = self.done = 0
        self.began = time.monotonic()

    def start(self, total: int) -> None:
        """Begin."""
        self.total = total

    def step(self, text: str) -> None:
        """Write a line."""
        seconds = time.monotonic() - self.began
        width = len(str(self.total))
        sys.stderr.write(f"[{self.done + 1:>{width}}/{self.total}] {seconds:6.0f} s  {text}\n")
        sys.stderr.flush()

    def advance(self, steps: int = 1) -> None:
        """Count."""
        self.done += steps


class Bar:
    """Draws a bar with the step at work, the time gone and the time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Rich

        self._rich = Rich(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.description}{task.fields[detail]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._rich.add_task("", total=None, detail="")

    def start(self, total: int) -> None:
        """Begin."""
        self._rich.update(self._task, total=total)

    def step(self, text: str) -> None:
        """Show what begins now."""
        self._rich.update(self._task, description=text, detail="")

    def detail(self, text: str) -> None:
        """Show what the step is doing."""
        self._rich.update(self._task, detail=f": {text}")

    def advance(self, steps: int = 1) -> None:
        """Move the bar."""
        self._rich.advance(self._task, steps)

    def __enter__(self) -> Bar:
        self._rich.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rich.stop()


class Durations:
    """Shows what another shows, and at the end how long each step took, the slowest first."""

    def __init__(self, shown: Progress, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._shown = shown
        self._clock = clock
        self._running: tuple[str, float] | None = None
        self._taken: list[tuple[float, str]] = []

    def start(self, total: int) -> None:
        """Begin."""
        self._shown.start(total)

    def step(self, text: str) -> None:
        """End the step before, and begin this one."""
        self._end()
        self._running = text, self._clock()
        self._shown.step(text)

    def detail(self, text: str) -> None:
        """Say what the step is doing."""
        self._shown.detail(text)

    def advance(self, steps: int = 1) -> None:
        """Say that steps are done."""
        self._shown.advance(steps)

    def _end(self) -> None:
        if self._running:
            text, began = self._running
            self._taken.append((self._clock() - began, text))
            self._running = None

    def __enter__(self) -> Durations:
        self._shown.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        self._shown.__exit__(kind, error, trace)
        for seconds, text in sorted(self._taken, key=lambda taken: -taken[0]):
            sys.stderr.write(f"{seconds:9.2f} s  {text}\n")


def for_terminal(*, quiet: bool, durations: bool = False) -> Progress:
    """Choose how to show progress: nothing, lines for a log, or a bar; and durations at its end."""
    shown: Progress = Silent() if quiet else Bar() if sys.stderr.isatty() else Lines()
    return Durations(shown) if durations else shown
