"""Models without memory: shapes, ties and random constructors."""

import pytest
import torch
from torch import nn

from reportgen.counting import build_on_meta


class Tied(nn.Module):
    """One weight under two names, as in language models, both ways of writing it."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(100, 8)
        self.head = nn.Linear(8, 100, bias=False)
        self.head.weight = self.embedding.weight
        scale = nn.Parameter(torch.ones(8), requires_grad=False)
        self.before, self.after = scale, scale


def test_parameters_and_buffers_have_shapes_and_no_storage():
    model = build_on_meta(lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)))
    assert {name: (t.device.type, tuple(t.shape)) for name, t in model.state_dict().items()} == {
        "0.weight": ("meta", (3, 4)),
        "0.bias": ("meta", (3,)),
        "1.weight": ("meta", (3,)),
        "1.bias": ("meta", (3,)),
        "1.running_mean": ("meta", (3,)),
        "1.running_var": ("meta", (3,)),
        "1.num_batches_tracked": ("meta", ()),
    }


def test_tied_parameters_stay_tied_and_frozen_ones_frozen():
    model = build_on_meta(Tied)
    assert model.head.weight is model.embedding.weight
    assert model.before is model.after
    assert not model.before.requires_grad
    assert model.head.weight.requires_grad


def test_a_constructor_may_read_its_buffers():
    class Schedule(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("widths", torch.arange(1, 4) * 8)
            self.layers = nn.ModuleList(nn.Linear(w, w) for w in self.widths.tolist())

    assert [layer.in_features for layer in build_on_meta(Schedule).layers] == [8, 16, 24]


def test_seventy_billion_parameters_need_no_memory():
    width, hidden = 8192, 28672

    def decoder():
        return nn.ModuleList(
            nn.Linear(*sizes, bias=False)
            for _ in range(80)
            for sizes in [(width, hidden), (width, hidden), (hidden, width), (width, width)]
        )

    # 80 * (3 * 8192 * 28672 + 8192 * 8192) = 61,740,154,880 parameters, 247 GB as float32
    assert sum(p.numel() for p in build_on_meta(decoder).parameters()) == 61_740_154_880


def test_weights_are_not_drawn_and_everything_else_is():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)
            nn.init.trunc_normal_(self.layer.weight)
            self.register_buffer("noise", torch.empty(100).normal_().add_(5))
            self.mean = self.noise.mean().item()

    torch.manual_seed(0)
    mean = build_on_meta(Noisy).mean
    torch.manual_seed(0)
    assert mean == torch.empty(100).normal_().add_(5).mean().item()


def test_what_does_not_fit_is_still_an_error():
    def wrong():
        layer = nn.Linear(4, 3)
        with torch.no_grad():
            layer.weight.mul_(torch.ones(5, device="meta"))
        return layer

    with pytest.raises(RuntimeError, match="Attempting to broadcast"):
        build_on_meta(wrong)


def test_building_changes_nothing_for_models_built_afterwards():
    before = dict(vars(torch.Tensor))
    build_on_meta(lambda: nn.Linear(2, 2))
    assert nn.Linear(2, 2).weight.device.type == "cpu"
    assert dict(vars(torch.Tensor)) == before


def test_a_constructor_that_raises_is_passed_on_and_leaves_nothing():
    def broken():
        nn.Linear(2, 2)
        raise ValueError("no such width")

    before = dict(vars(torch.Tensor))
    with pytest.raises(ValueError, match=r"^no such width$"):
        build_on_meta(broken)
    assert dict(vars(torch.Tensor)) == before
    assert nn.Linear(2, 2).weight.device.type == "cpu"
