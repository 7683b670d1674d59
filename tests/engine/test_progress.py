"""What is said of a run's steps."""

from __future__ import annotations

import pytest

from reportgen.engine.progress import Durations, Lines, Progress


def test_durations_are_told_at_the_end_slowest_first(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 1.5, 1.5, 63.75, 70.0, 70.25])
    with Durations(Progress(), clock=lambda: next(times)) as progress:
        progress.start(3)
        for step in ("CNN: counting", "CNN: evaluating", "timing"):
            with progress.step(step):
                pass
    assert capsys.readouterr().err == (
        "    62.25 s  CNN: evaluating\n     1.50 s  CNN: counting\n     0.25 s  timing\n"
    )


def test_an_interrupted_step_is_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 2.0])

    def interrupted() -> None:
        with (
            Durations(Progress(), clock=lambda: next(times)) as progress,
            progress.step("CNN: evaluating"),
        ):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert capsys.readouterr().err == "     2.00 s  CNN: evaluating\n"


def test_steps_side_by_side_each_have_their_line(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Lines()
    progress.start(10)
    with progress.step("CNN: counting"), progress.step("MLP: counting") as say:
        say("half of it")
    assert capsys.readouterr().err == (
        "[ 1/10]      0 s  CNN: counting\n[ 2/10]      0 s  MLP: counting\n"
    )
