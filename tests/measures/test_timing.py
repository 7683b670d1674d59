"""Timing in turn. No assertion on seconds: on counts, order, and what is put back."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from itertools import chain, count, cycle, repeat

import pytest
import torch
from torch import nn

from reportgen.measures import timing
from reportgen.measures.statistics import paired_ratio


class Machine:
    """A clock that subjects move on by as long as they take; the same seconds on every machine."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def subject(self, name: str, seconds: Iterator[float]) -> Callable[[], None]:
        def call() -> None:
            self.calls.append(name)
            self.now += next(seconds)

        return call

    def clock(self) -> float:
        return self.now


def test_subjects_run_in_turn() -> None:
    machine = Machine()
    samples = timing.interleaved(
        {"a": machine.subject("a", repeat(1)), "b": machine.subject("b", repeat(2))},
        rounds=3,
        warmup=1,
        clock=machine.clock,
    )
    assert samples == {"a": [1, 1, 1], "b": [2, 2, 2]}
    # Each twice at first (ready, calibrate), then there and back: one warm-up round, three kept.
    assert machine.calls == ["a", "a", "b", "b", *["a", "b", "b", "a"] * 2]


def test_a_machine_that_slows_down_steadily_favours_nobody() -> None:
    machine = Machine()
    # Each call takes a hundredth longer than the one before, whoever makes it.
    slower = (1.01**number for number in count())
    subjects = {name: machine.subject(name, slower) for name in ("a", "b")}
    samples = timing.interleaved(subjects, rounds=8, warmup=0, clock=machine.clock)
    ratio = paired_ratio(samples["a"], samples["b"])
    assert ratio.median == pytest.approx(1, abs=1e-4)
    assert not ratio.significant


def test_short_calls_are_repeated_until_the_clock_can_tell() -> None:
    machine = Machine()
    quick = machine.subject("quick", repeat(2**-10))
    samples = timing.interleaved({"quick": quick}, rounds=3, warmup=0, clock=machine.clock)
    # Once to be ready, once to calibrate; 20 ms hold 20.48 calls of 1/1024 s, so 21 make a sample.
    assert len(machine.calls) == 2 + 3 * 21
    assert samples == {"quick": [2**-10] * 3}


def test_a_sample_holds_so_many_calls_at_most() -> None:
    machine = Machine()
    nothing = machine.subject("nothing", repeat(0))
    timing.interleaved({"nothing": nothing}, rounds=3, warmup=0, clock=machine.clock)
    assert len(machine.calls) == 2 + 3 * timing.MAX_CALLS


def test_warming_up_goes_on_while_something_gets_faster() -> None:
    machine = Machine()
    # Ready, calibrated at 8 s; then warm after 4, 2 and two rounds of 1.
    slow = machine.subject("slow", chain([9, 8, 4, 2, 1], repeat(1)))
    steady = machine.subject("steady", repeat(1))
    samples = timing.interleaved(
        {"slow": slow, "steady": steady}, rounds=3, warmup=1, clock=machine.clock
    )
    assert samples["slow"] == [1, 1, 1]
    assert machine.calls.count("slow") == 2 + 4 + 3


def test_warming_up_ends() -> None:
    machine = Machine()
    faster = machine.subject("faster", (0.9**number * 1_000 for number in count()))
    timing.interleaved({"faster": faster}, rounds=3, warmup=2, clock=machine.clock)
    assert len(machine.calls) == 2 + 2 * timing.PATIENCE + 3


def rounds_until_enough(enough: timing.Enough, machine: Machine, **seconds: float) -> int:
    subjects = {name: machine.subject(name, repeat(each)) for name, each in seconds.items()}
    samples = timing.interleaved(subjects, rounds=50, warmup=0, enough=enough, clock=machine.clock)
    return len(samples["a"])


def test_it_stops_when_ratios_are_known_closely_enough() -> None:
    # Six pairs are the fewest that a 95 % interval can be had from.
    enough = timing.Enough("a", precision=0.02)
    assert rounds_until_enough(enough, Machine(), a=1, b=2) == 6


@pytest.mark.parametrize("reference", ["a", None, "gone"])
def test_without_a_ratio_all_rounds_are_run(reference: str | None) -> None:
    enough = timing.Enough(reference, precision=0.02)
    assert rounds_until_enough(enough, Machine(), a=1) == 50


def test_ratios_that_stay_unknown_take_all_rounds() -> None:
    machine = Machine()
    noisy = machine.subject("noisy", cycle([1, 2]))
    steady = machine.subject("steady", repeat(1))
    samples = timing.interleaved(
        {"noisy": noisy, "steady": steady},
        rounds=20,
        warmup=0,
        enough=timing.Enough("steady", precision=0.02),
        clock=machine.clock,
    )
    assert len(samples["noisy"]) == 20


@pytest.mark.parametrize(("until", "rounds"), [(10.0, 8), (0.0, 3)])
def test_it_stops_when_the_time_is_up(until: float, rounds: int) -> None:
    machine = Machine()
    # Two calls come before the rounds, of a second each.
    enough = timing.Enough(None, until=until, clock=machine.clock)
    assert rounds_until_enough(enough, machine, a=1) == rounds


def test_everything_is_put_back() -> None:
    before = torch.get_num_threads()
    assert gc.isenabled()
    with timing.quiet(1):
        assert torch.get_num_threads() == 1
        assert torch.is_inference_mode_enabled()
        assert not gc.isenabled()
    assert torch.get_num_threads() == before
    assert gc.isenabled()
    assert not torch.is_inference_mode_enabled()


def test_the_whole_data_set_is_run_once() -> None:
    sizes: list[int] = []

    class Net(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            sizes.append(len(images))
            return images

    with timing.quiet(None):
        seconds = timing.total_seconds(Net(), image_shape=(1, 2, 2), count=10, batch_size=4)
    # One batch to be ready, then 4 + 4 + 2 = 10 images.
    assert sizes == [4, 4, 4, 2]
    assert seconds > 0
