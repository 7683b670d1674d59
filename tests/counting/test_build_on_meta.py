"""Models without memory: shapes, ties and random constructors."""

import copy
import functools
import io
import threading
from typing import ClassVar

import pytest
import torch
from torch import nn

from reportgen.counting import CountingError, build_on_meta, count_anywhere


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
        "1.num_batches_tracked": ("cpu", ()),  # an integer keeps its value
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


TIED = 100 * 8 + 8
MADE = Tied()
GLOBAL = None
KEPT = {}


def into_a_global():
    global GLOBAL
    if GLOBAL is None:
        GLOBAL = Tied()
    return GLOBAL


def into_a_table():
    if "model" not in KEPT:
        KEPT["model"] = Tied()
    return KEPT["model"]


def onto_itself():
    if not hasattr(onto_itself, "model"):
        onto_itself.model = Tied()
    return onto_itself.model


class Keeper:
    model = None
    models: ClassVar = {}

    def __call__(self):
        if self.model is None:
            self.model = Tied()
        return self.model

    @classmethod
    def get(cls):
        if "tied" not in cls.models:
            cls.models["tied"] = Tied()
        return cls.models["tied"]


def in_a_closure():
    made = None

    def factory():
        nonlocal made
        if made is None:
            made = Tied()
        return made

    return factory


def in_a_default(kept=[]):  # noqa: B006 - as people do
    if not kept:
        kept.append(Tied())
    return kept[0]


def loaded():
    file = io.BytesIO()
    torch.save(MADE, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def with_a_new_head():
    head = nn.Linear(8, 100, bias=False)
    head.weight = MADE.embedding.weight
    return nn.ModuleList([MADE, head])


@pytest.mark.parametrize(
    "factory",
    [
        lambda: MADE,
        lambda: copy.deepcopy(MADE),
        functools.cache(Tied),
        functools.partial(functools.cache(Tied)),
        loaded,
        into_a_global,
        into_a_table,
        onto_itself,
        with_a_new_head,
        Keeper(),
        Keeper().__call__,
        Keeper.get,
        in_a_closure(),
        in_a_default,
    ],
)
def test_a_model_that_was_not_built_anew_keeps_its_ties_and_its_place(factory):
    for _ in range(2):
        model = build_on_meta(factory)
        assert sum(p.numel() for p in model.parameters()) == TIED
        assert {p.device.type for p in model.parameters()} == {"meta"}
        assert {p.device.type for p in factory().parameters()} == {"cpu"}
    assert not any("_on_meta" in vars(p) for p in MADE.parameters())


def test_buffers_of_a_model_that_was_not_built_anew_stay_where_they_are():
    norm = nn.BatchNorm1d(3, affine=False)
    assert build_on_meta(lambda: norm).running_mean.is_meta
    assert norm.running_mean.device.type == "cpu"


def test_shared_buffers_stay_shared():
    table = torch.zeros(4)
    made = nn.ModuleList([nn.Module(), nn.Module()])
    for module in made:
        module.register_buffer("table", table)
    first, second = build_on_meta(lambda: made)
    assert first.table is second.table


def test_what_cannot_be_copied_is_counted_on_the_cpu():
    made = nn.Linear(4, 2)
    made.lock = threading.Lock()
    with pytest.raises(CountingError) as error:
        build_on_meta(lambda: made)
    assert str(error.value) == (
        "Linear was not built anew, and cannot be copied to the meta device: cannot pickle "
        "'_thread.lock' object"
    )
    result = count_anywhere(lambda: made, [torch.zeros(3, 4)])
    assert (result.macs, result.device, made.weight.device.type) == (24, "cpu", "cpu")


def test_a_factory_that_keeps_its_model_where_nobody_sees_it_is_told_so():
    kept = []

    class Values(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x):
            return self.layer(x[x > 0].view(-1, 4))

    def factory():
        if not kept:
            kept.insert(0, Values())
        return kept[0]

    with pytest.raises(CountingError) as error:
        count_anywhere(factory, [torch.ones(3, 4)])
    assert str(error.value).endswith(
        "; and on the CPU its factory gives the model that it built on meta"
    )
    assert error.value.hint == "Let the factory build a new model on every call."
