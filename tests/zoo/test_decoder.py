"""The decoder: causal, its positions relative, its groups of queries what they stand for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from reportgen.zoo.decoder import Decoder, _turned, decoder


def small(**more: int | bool) -> Decoder:
    torch.manual_seed(0)
    sizes = {"vocabulary": 11, "layers": 2, "width": 16, "heads": 4, "hidden": 24}
    return decoder(**sizes | {"key_value_heads": 4} | more).eval()


def tokens(*rows: tuple[int, ...]) -> Tensor:
    return torch.tensor(rows)


@torch.no_grad()
def test_a_word_depends_on_those_before_it_and_on_no_later_one() -> None:
    model = small()
    first, second, third = model(tokens((1, 2, 3, 4), (1, 2, 9, 4), (5, 2, 3, 4)))
    assert torch.allclose(first[:2], second[:2])
    assert not torch.allclose(first[2:], second[2:])
    assert not torch.allclose(first[3], third[3])


def test_only_distances_between_positions_matter() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(8, dtype=torch.float64), torch.randn(8, dtype=torch.float64)
    cosine, sine = small()._turns(20, torch.empty(0, dtype=torch.float64))
    cosine, sine = (torch.cat((part, part), dim=1) for part in (cosine[:, :4], sine[:, :4]))

    def met(at: int, other: int) -> Tensor:
        turned = (_turned(x, (cosine[p], sine[p])) for x, p in ((query, at), (key, other)))
        return torch.dot(*turned)

    assert torch.isclose(met(9, 4), met(15, 10), atol=1e-5)
    assert not torch.isclose(met(9, 4), met(9, 5), atol=1e-3)


@torch.no_grad()
def test_a_group_of_queries_shares_its_keys_and_values() -> None:
    grouped, full = small(key_value_heads=2), small()
    state = grouped.state_dict()
    for name in list(state):
        if ".key." in name or ".value." in name:  # heads 0 and 1 share the first, 2 and 3 the other
            state[name] = state[name].unflatten(0, (2, 4)).repeat_interleave(2, dim=0).flatten(0, 1)
    full.load_state_dict(state)
    rows = tokens((1, 2, 3, 4, 5))
    assert torch.allclose(grouped(rows), full(rows), atol=1e-6)


def test_tied_weights_are_one_parameter() -> None:
    # Of a layer: 4 · 16 · 16 + 3 · 16 · 24 weights and two norms of 16; then a norm, and 11 words.
    layer = 4 * 16 * 16 + 3 * 16 * 24 + 2 * 16
    sizes = [sum(p.numel() for p in small(tied=tied).parameters()) for tied in (False, True)]
    assert sizes == [2 * layer + 16 + 2 * 11 * 16, 2 * layer + 16 + 11 * 16]


@pytest.mark.parametrize(
    "sizes", [{"width": 18}, {"width": 12}, {"key_value_heads": 3}], ids=["odd", "uneven", "groups"]
)
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="heads of an even width must share"):
        small(**sizes)
