"""Who changes the thread count, and that it stays what it was."""

from __future__ import annotations

import torch

from reportgen.measures import threads, timing


def test_a_model_that_sets_threads_is_noticed_and_not_obeyed() -> None:
    before, original = torch.get_num_threads(), torch.set_num_threads
    with timing.quiet(1), threads.guarded() as guard:
        torch.set_num_threads(1)
        assert guard.remark == ""
        torch.set_num_threads(4)
        assert torch.get_num_threads() == 1
        assert guard.remark == "the model set 4 threads; timed with 1"
    assert torch.get_num_threads() == before
    assert torch.set_num_threads is original


def test_a_count_that_was_changed_otherwise_is_put_back_and_said() -> None:
    with timing.quiet(1), threads.guarded() as guard:
        guard.put_back(1)
        assert guard.remark == ""
        threads.set_count(3)  # as OpenMP's own function does
        guard.put_back(1)
        assert torch.get_num_threads() == 1
        assert guard.remark == "the model used 3 threads instead of 1"


def test_a_measurement_within_sets_its_own() -> None:
    with timing.quiet(2), threads.guarded() as guard:
        with timing.quiet(1):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        assert guard.remark == ""
