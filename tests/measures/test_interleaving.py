"""Whose turn it is, on a machine whose clock the subjects move."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, count, cycle, repeat

import pytest

from reportgen.measures import interleaving, timing
from reportgen.measures.interleaving import Sample, Sampler, means
from reportgen.measures.statistics import paired_ratio


class Machine:
    """A clock that subjects move on by as long as they take; the same seconds on every machine."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def subject(self, name: str, seconds: Iterator[float]) -> Sampler:
        def call() -> None:
            self.calls.append(name)
            self.now += next(seconds)

        return timing.sampler(call, self.clock, lambda: None, rest=lambda seconds: None)

    def clock(self) -> float:
        return self.now


def test_subjects_run_in_turn() -> None:
    machine = Machine()
    samples = interleaving.interleaved(
        {"a": machine.subject("a", repeat(1)), "b": machine.subject("b", repeat(2))},
        rounds=3,
        warmup=1,
    )
    assert samples == {"a": [Sample(1, 1)] * 3, "b": [Sample(2, 2)] * 3}
    # Two rounds to be ready and to calibrate, one of warm-up and three kept, each of both.
    rounds = [machine.calls[first : first + 2] for first in range(0, 12, 2)]
    assert all(sorted(each) == ["a", "b"] for each in rounds)


def test_orders_are_drawn_the_same_on_every_run() -> None:
    def orders() -> list[str]:
        machine = Machine()
        subjects = {name: machine.subject(name, repeat(1)) for name in "abc"}
        interleaving.interleaved(subjects, rounds=20, warmup=0)
        return machine.calls

    calls = orders()
    assert calls == orders()
    assert set(calls[0::3]) == {"a", "b", "c"}  # each comes first at some time


def test_a_machine_that_slows_down_steadily_favours_nobody() -> None:
    machine = Machine()
    # Each call takes a thousandth longer than the one before, whoever makes it.
    slower = (1.001**number for number in count())
    subjects = {name: machine.subject(name, slower) for name in ("a", "b")}
    samples = interleaving.interleaved(subjects, rounds=200, warmup=0)
    ratio = paired_ratio(means(samples["a"]), means(samples["b"]))
    assert ratio.median == pytest.approx(1, abs=1e-3)


def test_short_calls_are_repeated_until_the_clock_can_tell() -> None:
    machine = Machine()
    quick = machine.subject("quick", repeat(2**-10))
    samples = interleaving.interleaved({"quick": quick}, rounds=3, warmup=0)
    # Once to be ready, once to calibrate; 100 ms hold 102.4 calls of 1/1024 s, so 103 make a
    # sample, and 26 go before it.
    assert len(machine.calls) == 2 + 3 * (26 + 103)
    assert samples == {"quick": [Sample(2**-10, 2**-10)] * 3}


def test_a_sample_tells_the_mean_and_the_fastest_of_its_calls() -> None:
    machine = Machine()
    # Four calls in a row have one before them, untimed: here the fastest of all.
    sample = machine.subject("uneven", iter([1, 8, 4, 16, 4]))
    assert sample(4) == Sample(mean=8, fastest=4)
    assert machine.subject("single", iter([3]))(1) == Sample(3, 3)


def test_a_sample_holds_so_many_calls_at_most() -> None:
    machine = Machine()
    nothing = machine.subject("nothing", repeat(0))
    interleaving.interleaved({"nothing": nothing}, rounds=3, warmup=0)
    assert len(machine.calls) == 2 + 3 * (interleaving.MAX_CALLS // 4 + interleaving.MAX_CALLS)


def test_warming_up_goes_on_while_something_gets_faster() -> None:
    machine = Machine()
    # Ready, calibrated at 8 s; then warm after 4, 2 and two rounds of 1.
    slow = machine.subject("slow", chain([9, 8, 4, 2, 1], repeat(1)))
    steady = machine.subject("steady", repeat(1))
    samples = interleaving.interleaved({"slow": slow, "steady": steady}, rounds=3, warmup=1)
    assert means(samples["slow"]) == [1, 1, 1]
    assert machine.calls.count("slow") == 2 + 4 + 3


def test_warming_up_ends() -> None:
    machine = Machine()
    faster = machine.subject("faster", (0.9**number * 1_000 for number in count()))
    interleaving.interleaved({"faster": faster}, rounds=3, warmup=2)
    assert len(machine.calls) == 2 + 2 * interleaving.PATIENCE + 3


def rounds_until_enough(enough: interleaving.Enough, machine: Machine, **seconds: float) -> int:
    subjects = {name: machine.subject(name, repeat(each)) for name, each in seconds.items()}
    samples = interleaving.interleaved(subjects, rounds=50, warmup=0, enough=enough)
    return len(samples["a"])


def test_it_stops_when_ratios_are_known_closely_enough() -> None:
    # Six pairs are the fewest that a 95 % interval can be had from.
    enough = interleaving.Enough("a", precision=0.02)
    assert rounds_until_enough(enough, Machine(), a=1, b=2) == 6


@pytest.mark.parametrize("reference", ["a", None, "gone"])
def test_without_a_ratio_all_rounds_are_run(reference: str | None) -> None:
    enough = interleaving.Enough(reference, precision=0.02)
    assert rounds_until_enough(enough, Machine(), a=1) == 50


def test_ratios_that_stay_unknown_take_all_rounds() -> None:
    machine = Machine()
    noisy = machine.subject("noisy", cycle([1, 2]))
    steady = machine.subject("steady", repeat(1))
    samples = interleaving.interleaved(
        {"noisy": noisy, "steady": steady},
        rounds=20,
        warmup=0,
        enough=interleaving.Enough("steady", precision=0.02),
    )
    assert len(samples["noisy"]) == 20


@pytest.mark.parametrize(("until", "rounds"), [(10.0, 8), (0.0, 3)])
def test_it_stops_when_the_time_is_up(until: float, rounds: int) -> None:
    machine = Machine()
    # Two calls come before the rounds, of a second each.
    enough = interleaving.Enough(None, until=until, clock=machine.clock)
    assert rounds_until_enough(enough, machine, a=1) == rounds


def test_who_fails_is_out_and_the_others_go_on() -> None:
    machine = Machine()
    left = iter([Sample(1, 1)] * 3)

    def failing(calls: int) -> Sample:
        try:
            return next(left)
        except StopIteration:
            raise RuntimeError("no more") from None

    samplers = {"a": machine.subject("a", repeat(1)), "b": failing}
    dropped: dict[str, Exception] = {}
    samples = interleaving.interleaved(samplers, rounds=3, warmup=0, drop=dropped.__setitem__)
    assert samples == {"a": [Sample(1, 1)] * 3}
    assert [str(error) for error in dropped.values()] == ["no more"]
    with pytest.raises(RuntimeError, match="no more"):
        interleaving.interleaved(samplers, rounds=3, warmup=0)


def test_nobody_is_left() -> None:
    def failing(calls: int) -> Sample:
        raise RuntimeError

    dropped: dict[str, Exception] = {}
    assert (
        interleaving.interleaved({"a": failing}, rounds=3, warmup=2, drop=dropped.__setitem__) == {}
    )
    assert list(dropped) == ["a"]


def test_each_process_has_orders_of_its_own() -> None:
    def orders(seed: int) -> list[str]:
        machine = Machine()
        subjects = {name: machine.subject(name, repeat(1)) for name in "abc"}
        interleaving.interleaved(subjects, rounds=20, warmup=0, seed=seed)
        return machine.calls

    assert orders(0) != orders(1)
    assert orders(1) == orders(1)


def test_a_sample_tells_page_faults_and_switches_a_call() -> None:
    machine = Machine()
    counts = iter([(10, 5), (18, 6)])
    sample = timing.sampler(lambda: None, machine.clock, lambda: next(counts))(4)
    assert (sample.faults, sample.switches) == (2.0, 0.25)
    unknown = timing.sampler(lambda: None, machine.clock, lambda: None)(4)
    assert (unknown.faults, unknown.switches) == (None, None)


def test_before_a_sample_the_threads_of_others_come_to_rest() -> None:
    machine = Machine()
    sample = timing.sampler(
        lambda: machine.calls.append("call"),
        machine.clock,
        lambda: None,
        rest=lambda seconds: machine.calls.append(f"rest for {seconds} s"),
    )
    sample(2)
    assert machine.calls == ["rest for 0.01 s", "call", "call", "call"]
