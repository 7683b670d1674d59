"""What happens in a worker stays in it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reportgen.common.errors import MeasureError, MissingError
from reportgen.engine.workers import Worker


def worker(**options: object) -> Worker:
    return Worker("tests.engine.subjects:Subject", ("Ada",), **options)


def test_it_keeps_its_object_and_says_how_far_it_is() -> None:
    said: list[str] = []
    with worker(tell=said.append) as ada:
        assert ada.call("greet", "Bob") == "Ada greets Bob"
        assert ada.call("greet", "Eve") == "Ada greets Eve"
    assert said == ["call 1", "call 2"]


def test_what_is_raised_there_is_raised_here_and_it_goes_on() -> None:
    with worker() as ada:
        with pytest.raises(MeasureError, match=r"^ValueError: no good$"):
            ada.call("fail")
        with pytest.raises(MissingError, match=r"^the weights are not here$") as caught:
            ada.call("miss")
        assert caught.value.hint == "Put them there."
        assert ada.call("greet", "Bob") == "Ada greets Bob"


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("crash", "its process crashed (SIGSEGV)"),
        ("be_killed", "its process was killed (SIGKILL), most likely for want of memory"),
        ("leave", "its process ended, with exit code 3"),
    ],
)
def test_it_may_die(method: str, message: str) -> None:
    with worker() as ada, pytest.raises(MeasureError) as caught:
        ada.call(method)
    assert str(caught.value) == message


def test_the_dead_cannot_be_called() -> None:
    with worker() as ada:
        with pytest.raises(MeasureError, match="SIGSEGV"):
            ada.call("crash")
        with pytest.raises(MeasureError, match="SIGSEGV"):
            ada.call("greet", "Bob")


def test_it_has_so_much_time_for_all_its_calls_together() -> None:
    with worker(limit_s=60.0) as ada:
        ada.call("sleep", 0.1)
        assert ada.left_s is not None
        assert 0 < ada.left_s <= 59.9
        ada.left_s = 0.2  # the first call has imported PyTorch, which may take long
        began = time.monotonic()
        with pytest.raises(MeasureError, match=r"^it took longer than the time limit of 60 s$"):
            ada.call("sleep", 60)
        assert time.monotonic() - began < 30
        with pytest.raises(MeasureError, match="time limit"):
            ada.call("greet", "Bob")


def test_what_cannot_be_sent_is_an_error_and_no_silence() -> None:
    with worker() as ada, pytest.raises(MeasureError, match=r"pickle"):
        ada.call("unsendable")


def test_its_environment_is_that_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    with worker() as first:
        first.call("process")  # the server runs
        monkeypatch.setenv("REPORTGEN_TEST", "now")
        with worker() as second:
            assert second.call("variable", "REPORTGEN_TEST") == "now"
        assert first.call("variable", "REPORTGEN_TEST") is None


def test_another_goes_on_with_what_one_left_of_the_time() -> None:
    with worker(limit_s=60.0) as ada:
        ada.call("sleep", 0.1)
        assert ada.left_s is not None
        assert ada.left_s <= 59.9
    said = r"^it took longer than the time limit of 60 s$"
    with worker(limit_s=60.0, left_s=0.2) as second, pytest.raises(MeasureError, match=said):
        second.call("sleep", 60)


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks into /proc")
def test_where_memory_runs_out_it_goes_before_the_run() -> None:
    with worker() as ada:
        assert ada.call("read", "/proc/self/oom_score_adj") == "1000\n"


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks into /proc")
def test_it_does_not_outlive_a_run_that_is_killed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from reportgen.engine.workers import Worker\n"
        "ada = Worker('tests.engine.subjects:Subject', ('Ada',))\n"
        "print(ada.call('process'), flush=True)\n"
        "ada.call('sleep', 600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(Path(__file__).parents[2])],
        # Killed, it leaves its socket behind; the name of that may have 107 characters.
        env={**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("t"))},
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        process = int(run.stdout.readline())
        assert Path(f"/proc/{process}").exists()
        run.kill()
    for _ in range(300):
        if not Path(f"/proc/{process}").exists():
            return
        time.sleep(0.1)
    os.kill(process, 9)
    pytest.fail("the worker went on")
