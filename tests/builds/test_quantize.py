"""int8: real kernels, exact sizes, the accuracy of the float model, and errors in plain words."""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from reportgen.builds import quantize as subject
from reportgen.builds.quantize import (
    Quantized,
    QuantizeError,
    choose_engine,
    describe,
    packed_parameters,
    quantize,
)
from reportgen.zoo.cifar_resnet import resnet20
from reportgen.zoo.cifar_resnet50 import cifar_resnet50
from reportgen.zoo.digits import digits_cnn, digits_resnet
from reportgen.zoo.resnet_lite import resnet_lite
from tests.zoo.digits import accuracy, digits, fit, predict

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))

qnnpack_packs_biases_of_zeros = pytest.mark.skipif(
    choose_engine() == "qnnpack", reason="qnnpack gives convolutions without bias one of zeros"
)


def static(module: nn.Module, images: Tensor = IMAGES, unfused: Sequence[str] = ()) -> nn.Module:
    return quantize(
        module, scheme="int8-static", example=images[:1], calibration=[images], unfused=unfused
    )


def dynamic(module: nn.Module, example: Tensor) -> nn.Module:
    return quantize(module, scheme="int8-dynamic", example=example)


@pytest.fixture(scope="module")
def fitted_cnn() -> nn.Module:
    torch.manual_seed(0)
    return fit(digits_cnn(10), epochs=5)


# --- sizes ------------------------------------------------------------------------------------


def packed_bytes(module: nn.Module) -> int:
    return sum(t.numel() * t.element_size() for t in subject._parameters(module))


@qnnpack_packs_biases_of_zeros
def test_the_published_bottleneck_network() -> None:
    # 23,520,842 float parameters, of which weight and bias of the norms are two for each of 26,560
    # channels. A fused norm leaves one bias for each channel. The projections have 256 + 512 + 1024
    # + 2048 = 3,840 channels, whose norms keep both. 23,520,842 - (26,560 - 3,840) = 23,498,122.
    converted = static(cifar_resnet50(10, stem_pool=True), unfused=["*.shortcut.*"])
    assert packed_parameters(converted) == 23_498_122
    # Norms of 2 * 3,840, biases of 26,560 - 3,840 and 10 are float: 30,410 * 4 bytes.
    assert packed_bytes(converted) == (23_498_122 - 30_410) + 4 * 30_410


def test_the_published_bottleneck_network_with_every_norm_fused() -> None:
    converted = static(cifar_resnet50(10, stem_pool=True))
    assert packed_parameters(converted) == 23_520_842 - 26_560 == 23_494_282


@qnnpack_packs_biases_of_zeros
def test_the_published_lite_network() -> None:
    # Norms outside the projections: 32 (stem) + 2 * 32 + 4 * 64 + 4 * 128 + 2 * 256 = 1,376
    # channels, each with one parameter fewer once fused.
    converted = static(resnet_lite(10), unfused=["*.shortcut.*"])
    assert packed_parameters(converted) == 1_598_378 - 1_376 == 1_597_002


def test_dynamic_packs_the_linear_layer_alone() -> None:
    converted = dynamic(resnet20(10), IMAGES)
    assert packed_parameters(converted) == 269_722
    assert packed_bytes(converted) == 4 * (269_722 - 64 * 10) + 64 * 10
    description = describe(converted)
    assert description.int8_layers == 1
    assert description.float_layers[:2] == ("conv1", "bn1")
    assert "linear" not in description.float_layers


def test_recurrent_layers() -> None:
    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(4, 5, num_layers=2, bidirectional=True)
            self.cell = nn.GRUCell(10, 3)

        def forward(self, words: Tensor) -> Tensor:
            out: Tensor = self.cell(self.lstm(words)[0][-1])
            return out

    model = Tagger()
    # Layer 1, each direction: 4*5 * (4 + 5) + 2*4*5 = 220; layer 2: 4*5 * (10 + 5) + 40 = 340.
    # Cell: 3*3 * (10 + 3) + 2*3*3 = 135.
    assert sum(parameter.numel() for parameter in model.parameters()) == 2 * 220 + 2 * 340 + 135
    converted = dynamic(model, torch.randn(7, 2, 4))
    assert packed_parameters(converted) == 1_255
    # Four directions of layers and a cell, each with a weight for the input and one for the state.
    assert describe(converted).int8_layers == 10


def test_a_layer_used_twice_counts_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.conv(self.conv(x))
            return out

    assert packed_parameters(static(Twice())) == 3 * 3 * 9 + 3


# --- what runs --------------------------------------------------------------------------------


def test_every_layer_has_an_int8_kernel() -> None:
    converted = static(resnet_lite(10), unfused=["*.shortcut.*"])
    # 1 stem, 6 blocks of 2, 3 projections, 1 linear.
    assert describe(converted) == Quantized(
        engine=choose_engine(), dtype="int8", int8_layers=17, float_layers=()
    )
    names = [type(part).__name__ for part in converted.modules()]
    assert names.count("ConvReLU2d") == 1 + 6  # the second of a block is followed by the addition
    assert names.count("BatchNorm2d") == 3
    assert "Identity" not in names
    # Both ends are float; between them nothing is: one quantise, one dequantise, int8 additions.
    assert isinstance(converted, torch.fx.GraphModule)
    code = converted.code
    assert code.count("quantize_per_tensor(") == 1
    assert code.count(".dequantize()") == 1
    assert code.count("torch.ops.quantized.add_relu(") == 6


def test_norms_keep_their_paths() -> None:
    converted = static(resnet_lite(10), unfused=["layer2.0.shortcut.1"])
    assert sorted(name for name, _ in converted.named_parameters()) == [
        "layer2.0.shortcut.1.bias",
        "layer2.0.shortcut.1.weight",
    ]


def test_the_module_stays_as_it_is() -> None:
    module = resnet_lite(10).train()
    before = copy.deepcopy(module.state_dict())
    converted = static(module, unfused=["*.shortcut.*"])
    assert module.training
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert [name for name, _ in module.named_children()][:2] == ["conv1", "bn1"]
    assert not any(part.training for part in converted.modules())


def test_the_same_calibration_gives_the_same_module() -> None:
    module, images = digits_resnet(10), digits()[0][:64]
    first, second = static(module, images), static(module, images)
    assert torch.equal(first(images), second(images))


def test_engine_and_warnings_are_put_back() -> None:
    engines = torch.backends.quantized.supported_engines
    other = next((name for name in engines if name not in (choose_engine(), "none")), None)
    if other is None:
        pytest.skip("this build of torch has one engine")
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = other
    try:
        converted = static(digits_cnn(10), digits()[0][:64])
        assert torch.backends.quantized.engine == other
        under_other = converted(digits()[2])
    finally:
        torch.backends.quantized.engine = before
    assert torch.equal(converted(digits()[2]), under_other)
    assert not torch.is_warn_always_enabled()


def test_qnnpack_where_it_is_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    if "qnnpack" not in torch.backends.quantized.supported_engines:
        pytest.skip("this build of torch has no qnnpack")
    monkeypatch.setattr(subject, "_ENGINES", ("qnnpack",))
    module = digits_cnn(10).eval()
    images = digits()[0][:64]
    for converted in (static(module, images), dynamic(module, images)):
        assert describe(converted).engine == "qnnpack"
        with torch.no_grad():
            torch.testing.assert_close(converted(images), module(images), atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    ("supported", "best"),
    [
        (["qnnpack", "none", "onednn", "x86", "fbgemm"], "x86"),
        (["fbgemm", "qnnpack"], "fbgemm"),
        (["none", "onednn", "qnnpack"], "qnnpack"),
        (["onednn"], "onednn"),
    ],
)
def test_the_best_engine(supported: list[str], best: str) -> None:
    assert choose_engine(supported) == best


# --- accuracy ---------------------------------------------------------------------------------


def test_digits_in_int8_are_as_good_as_in_float(fitted_cnn: nn.Module) -> None:
    converted = static(fitted_cnn, digits()[0][:512])
    agreement = float((predict(converted) == predict(fitted_cnn)).float().mean())
    assert agreement >= 0.99
    assert accuracy(converted) >= accuracy(fitted_cnn) - 0.01


def test_residual_digits_in_int8() -> None:
    torch.manual_seed(0)
    model = fit(digits_resnet(10), epochs=3)
    for unfused in ((), ("*.body.2",)):
        converted = static(model, digits()[0][:512], unfused)
        assert accuracy(converted) >= accuracy(model) - 0.02


# --- errors -----------------------------------------------------------------------------------


class Branching(nn.Module):
    """Takes one of two ways, depending on its input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x) if x.sum() > 0 else x
        return out


class Bypass(nn.Module):
    """Reads a layer's weight by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.linear.weight


class Mixed(nn.Module):
    """Concatenates an activation and a much larger parameter; vision transformers do alike."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.token = nn.Parameter(torch.full((1, 1, 4), 100.0))

    def forward(self, x: Tensor) -> Tensor:
        patches = self.conv(x).flatten(2).permute(0, 2, 1)
        return torch.cat([self.token.expand(x.shape[0], -1, -1), patches], dim=1)


def error_of(module: nn.Module, scheme: str = "int8-static", **kwargs: object) -> tuple[str, str]:
    arguments: dict[str, object] = {"example": IMAGES, "calibration": [IMAGES], **kwargs}
    with pytest.raises(QuantizeError) as caught:
        quantize(module, scheme=scheme, **arguments)  # type: ignore[arg-type]
    return str(caught.value), caught.value.hint


def test_unknown_scheme() -> None:
    assert error_of(Branching(), "int8-statics") == (
        "Unknown quantisation scheme 'int8-statics'.",
        "Did you mean 'int8-static'?",
    )


def test_no_calibration() -> None:
    assert error_of(Branching(), calibration=None) == (
        "int8-static needs calibration images: it takes the ranges of the activations from them.",
        "Write 'calibrate: {split: train, samples: 512}', or use int8-dynamic.",
    )


def test_empty_calibration() -> None:
    assert error_of(resnet20(10), calibration=[]) == (
        "The calibration of CifarResNet gave no batch.",
        "Check its samples.",
    )


def test_control_flow_that_depends_on_data() -> None:
    assert error_of(Branching()) == (
        "Branching cannot be quantised with int8-static: torch.fx cannot trace its forward.",
        "Write it without branches and loops that depend on tensors, or use int8-dynamic, which "
        "traces nothing.",
    )


def test_a_pattern_that_matches_no_norm() -> None:
    assert error_of(resnet_lite(10), unfused=["layer2.0.shortcut.0"]) == (
        "No batch norm of ResNetLite has a path like 'layer2.0.shortcut.0'.",
        "Did you mean 'layer2.0.shortcut.1'?",
    )
    assert error_of(resnet_lite(10), unfused=["*downsample*"]) == (
        "No batch norm of ResNetLite has a path like '*downsample*'.",
        "One that it has is 'layer4.0.shortcut.1'.",
    )


def test_dynamic_fuses_nothing() -> None:
    assert error_of(resnet_lite(10), "int8-dynamic", unfused=["*"]) == (
        "int8-dynamic fuses nothing, so that 'unfused' of ResNetLite has no effect.",
        "Leave it out, or use int8-static.",
    )


@pytest.mark.parametrize(
    ("scheme", "module"),
    [("int8-static", nn.MaxPool2d(2)), ("int8-dynamic", nn.Conv2d(3, 4, 1))],
)
def test_nothing_to_quantise(scheme: str, module: nn.Module) -> None:
    assert error_of(nn.Sequential(module), scheme) == (
        f"No layer of Sequential could be quantised: it has none with an {scheme} kernel.",
        "int8-static has them for convolutions and linear layers, int8-dynamic for linear and "
        "recurrent layers.",
    )


def test_a_module_that_reads_packed_weights() -> None:
    assert error_of(Bypass(), "int8-dynamic", example=torch.randn(2, 4)) == (
        "PyTorch cannot convert Bypass by int8-dynamic, or not run what comes of it.",
        "Something in it has no int8 form, or reads a layer's weights from outside the layer. "
        "Leave out 'quantize' for this model.",
    )


def test_a_module_that_would_compute_something_else() -> None:
    expected = (
        "Mixed would compute wrong figures by int8-static: it concatenates tensors of different "
        "ranges.",
        "Use int8-dynamic, or leave out 'quantize' for this model.",
    )
    # PyTorch says so once in a process; every module must hear of it.
    assert [error_of(Mixed()), error_of(Mixed())] == [expected, expected]


def test_no_engine() -> None:
    with pytest.raises(QuantizeError) as caught:
        choose_engine(["none"])
    assert str(caught.value) == "This build of PyTorch has no int8 kernels."
    assert caught.value.hint == (
        "Install one that supports one of the engines x86, fbgemm, qnnpack, onednn."
    )


def test_a_torch_without_quantisation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "3.0.0")
    monkeypatch.setitem(sys.modules, "torch.ao.quantization.quantize_fx", None)
    assert error_of(resnet20(10)) == (
        "torch 3.0.0 no longer has torch.ao.quantization, which int8 needs.",
        "Install torch 2.15, or leave out 'quantize'.",
    )
