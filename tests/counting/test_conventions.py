"""One ledger, read as each tool would count: equal to what the tools themselves said."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from reportgen.common.errors import UsageError
from reportgen.counting import build_on_meta, count
from reportgen.counting.conventions import (
    ACTIVATIONS,
    PARAMS,
    WORK,
    Convention,
    Modules,
    _table,
    params,
    work,
)
from reportgen.record.ledger import Kind, Ledger, Module, Operation
from tests.counting.peers import TOOLS
from tests.counting.torchvision_models import NAMES, counted

PEERS = json.loads((Path(__file__).parent / "peers.json").read_text("utf-8"))["figures"]

CONVENTIONS = {
    "torch": work("torch"),
    "fvcore": work("fvcore"),
    "fvcore-train": work("fvcore-train"),
    "mmengine": work("mmengine"),
    "mmengine-train": work("mmengine-train"),
    "mmengine-activations": ACTIVATIONS,
    "thop": work("thop"),
    "torchinfo": work("torchinfo"),
    "ptflops": work("ptflops"),
    "ptflops-pytorch": work("ptflops-pytorch"),
    "deepspeed-macs": work("macs"),
    "deepspeed-flops": work("flops"),
    "deepspeed-params": params("all"),
    "calflops-macs": work("macs"),
    "calflops-flops": work("flops"),
    "calflops-params": params("trainable"),
}
"""What peers.json calls a figure → the convention that must say the same."""


@dataclass(frozen=True)
class Reason:
    """Why a tool says something else than its convention, as its source has it."""

    text: str
    difference: Callable[[str, str, Ledger], int] | None
    """What a figure says more of a model, to the last digit; None where there is no figure."""


def _left_out(function: str) -> Callable[[str, str, Ledger], int]:
    def difference(figure: str, name: str, ledger: Ledger) -> int:
        products = sum(row.macs for row in ledger.operations if row.function == function)
        return -2 * products if figure.endswith("flops") else -products

    return difference


def _rounded_einsums(figure: str, name: str, ledger: Ledger) -> int:
    times = 2 if figure.endswith("flops") else 1
    difference = 0
    for row in ledger.operations:
        if row.kind is Kind.EINSUM:
            macs = row.macs // row.calls  # those of one module are alike
            printed = float(f"{2 * macs:.3e}")
            difference += row.calls * (int(printed * times / 2) - times * macs)
    return difference


def _attention_modules(figure: str, name: str, ledger: Ledger) -> int:
    """Add up what ptflops counts of nn.MultiheadAttention, of which our convention counts nothing.

    Four projections with biases, both products, each element of the queries for their scaling,
    and each element of every head's softmax: as many as products, divided by twice the features.
    """
    heads = 12 if name.startswith("vit_b") else 16
    total = 0
    for row in ledger.operations:
        module = ledger.modules[row.module]
        if module.type == "MultiheadAttention":
            total += row.macs + row.bias_elements
            if row.kind is Kind.ATTENTION:
                assert module.output_shape is not None
                total += row.in_elements + heads * row.macs // (2 * module.output_shape[-1])
    return total


REASONS = {
    "einsum is rounded": Reason(
        "einsum: what numpy.einsum_path prints is read, which has four digits", _rounded_einsums
    ),
    "einsum has no MACs": Reason("einsum: its formula returns FLOPs and 0", _left_out("einsum")),
    "@ is not patched": Reason(
        "torch.matmul and Tensor.matmul are patched, Tensor.__matmul__ is not",
        _left_out("__matmul__"),
    ),
    "no fused attention": Reason(
        "there is no formula for scaled_dot_product_attention",
        _left_out("scaled_dot_product_attention"),
    ),
    "attention modules": Reason(
        "nn.MultiheadAttention has a formula of its own, with a softmax for each head; a ledger "
        "knows of no heads where attention is fused",
        _attention_modules,
    ),
    "one image is no batch": Reason(
        "in training mode the auxiliary head runs, whose batch norm refuses one value per channel",
        None,
    ),
}

ONE_VALUE = (
    "ValueError: Expected more than 1 value per channel when training, "
    "got input size torch.Size([1, 768, 1, 1])"
)

# Model, figure, ours, theirs, reason: where a tool says something else than its own convention.
EXCEPTIONS = {
    ("maxvit_t", "fvcore"): (5_608_200_192, 5_608_201_264, "einsum is rounded"),
    ("maxvit_t", "fvcore-train"): (5_650_874_880, 5_650_875_952, "einsum is rounded"),
    ("maxvit_t", "mmengine"): (5_608_200_192, 5_608_201_264, "einsum is rounded"),
    ("maxvit_t", "mmengine-train"): (5_650_874_880, 5_650_875_952, "einsum is rounded"),
    ("maxvit_t", "deepspeed-flops"): (11_192_030_656, 11_192_032_800, "einsum is rounded"),
    ("maxvit_t", "calflops-flops"): (11_192_030_656, 11_192_032_800, "einsum is rounded"),
    ("maxvit_t", "deepspeed-macs"): (5_558_046_720, 5_381_025_792, "einsum has no MACs"),
    ("maxvit_t", "calflops-macs"): (5_558_046_720, 5_381_025_792, "einsum has no MACs"),
    ("swin_v2_b", "calflops-macs"): (17_047_678_976, 16_803_360_768, "@ is not patched"),
    ("swin_v2_b", "calflops-flops"): (34_153_776_128, 33_665_139_712, "@ is not patched"),
    ("swin_v2_s", "calflops-macs"): (9_695_284_224, 9_512_045_568, "@ is not patched"),
    ("swin_v2_s", "calflops-flops"): (19_435_073_280, 19_068_595_968, "@ is not patched"),
    ("swin_v2_t", "calflops-macs"): (4_938_464_256, 4_830_723_072, "@ is not patched"),
    ("swin_v2_t", "calflops-flops"): (9_905_047_296, 9_689_564_928, "@ is not patched"),
    ("vit_b_16", "calflops-macs"): (17_563_828_224, 16_848_500_736, "no fused attention"),
    ("vit_b_16", "calflops-flops"): (35_153_981_184, 33_723_326_208, "no fused attention"),
    ("vit_b_32", "calflops-macs"): (4_409_186_304, 4_363_106_304, "no fused attention"),
    ("vit_b_32", "calflops-flops"): (8_825_053_440, 8_732_893_440, "no fused attention"),
    ("vit_h_14", "calflops-macs"): (167_295_109_120, 161_884_375_040, "no fused attention"),
    ("vit_h_14", "calflops-flops"): (334_739_564_800, 323_918_096_640, "no fused attention"),
    ("vit_l_16", "calflops-macs"): (61_554_712_576, 59_647_172_608, "no fused attention"),
    ("vit_l_16", "calflops-flops"): (123_178_415_104, 119_363_335_168, "no fused attention"),
    ("vit_l_32", "calflops-macs"): (15_377_539_072, 15_254_659_072, "no fused attention"),
    ("vit_l_32", "calflops-flops"): (30_772_587_520, 30_526_827_520, "no fused attention"),
    ("vit_b_16", "ptflops-pytorch"): (11_298_661_096, 17_606_030_584, "attention modules"),
    ("vit_b_32", "ptflops-pytorch"): (2_954_517_736, 4_418_839_336, "attention modules"),
    ("vit_h_14", "ptflops-pytorch"): (108_146_127_080, 167_540_118_248, "attention modules"),
    ("vit_l_16", "ptflops-pytorch"): (39_889_528_808, 61_666_848_104, "attention modules"),
    ("vit_l_32", "ptflops-pytorch"): (10_240_028_648, 15_403_177_448, "attention modules"),
    ("inception_v3", "fvcore-train"): (5_758_184_608, ONE_VALUE, "one image is no batch"),
    ("inception_v3", "mmengine-train"): (5_758_184_608, ONE_VALUE, "one image is no batch"),
}

# Those that are counted in every run of the tests: one or two of each family.
QUICK = """
    alexnet convnext_tiny densenet121 efficientnet_b0 googlenet maxvit_t mnasnet1_0
    mobilenet_v3_small regnet_y_400mf resnet50 shufflenet_v2_x1_0 squeezenet1_1 swin_t swin_v2_t
    vgg11_bn vit_b_32
""".split()  # noqa: SIM905


def ledger(name):
    return counted(name).ledger


def test_every_tool_was_shown_every_model():
    assert {name: sorted(row) for name, row in PEERS.items()} == dict.fromkeys(NAMES, sorted(TOOLS))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NAMES]
)
def test_the_tools_say_the_same(name):
    answers = {
        figure: theirs for answer in PEERS[name].values() for figure, theirs in answer.items()
    }
    ours = {figure: CONVENTIONS[figure].total(ledger(name)) for figure in answers}
    assert {
        (name, figure): (ours[figure], theirs)
        for figure, theirs in answers.items()
        if theirs != ours[figure]
    } == {key: row[:2] for key, row in EXCEPTIONS.items() if key[0] == name}


@pytest.mark.parametrize(
    ("name", "figure"),
    [pytest.param(*key, marks=() if key[0] in QUICK else pytest.mark.slow) for key in EXCEPTIONS],
)
def test_exceptions_are_explained_to_the_last_digit(name, figure):
    ours, theirs, reason = EXCEPTIONS[name, figure]
    difference = REASONS[reason].difference
    if difference is None:
        assert isinstance(theirs, str)
    else:
        assert theirs - ours == difference(figure, name, ledger(name)), REASONS[reason].text


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
            "fvcore-train, keras, macs, mmengine, mmengine-train, ptflops, ptflops-pytorch, thop, "
            "torch, torchinfo.",
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
    alias = Convention("ours", "nothing", (Modules({"params": 0}),), aliases=("mine",))
    with pytest.raises(ValueError, match=r"^convention 'mine' is registered twice$"):
        _table(alias, twice)
    with pytest.raises(ValueError, match=r"^convention 'mine' is registered twice$"):
        _table(twice, alias)


def test_an_alias_is_found_by_its_name():
    assert work("mmengine") is work("fvcore")
    assert work("mmengine-train") is work("fvcore-train")


def test_a_batch_norm_without_running_statistics_computes_them():
    """4 · 6 · 6 elements of one image: the tools look at the module, and not at how it runs."""
    ours = {}
    for kept in (True, False):
        model = nn.Sequential(nn.BatchNorm2d(4, track_running_stats=kept))
        ledger = count(model, [torch.zeros(1, 4, 6, 6)]).ledger
        names = ("flops", "fvcore", "fvcore-train", "thop", "ptflops-pytorch")
        ours[kept] = [work(name).total(ledger) / 144 for name in names]
    assert ours == {True: [2, 2, 5, 4, 2], False: [5, 5, 5, 4, 2]}
