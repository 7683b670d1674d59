"""Which way an evaluation takes, with times that a test makes up."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from reportgen.measures.batch_layout import DEFAULT_BATCH, FEWEST_IMAGES, Pace, Way


def run(pace: Pace, seconds: dict[Way, float], batches: int = 12) -> list[Way]:
    """Run batches that take so many seconds for an image; return how each was run."""
    taken = []
    for _ in range(batches):
        taken.append(pace.way)
        pace.note(pace.way.batch_size, pace.way.batch_size * seconds[pace.way])
    return taken


def module() -> nn.Module:
    return nn.Conv2d(3, 4, 3)


SMALL, SMALL_PIXELS = Way(64), Way(64, channels_last=True)
LARGE, LARGE_PIXELS = Way(256), Way(256, channels_last=True)


@pytest.mark.parametrize(
    ("seconds", "trials", "best"),
    [
        (
            {SMALL: 2, SMALL_PIXELS: 1, LARGE_PIXELS: 3},
            [SMALL, SMALL_PIXELS, LARGE_PIXELS],
            SMALL_PIXELS,
        ),
        ({SMALL: 2, SMALL_PIXELS: 3, LARGE: 1}, [SMALL, SMALL_PIXELS, LARGE], LARGE),
        # One percent is noise: the usual way stays.
        ({SMALL: 2, SMALL_PIXELS: 1.98, LARGE: 1.98}, [SMALL, SMALL_PIXELS, LARGE], SMALL),
    ],
)
def test_the_fastest_way_is_kept(seconds: dict[Way, float], trials: list[Way], best: Way) -> None:
    pace = Pace(module(), 10_000, batch_size=None, channels_last=None)
    assert pace.chosen
    tried = [way for way in trials for _ in range(2)]
    assert run(pace, seconds) == [*tried, *[best] * 6]


def test_only_the_last_batch_of_a_trial_counts() -> None:
    pace = Pace(module(), 10_000, batch_size=64, channels_last=None)
    for seconds in (1.0, 1.0, 100.0, 0.5):  # the first after a change packs weights anew
        pace.note(64, seconds)
    assert pace.way == SMALL_PIXELS


def test_what_the_spec_says_is_not_tried() -> None:
    pace = Pace(module(), 10_000, batch_size=32, channels_last=True)
    assert not pace.chosen
    assert set(run(pace, {Way(32, channels_last=True): 1})) == {Way(32, channels_last=True)}


def test_a_small_data_set_is_done_before_a_choice_would_pay() -> None:
    pace = Pace(module(), FEWEST_IMAGES - 1, batch_size=None, channels_last=None)
    assert not pace.chosen
    assert pace.way == Way(DEFAULT_BATCH)


def test_what_cannot_be_laid_out_otherwise_is_not() -> None:
    pace = Pace(module(), 10_000, batch_size=16, channels_last=None, movable=False)
    assert not pace.chosen
    assert pace.way == Way(16)


def test_the_module_lies_as_the_way_says() -> None:
    network = module()
    pace = Pace(network, 10_000, batch_size=64, channels_last=None)
    seen = []
    for _ in range(5):
        pixelwise = network.weight.is_contiguous(memory_format=torch.channels_last)
        seen.append((pace.way.channels_last, pixelwise))
        pace.note(64, 2.0 if pace.way.channels_last else 1.0)
    assert seen == [(False, False)] * 2 + [(True, True)] * 2 + [(False, False)]
    assert str(LARGE_PIXELS) == "batches of 256, channels last"
