"""What is said of a run's steps."""

from __future__ import annotations

import pytest

from reportgen.engine.progress import Bar, Durations, Lines, Progress


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


def test_a_step_is_one_line_whatever_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 2.0])
    with (
        Durations(Lines(), clock=lambda: next(times)) as progress,
        progress.step("a\nb\x1b[2J: counting"),
    ):
        pass
    shown = r"a b\x1b[2J: counting"
    assert capsys.readouterr().err == f"[1/0]      0 s  {shown}\n     2.00 s  {shown}\n"


def test_a_bar_takes_no_markup_from_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    bar = Bar()
    with bar._rich.console.capture() as taken, bar, bar.step("[bold]M[/nope] [link=x]:") as say:
        say("1 of\n2\x07")
        bar._rich.refresh()
    assert "[bold]M[/nope]" in taken.get()
    assert "\x07" not in taken.get()
