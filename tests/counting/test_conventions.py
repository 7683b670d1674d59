"""One ledger, read as each tool would count: equal to what the tools themselves said."""

import json
from functools import cache
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from reportgen.counting import build_on_meta, count
from reportgen.counting.conventions import PARAMS, WORK, Convention, Modules, _table, params, work
from reportgen.errors import UsageError
from reportgen.ledger import Kind, Ledger, Module, Operation

PEERS = json.loads((Path(__file__).parent / "peers.json").read_text())["figures"]

# Where a tool says something else than its own convention, and by how much.
EXCEPTIONS = {
    # Of each einsum of three letters or more it prints the FLOPs with four digits, and halves that.
    ("maxvit_t", "fvcore"): 1072,
    ("maxvit_t", "fvcore-train"): 1072,
    # Multi-head attention by a formula of its own: 12 layers of 50 tokens and 768 features.
    # It counts each layer's projections, 4 * 50 * 768 * 768 + 4 * 50 * 768 = 118,118,400 with
    # biases, its attention, 2 * 50 * 50 * 768 = 3,840,000, softmax, 12 * 50 * 50 = 30,000, and
    # the scaling of the queries, 50 * 768 = 38,400; and nothing of these is a module's.
    ("vit_b_32", "ptflops-pytorch"): 12 * (118_118_400 + 3_840_000 + 30_000 + 38_400),
}


@cache
def ledger(name):
    arguments = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    model = build_on_meta(lambda: torchvision.models.get_model(name, **arguments))
    return count(model, [torch.empty(1, 3, 224, 224, device="meta")]).ledger


@pytest.mark.parametrize(
    ("name", "convention", "figure"),
    [
        pytest.param(name, convention, figure, id=f"{name}-{convention}")
        for name, figures in PEERS.items()
        for convention, figure in figures.items()
    ],
)
def test_the_tools_say_the_same(name, convention, figure):
    exception = EXCEPTIONS.get((name, convention), 0)
    assert WORK[convention].total(ledger(name)) == figure - exception


@pytest.mark.parametrize(
    ("convention", "figure"),
    [
        ("macs", 4_089_184_256),
        ("torch", 2 * 4_089_184_256),
        # 2 M, 2 for each of 11,113,984 norm elements, 9,608,704 ReLUs, and the elements that the
        # max-pool (802,816) and the average pool (100,352) read
        ("flops", 8_178_368_512 + 22_227_968 + 9_608_704 + 802_816 + 100_352),
        ("fvcore", 4_089_184_256 + 22_227_968 + 100_352),
        ("thop", 4_089_184_256 + 2 * 22_227_968 + 100_352 + 2048),
        ("ptflops", 4_089_184_256 + 1000),
        # 53,120 parameters of norms and the biases of the last layer
        ("torchinfo", 4_089_184_256 + 53_120 + 1000),
    ],
)
def test_resnet50_under_every_convention(convention, figure):
    assert work(convention).total(ledger("resnet50")) == figure


def test_thop_on_a_batch_of_four():
    model = build_on_meta(torchvision.models.resnet50)
    counted = count(model, [torch.empty(4, 3, 224, 224, device="meta")])
    assert work("thop").total(counted.ledger) == 16_534_970_368


def test_resnet18_in_training_mode():
    assert work("fvcore").total(ledger("resnet18")) == 1_819_065_856
    assert work("fvcore-train").total(ledger("resnet18")) == 1_826_516_992


def test_keras_leaves_depthwise_convolutions_out():
    class Separable(nn.Sequential):
        def __init__(self):
            super().__init__(
                nn.Conv2d(8, 8, 3, groups=8, padding=1), nn.Conv2d(8, 16, 1), nn.BatchNorm2d(16)
            )

    model = build_on_meta(Separable)
    model[0].requires_grad_(False)
    result = count(model, [torch.empty(1, 8, 10, 10, device="meta")]).ledger
    assert work("keras").total(result) == 16 * 10 * 10 * 8
    assert work("macs").total(result) == 16 * 10 * 10 * 8 + 8 * 10 * 10 * 9
    # 80 frozen, 144 and 32 trained, and 32 running means and variances
    assert {name: params(name).total(result) for name in PARAMS} == {
        "all": 256,
        "trainable": 176,
        "keras": 288,
        "keras-non-trainable": 112,
    }


def test_a_convention_adds_up_over_the_modules():
    resnet = ledger("resnet50")
    for convention in (*WORK.values(), *PARAMS.values()):
        own = convention.by_module(resnet)
        assert resnet.subtree_sums(own)[0] == convention.total(resnet), convention.name


def test_a_small_ledger_by_hand():
    small = Ledger(
        (Module("", "Net"), Module("norm", "LayerNorm", params=8, calls=2, output_shape=(3, 4))),
        (
            Operation(1, Kind.LAYER_NORM, "layer_norm", 2, 0, 120, 24, 24),
            Operation(0, Kind.LINEAR, "linear", 1, 48, 96, 12, 12, 12),
        ),
    )
    assert work("thop").by_module(small) == [0, 2 * 120 - 6 * 24]  # linear is no module of its own
    assert work("torchinfo").by_module(small) == [0, 2 * 3 * 8]
    assert work("ptflops").by_module(small) == [60, 0]


@pytest.mark.parametrize(
    ("find", "name", "message"),
    [
        (
            work,
            "torchinf",
            "there is no convention 'torchinf'. Did you mean 'torchinfo'? Known: flops, fvcore, "
            "fvcore-train, keras, macs, ptflops, ptflops-pytorch, thop, torch, torchinfo.",
        ),
        (
            params,
            "xyz",
            "there is no convention 'xyz'. Known: all, keras, keras-non-trainable, trainable.",
        ),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(find, name, message):
    with pytest.raises(UsageError) as error:
        find(name)
    assert str(error.value) == message


def test_a_name_is_registered_once():
    twice = Convention("mine", "nothing", (Modules({"params": 0}),))
    with pytest.raises(ValueError, match=r"^convention 'mine' is registered twice$"):
        _table(twice, twice)
