"""Shares of the CPU time by module: exact under a clock of our own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from reportgen.measures.module_times import time_shares, whole_units


class Clock:
    """Goes on when a module works, and a little with every look at it, as a real one does."""

    def __init__(self, look: float = 0.0) -> None:
        self.now = 0.0
        self.look = look
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        self.now += self.look
        return self.now


class Work(nn.Module):
    """Takes so long: a number, or one after the other."""

    def __init__(self, clock: Clock, *seconds: float) -> None:
        super().__init__()
        self.clock, self.seconds, self.calls = clock, seconds, 0

    def forward(self, x: Any) -> Any:
        self.clock.now += self.seconds[self.calls % len(self.seconds)]
        self.calls += 1
        return x


class Block(nn.Module):
    """Works a second by itself, between its modules."""

    def __init__(self, clock: Clock, *parts: nn.Module) -> None:
        super().__init__()
        self.clock = clock
        for number, part in enumerate(parts):
            self.add_module(f"part{number}", part)

    def forward(self, x: Any) -> Any:
        self.clock.now += 1
        for part in self.children():
            x = part(x)
        return x


def shares(module: nn.Module, clock: Clock, **options: Any) -> dict[str, float]:
    return time_shares(module, (0,), {}, clock=clock, **options)


def test_a_module_has_what_its_children_leave() -> None:
    clock = Clock()
    model = Block(clock, Work(clock, 2), Block(clock, Work(clock, 3), Work(clock, 3)))
    # 1 + 2 + (1 + 3 + 3) = 10
    assert shares(model, clock) == pytest.approx(
        {"": 0.1, "part0": 0.2, "part1": 0.1, "part1.part0": 0.3, "part1.part1": 0.3}
    )


def test_a_module_called_twice_has_both_and_a_shared_one_its_first_path() -> None:
    clock = Clock()
    work = Work(clock, 2)

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = work
            self.second = work

        def forward(self, x: Any) -> Any:
            clock.now += 1
            return self.second(self.first(x))

    assert shares(Twice(), clock) == pytest.approx({"": 0.2, "first": 0.8})


def test_one_that_calls_itself() -> None:
    clock = Clock()

    class Again(nn.Module):
        def forward(self, depth: int) -> int:
            clock.now += 1
            return self(depth - 1) if depth else 0

    model = nn.Sequential(Again(), Work(clock, 3))
    assert time_shares(model, (2,), {}, clock=clock) == pytest.approx({"": 0, "0": 0.5, "1": 0.5})


def test_a_module_that_is_not_called_has_none() -> None:
    clock = Clock()
    model = Block(clock, Work(clock, 1))
    model.part0.unused = nn.Identity()  # type: ignore[union-attr]
    assert shares(model, clock) == pytest.approx({"": 0.5, "part0": 0.5, "part0.unused": 0})


def test_most_of_what_hooks_cost_is_nobodys_time() -> None:
    # A call is four looks: in, start, stop, out. A look is over when it is read, so the one in is
    # still the caller's and the one that stops is still the module's; the other two are nobody's.
    clock = Clock(look=0.5)
    model = Block(clock, Work(clock, 1.5), Work(clock, 0.5))
    # The model 1, and two looks in and its own stop; the parts 1.5 and 0.5, and a stop each.
    assert shares(model, clock) == pytest.approx(
        {"": 2.5 / 5.5, "part0": 2 / 5.5, "part1": 1 / 5.5}
    )


def test_a_share_is_the_median_of_the_runs_kept() -> None:
    clock = Clock()
    # The first pass is warm-up; of those kept one is an outlier, which a mean would follow.
    model = Block(clock, Work(clock, 99, 1, 1, 1, 97))
    assert shares(model, clock, runs=4, warmup=1) == pytest.approx({"": 0.5, "part0": 0.5})
    assert model.part0.calls == 5  # type: ignore[union-attr]


def test_medians_are_made_to_add_up() -> None:
    clock = Clock()
    # Shares of 1 + a + b: 1/8 5/8 2/8, 1/5 1/5 3/5, 1/5 3/5 1/5. Medians 1/5, 3/5, 1/4: 1.05.
    model = Block(clock, Work(clock, 5, 1, 3), Work(clock, 2, 3, 1))
    found = shares(model, clock, runs=3, warmup=0)
    assert found == pytest.approx({"": 0.2 / 1.05, "part0": 0.6 / 1.05, "part1": 0.25 / 1.05})


def test_a_clock_that_stands_still() -> None:
    assert shares(nn.Sequential(nn.Identity()), Clock()) == {"": 1.0, "0": 0.0}


def hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


def test_no_hook_stays() -> None:
    clock = Clock()
    model = Block(clock, Work(clock, 1))
    shares(model, clock)
    assert hooks(model) == 0


class Raises(nn.Module):
    def forward(self, x: Any) -> Any:
        raise ValueError("no")


def test_no_hook_stays_where_the_model_raises() -> None:
    clock = Clock()
    model = Block(clock, Work(clock, 1), Raises())
    with pytest.raises(ValueError, match="no"):
        shares(model, clock)
    assert hooks(model) == 0


def test_a_model_may_go_on_where_a_part_of_it_raised() -> None:
    clock = Clock()

    class Tries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.deep = nn.Sequential(Work(clock, 2), Raises())
            self.instead = Work(clock, 5)

        def forward(self, x: Any) -> Any:
            clock.now += 1
            try:
                return self.deep(x)
            except ValueError:
                return self.instead(x)

    assert shares(Tries(), clock) == pytest.approx(
        {"": 1 / 8, "deep": 0, "deep.0": 2 / 8, "deep.1": 0, "instead": 5 / 8}
    )


def test_a_hook_of_the_model_that_raises_before_ours() -> None:
    clock = Clock()
    model = Block(clock, Work(clock, 1))

    def refuse(module: nn.Module, args: Any) -> None:
        raise ValueError("not today")

    model.part0.register_forward_pre_hook(refuse)
    with pytest.raises(ValueError, match="not today"):
        shares(model, clock)
    assert hooks(model) == 1


def test_work_in_a_hook_of_the_model_is_of_the_module_that_it_calls() -> None:
    clock = Clock()
    model = nn.Sequential(Work(clock, 1))
    head = Work(clock, 3)
    model[0].register_forward_hook(lambda module, args, output: head(output))
    model.add_module("head", nn.Identity())
    model.head.inner = head  # type: ignore[union-attr]
    assert shares(model, clock) == pytest.approx({"": 0, "0": 0.25, "head": 0, "head.inner": 0.75})


def test_a_real_network_under_a_real_clock() -> None:
    model = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 900, 10))
    with torch.inference_mode():
        found = time_shares(model.eval(), (torch.randn(2, 3, 32, 32),), {})
    assert list(found) == ["", "0", "1", "2", "3"]
    assert sum(found.values()) == pytest.approx(1)
    assert min(found.values()) > 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200).filter(lambda parts: sum(parts) > 0))
def test_units_add_up_and_neighbours_are_less_than_one_off(parts: list[float]) -> None:
    whole = 100
    given = {str(number): part / sum(parts) for number, part in enumerate(parts)}
    cut = whole_units(given, whole)
    assert sum(cut.values()) == whole
    assert all(cut.values())
    paths = list(given)
    for first in range(0, len(paths), 7):
        for last in range(first + 1, len(paths) + 1, 5):
            inside = paths[first:last]
            units = sum(cut.get(path, 0) for path in inside)
            assert abs(units - whole * sum(given[path] for path in inside)) < 1 + 1e-9


def test_many_small_shares_are_not_lost() -> None:
    # Ten thousand modules in two halves: each is half a unit, each half a half of all units.
    given = {f"{half}.{number}": 1 / 10_000 for half in "ab" for number in range(5_000)}
    cut = whole_units(given, 5_000)
    for half in "ab":
        assert sum(units for path, units in cut.items() if path.startswith(half)) == 2_500
