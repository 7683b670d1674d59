"""What is said of a run's steps."""

from __future__ import annotations

import pytest

from reportgen.engine.progress import Durations, Silent


def test_durations_are_told_at_the_end_slowest_first(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 1.5, 1.5, 63.75, 70.0, 70.25])
    with Durations(Silent(), clock=lambda: next(times)) as progress:
        progress.start(3)
        for step in ("CNN: counting", "CNN: evaluating"):
            progress.step(step)
            progress.advance()
        progress.step("timing")
    assert capsys.readouterr().err == (
        "    62.25 s  CNN: evaluating\n     1.50 s  CNN: counting\n     0.25 s  timing\n"
    )


def test_an_interrupted_step_is_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 2.0])

    def interrupted() -> None:
        with Durations(Silent(), clock=lambda: next(times)) as progress:
            progress.step("CNN: evaluating")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert capsys.readouterr().err == "     2.00 s  CNN: evaluating\n"
