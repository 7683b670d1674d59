"""Progress of a run on stderr: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from typing_extensions import Self

from reportgen.common.visible import one_line


class Progress:
    """Follows a run of `total` steps, several of which may run at once. Shows nothing."""

    def start(self, total: int) -> None:
        """Begin, or update the number of steps."""

    @contextmanager
    def step(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show a step while the block runs; yield a function that shows details."""
        self.begin(text)
        try:
            yield partial(self.detail, text)
        finally:
            self.end(text)

    def begin(self, step: str) -> None:
        """Show that a step begins."""

    def detail(self, step: str, text: str) -> None:
        """Show what a step is doing."""

    def end(self, step: str) -> None:
        """Show that a step has ended."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None


class Lines(Progress):
    """Writes one line for each step: for logs."""

    def __init__(self) -> None:
        self._total = self._begun = 0
        self._start = time.monotonic()

    def start(self, total: int) -> None:
        """Begin."""
        self._total = total

    def begin(self, step: str) -> None:
        """Write a line."""
        self._begun += 1
        seconds = time.monotonic() - self._start
        width = len(str(self._total))
        sys.stderr.write(
            f"[{self._begun:>{width}}/{self._total}] {seconds:6.0f} s  {one_line(step)}\n"
        )
        sys.stderr.flush()


class Bar(Progress):
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
            TextColumn("{task.description}{task.fields[detail]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._rich.add_task("", total=None, detail="")

    def start(self, total: int) -> None:
        """Begin."""
        self._rich.update(self._task, total=total)

    def begin(self, step: str) -> None:
        """Show what begins now."""
        self._rich.update(self._task, description=one_line(step), detail="")

    def detail(self, step: str, text: str) -> None:
        """Show what the step is doing."""
        self._rich.update(self._task, description=one_line(step), detail=f": {one_line(text)}")

    def end(self, step: str) -> None:
        """Move the bar."""
        self._rich.advance(self._task)

    def __enter__(self) -> Self:
        self._rich.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._rich.stop()


class Durations(Progress):
    """Shows what another shows, and at the end how long each step took, the slowest first."""

    def __init__(self, shown: Progress, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._shown = shown
        self._clock = clock
        self._began: dict[str, float] = {}
        self._taken: list[tuple[float, str]] = []

    def start(self, total: int) -> None:
        """Begin."""
        self._shown.start(total)

    def begin(self, step: str) -> None:
        """Look at the clock."""
        self._began[step] = self._clock()
        self._shown.begin(step)

    def detail(self, step: str, text: str) -> None:
        """Show what the step is doing."""
        self._shown.detail(step, text)

    def end(self, step: str) -> None:
        """Look at the clock again."""
        self._taken.append((self._clock() - self._began.pop(step), step))
        self._shown.end(step)

    def __enter__(self) -> Self:
        self._shown.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._shown.__exit__(*exception)
        for seconds, step in sorted(self._taken, key=lambda taken: -taken[0]):
            sys.stderr.write(f"{seconds:9.2f} s  {one_line(step)}\n")


def for_terminal(*, quiet: bool, durations: bool = False) -> Progress:
    """Choose how to show progress: nothing, lines for a log, or a bar; and durations at its end."""
    shown: Progress = Progress() if quiet else Bar() if sys.stderr.isatty() else Lines()
    return Durations(shown) if durations else shown
