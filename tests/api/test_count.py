"""`reportgen.count`: the figures of a model by module, by operation and by convention."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn

import reportgen
from reportgen import Count


class Net(nn.Module):
    """A convolution, a stage of two layers, and a product of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.head = nn.Sequential(nn.Linear(8, 5), nn.ReLU())

    def forward(self, images: Tensor, scale: Tensor | None = None) -> Tensor:
        logits: Tensor = self.head(self.conv(images).mean((2, 3)))
        return logits if scale is None else logits @ scale


# One image of 6×6. Convolution: 6·6 positions × 8 channels × (3·3·3) = 7,776 products and
# 6·6·8 = 288 biases. Linear layer: 8·5 = 40 products, no FLOPs of biases.
CONV, LINEAR = 6 * 6 * 8 * 27, 8 * 5
CONV_PARAMS, LINEAR_PARAMS = 3 * 8 * 9 + 8, 8 * 5 + 5


@pytest.fixture(scope="module")
def counted() -> Count:
    return reportgen.count(Net(), torch.zeros(1, 3, 6, 6))


def test_the_totals_are_those_of_the_layers(counted: Count) -> None:
    assert counted.macs == CONV + LINEAR == 7_816
    # Two for each product, the biases of the convolution, and the five outputs of the ReLU.
    assert counted.flops == 2 * 7_816 + 6 * 6 * 8 + 5 == 15_925
    assert counted.params == counted.trainable_params == CONV_PARAMS + LINEAR_PARAMS == 269
    assert counted.activations == 6 * 6 * 8 + 5 == 293
    assert counted.verified
    assert counted.doubts == ()


def test_by_module_includes_what_is_inside_and_adds_up(counted: Count) -> None:
    modules = counted.by_module()
    assert list(modules) == ["", "conv", "head", "head.0", "head.1"]
    assert modules[""] == (counted.macs, counted.flops, counted.params, counted.activations)
    assert modules["conv"].macs == CONV
    assert modules["head"] == (LINEAR, 2 * LINEAR + 5, LINEAR_PARAMS, 5)
    assert modules["head.1"].flops == 5


def test_own_figures_of_modules_add_up_to_the_totals(counted: Count) -> None:
    own = counted.by_module(own=True)
    assert own["head"] == (0, 0, 0, 0)
    sums = tuple(map(sum, zip(*own.values(), strict=True)))
    assert sums == (counted.macs, counted.flops, counted.params, counted.activations)


def test_by_operation_adds_up(counted: Count) -> None:
    operations = counted.by_operation()
    assert operations["convolution"] == (1, CONV, 2 * CONV + 6 * 6 * 8, 6 * 6 * 8)
    assert operations["linear"] == (1, LINEAR, 2 * LINEAR, 5)
    assert operations["activation"] == (1, 0, 5, 0)
    assert sum(each.macs for each in operations.values()) == counted.macs
    assert sum(each.flops for each in operations.values()) == counted.flops


def test_other_tools_count_otherwise(counted: Count) -> None:
    assert counted.as_counted_by("torch") == 2 * counted.macs
    assert counted.as_counted_by("thop") == counted.macs
    assert counted.as_counted_by("ptflops") == counted.macs + 6 * 6 * 8 + 5  # and the biases
    assert counted.as_counted_by("keras", "params") == counted.params


@pytest.mark.parametrize(
    ("convention", "metric", "message"),
    [
        (
            "thopp",
            "flops",
            "there is no convention 'thopp'. Did you mean 'thop'? Known: flops, fvcore, "
            "fvcore-train, keras, macs, mmengine, mmengine-train, ptflops, ptflops-pytorch, thop, "
            "torch, torchinfo.",
        ),
        (
            "kera",
            "params",
            "there is no convention 'kera'. Did you mean 'keras'? Known: all, keras, "
            "keras-non-trainable, trainable.",
        ),
        ("thop", "macs", "conventions are of 'flops' or 'params', not of 'macs'."),
    ],
)
def test_a_convention_that_is_unknown(
    counted: Count, convention: str, metric: str, message: str
) -> None:
    with pytest.raises(reportgen.UsageError) as caught:
        counted.as_counted_by(convention, metric)
    assert str(caught.value) == message


def test_inputs_by_name() -> None:
    result = reportgen.count(Net(), torch.zeros(2, 3, 6, 6), scale=torch.zeros(5, 7))
    assert result.macs == 2 * (CONV + LINEAR + 5 * 7)
    assert result.by_operation()["matmul"].macs == 2 * 5 * 7
    assert result.by_module(own=True)[""].macs == 2 * 5 * 7


def test_the_model_stays_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    model[0].weight.requires_grad_(False)
    model[1].eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    result = reportgen.count(model, torch.ones(3, 4))
    assert (result.params, result.trainable_params) == (20 + 8, 4 + 8)
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert [p.requires_grad for p in model.parameters()] == [False, True, True, True]
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_count_cannot_be_changed(counted: Count) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        counted.device = "cuda"  # type: ignore[misc]


def test_a_count_is_a_table(counted: Count) -> None:
    assert str(counted).splitlines() == [
        "operation      calls    MACs    FLOPs    activations",
        "convolution        1   7,776   15,840            288",
        "linear             1      40       80              5",
        "activation         1       0        5              0",
        "uncounted          1       0        0              0",
        "all                4   7,816   15,925            293",
        "",
        "Parameters: 269, 269 of them trainable.",
        f"Counted by {counted.counter}. Verified.",
    ]
    assert repr(counted) == str(counted)


def test_a_count_that_is_not_verified_says_why() -> None:
    library = torch.library.Library("reportgen_api", "DEF")
    library.define("hidden(Tensor a, Tensor b) -> Tensor")
    library.impl("hidden", torch.mm, "CompositeExplicitAutograd")

    class Hiding(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = torch.ops.reportgen_api.hidden(x, x)
            return y

    result = reportgen.count(Hiding(), torch.zeros(2, 2))
    assert not result.verified
    assert result.doubts == ("reportgen_api.hidden in the model itself",)
    assert str(result).splitlines()[-1] == (
        f"Counted by {result.counter}. Not verified: reportgen_api.hidden in the model itself."
    )


def test_only_modules_are_counted() -> None:
    with pytest.raises(reportgen.UsageError) as caught:
        reportgen.count(torch.relu, torch.zeros(1))  # type: ignore[arg-type]
    assert str(caught.value) == (
        "reportgen.count takes a torch.nn.Module and its inputs, and not a "
        "builtin_function_or_method."
    )
