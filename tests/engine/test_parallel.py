"""Several things at a time, and what becomes of those that fail."""

from __future__ import annotations

import threading

import pytest

from reportgen.common.errors import MeasureError
from reportgen.engine.parallel import side_by_side


def test_what_fails_is_given_beside_the_rest() -> None:
    failure = MeasureError("no good")

    def action(number: int) -> int:
        if number == 2:
            raise failure
        return 10 * number

    assert dict(side_by_side(action, [1, 2, 3], 2)) == {1: 10, 2: failure, 3: 30}
    assert list(side_by_side(action, [], 2)) == []


def test_so_many_are_at_work_at_a_time() -> None:
    both = threading.Barrier(2, timeout=30)  # broken unless two wait for each other

    def action(number: int) -> int:
        return both.wait() * 0 + number

    assert sorted(number for number, _ in side_by_side(action, [1, 2, 3, 4], 2)) == [1, 2, 3, 4]

    def alone(number: int) -> int:
        with pytest.raises(threading.BrokenBarrierError):
            threading.Barrier(2).wait(0.05)
        return len([t for t in threading.enumerate() if t.name.startswith("ThreadPool")])

    assert {at_work for _, at_work in side_by_side(alone, [1, 2], 1)} == {1}


def test_any_other_error_is_passed_on() -> None:
    def action(number: int) -> int:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        list(side_by_side(action, [1, 2], 1))
