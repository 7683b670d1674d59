"""Integers keep their values on meta, and floating-point numbers have none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from reportgen.counting import CountingError, count, count_anywhere

TOKENS = torch.tensor([[1, 2, 0], [3, 0, 0]])


class Reads(nn.Module):
    """Embeds tokens, and multiplies as many rows as some value says."""

    def __init__(self, how_many: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(4, 8)
        self.fc = nn.Linear(8, 5)
        self.how_many = how_many

    def forward(self, tokens: Tensor) -> Tensor:
        rows = self.embedding(tokens)
        return self.fc(rows.flatten(0, 1)[: int(self.how_many(tokens, rows))])  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("how_many", "rows"),
    [
        (lambda tokens, rows: (tokens != 0).sum(), 3),
        (lambda tokens, rows: torch.arange(3, device=rows.device).sum(), 3),
        (lambda tokens, rows: tokens.to(rows.device).max(), 3),
        (lambda tokens, rows: len(rows[tokens != 0]), 3),
        (lambda tokens, rows: len(rows[tokens.argmax(1) == 1]), 1),
        (lambda tokens, rows: rows.new_ones(4, dtype=torch.bool).sum(), 4),
        (lambda tokens, rows: torch.ones(4, device=rows.device).bool().sum(), 4),
        (lambda tokens, rows: torch.zeros_like(rows[0, 0]).long().sum() + 2, 2),
        (lambda tokens, rows: torch.linspace(0, 2, 3).sum(), 3),
        (lambda tokens, rows: rows.to(tokens.device).shape[1], 3),
    ],
)
def test_what_depends_on_integers_is_counted_on_meta(
    how_many: Callable[[Tensor, Tensor], object], rows: int
) -> None:
    result = count_anywhere(lambda: Reads(how_many), [TOKENS])
    assert (result.device, result.macs, result.notes) == ("meta", rows * 8 * 5, ())


def _changed(tokens: Tensor, rows: Tensor) -> Tensor:
    mask = torch.ones(4, device=rows.device)
    mask[:2] = 0
    return mask.long().sum()


def _written(tokens: Tensor, rows: Tensor) -> Tensor:
    here = torch.zeros(3)
    here[0] = rows.sum()
    return here.isfinite().sum()


@pytest.mark.parametrize(
    ("how_many", "rows"),
    [
        (_changed, 2),
        (_written, 3),
        (lambda tokens, rows: rows.isfinite().all() * 2, 2),
    ],
)
def test_what_depends_on_other_numbers_is_counted_on_the_cpu(
    how_many: Callable[[Tensor, Tensor], object], rows: int
) -> None:
    result = count_anywhere(lambda: Reads(how_many), [TOKENS])
    assert (result.device, result.macs) == ("cpu", rows * 8 * 5)
    assert result.notes[0].startswith(
        "Counted in a real forward pass on the CPU, where the count depends on the input: on meta, "
    )


class Windows(nn.Module):
    """Has its sizes in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 5)
        self.register_buffer("sizes", torch.tensor([2, 3]))

    def forward(self, rows: Tensor) -> list[Tensor]:
        return [self.fc(part) for part in rows.split(self.sizes.tolist())]  # type: ignore[operator, union-attr]


def test_integers_of_the_model_keep_their_values() -> None:
    result = count_anywhere(Windows, [torch.zeros(5, 8)])
    assert (result.device, result.macs) == ("meta", 5 * 8 * 5)


def test_integers_on_meta_have_no_values() -> None:
    model = Reads(lambda tokens, rows: tokens.max()).to("meta")
    with pytest.raises(CountingError, match="it needs the values of tensors"):
        count(model, [TOKENS.to("meta")])
