"""Heads at the taps of a model, and frozen parts: what is added, what is counted, what is wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, fx, nn

from reportgen.builds.construct import construct, factory
from reportgen.builds.freeze import freeze
from reportgen.builds.heads import Heads, attach, trace
from reportgen.builds.quantize import describe, packed_parameters, quantize
from reportgen.common.errors import MeasureError
from reportgen.counting import build_on_meta, count, count_anywhere
from reportgen.counting.readings import reading
from reportgen.data.search import Search
from reportgen.engine import count_build
from reportgen.plan.resolve import plan
from reportgen.spec import loads
from reportgen.spec.model import Complexity
from reportgen.spec.variants import Heads as Wanted
from reportgen.spec.variants import TapRange
from reportgen.zoo.keras_inception_v3 import keras_inception_v3
from reportgen.zoo.keras_mobilenet import keras_mobilenet
from reportgen.zoo.keras_resnet50 import keras_resnet50

Columns = ("flops.keras", "params.keras", "trainable_params", "params.keras-non-trainable")


class Small(nn.Module):
    """Two convolutions that can be tapped, then a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.second = nn.Conv2d(4, 5, 3)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(5 * 4 * 4, 2)

    def taps(self) -> Mapping[str, nn.Module]:
        return {"early": self.first, "late": self.second}

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.first(x))
        return self.fc(torch.flatten(self.relu(self.second(x)), 1))


def headed(model: nn.Module, wanted: Wanted = "all", shape: Sequence[int] = (3, 8, 8)) -> nn.Module:
    attach(model, wanted, num_classes=2, shown=((torch.empty(1, *shape),), {}))
    return model


def outputs_of_heads(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, head in model.heads.items():
        head.register_forward_hook(lambda _, __, out, name=name: found.update({name: out}))
    with torch.no_grad():
        model(images)
    return found


def counted(make: Callable[[], nn.Module], size: int = 224) -> tuple[int, ...]:
    model = build_on_meta(make)
    ledger = count(model, (torch.empty(1, 3, size, size, device="meta"),)).ledger
    return tuple(reading(column).total(ledger) for column in Columns)


def elastic(
    make: Callable[[], nn.Module], wanted: Wanted, classes: int, *, frozen: bool = False
) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        model = make()
        attach(model, wanted, num_classes=classes, shown=((torch.empty(1, 3, 224, 224),), {}))
        if frozen:
            freeze(model, "backbone")
        return model

    return build


def test_a_head_is_a_pool_and_a_linear_layer_at_its_tap() -> None:
    model = headed(Small())
    assert isinstance(model.heads, Heads)
    assert list(model.heads) == ["early", "late"]
    images = torch.randn(3, 3, 8, 8)
    found = outputs_of_heads(model, images)
    features = model.first(images)
    # in-place ReLUs come after the taps, and the heads have seen what was there before
    pooled = features.mean((2, 3))
    assert torch.allclose(found["early"], model.heads["early"].fc(pooled), atol=1e-6)
    assert {name: tuple(out.shape) for name, out in found.items()} == dict.fromkeys(
        ("early", "late"), (3, 2)
    )


def test_what_the_model_returns_stays_its_own() -> None:
    plain, images = Small().eval(), torch.randn(2, 3, 8, 8)
    expected = plain(images)
    assert torch.equal(headed(plain)(images), expected)
    sequence = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 6 * 6, 2))
    expected = sequence(images)
    assert torch.equal(headed(sequence, ["0"])(images), expected)


def test_heads_are_counted_where_they_are() -> None:
    result = count_anywhere(lambda: headed(Small()), (torch.zeros(1, 3, 8, 8),))
    work = reading("macs").by_module(result.ledger)
    paths = {module.path: work[i] for i, module in enumerate(result.ledger.modules) if work[i]}
    assert paths == {
        "first": 36 * 4 * 27,
        "second": 16 * 5 * 36,
        "fc": 80 * 2,
        "heads.early.fc": 4 * 2,
        "heads.late.fc": 5 * 2,
    }


def test_a_copy_of_the_model_runs_its_own_heads() -> None:
    model = headed(Small())
    twin = copy.deepcopy(model)
    images = torch.randn(1, 3, 8, 8)
    assert list(outputs_of_heads(twin, images)) == ["early", "late"]
    with torch.no_grad():
        for parameter in model.heads.parameters():
            parameter.fill_(torch.nan)
    assert not outputs_of_heads(twin, images)["early"].isnan().any()


def test_a_model_with_heads_can_be_traced() -> None:
    make = elastic(lambda: keras_resnet50(2, blocks=[1, 1]), "all", 2)
    model = make().eval()
    graph = fx.symbolic_trace(model)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(graph(images), model(images))
    assert "heads.add_2.fc" in {node.target for node in graph.graph.nodes}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("all", ["early", "late"]),
        (["late"], ["late"]),
        ([2, 1], ["late", "early"]),
        (["first", "late"], ["first", "late"]),  # a path, and a name
        (TapRange(), ["early", "late"]),
        (TapRange(**{"from": 2}), ["late"]),
        (TapRange(to="early"), ["early"]),
    ],
)
def test_which_taps(wanted: Wanted, names: list[str]) -> None:
    assert list(headed(Small(), wanted).heads) == names


def test_the_dots_of_a_path_are_dashes_in_the_name_of_a_head() -> None:
    model = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3)), nn.Flatten(), nn.Linear(144, 2))
    assert list(headed(model, ["0.0"]).heads) == ["0-0"]


class Shared(nn.Module):
    """Uses one convolution twice, and another never."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)
        self.spare = nn.Conv2d(3, 3, 3)
        self.fc = nn.Linear(48, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(self.conv(x)).flatten(1))


@pytest.mark.parametrize(
    ("model", "wanted", "message", "hint"),
    [
        (Small, ["lat"], "Small has no tap 'lat'", "Did you mean 'late'?"),
        (Small, ["?"], "Small has no tap '?'", "Known: early, late."),
        (
            Small,
            TapRange(**{"from": "first"}),  # a path has no neighbours
            "Small has no tap 'first'",
            "Known: early, late.",
        ),
        (Small, [3], "Small has 2 taps, none of them number 3", "They are early, late."),
        (
            Small,
            TapRange(**{"from": 2, "to": 1}),
            "the taps from late to early are none",
            "Swap `from` and `to`.",
        ),
        (Small, ["early", 1], "the tap early is listed twice", "Remove one."),
        (
            Small,
            ["fc"],
            "the tap fc gives 1×2",
            "A head needs a feature map: images × channels × height × width.",
        ),
        (
            Small,
            ["relu"],
            "the tap relu runs 2 times in a forward pass",
            "Tap a module that runs once.",
        ),
        (
            Shared,
            ["spare"],
            "the tap spare runs 0 times in a forward pass",
            "Tap a module that runs once.",
        ),
        (
            Shared,
            "all",
            "Shared names no taps",
            "List the paths of modules: `heads: [conv, spare, fc]`.",
        ),
        (
            Shared,
            TapRange(),
            "Shared names no taps",
            "List the paths of modules: `heads: [conv, spare, fc]`.",
        ),
        (
            Shared,
            [1],
            "Shared names no taps",
            "List the paths of modules: `heads: [conv, spare, fc]`.",
        ),
        (Shared, ["convv"], "Shared has no tap 'convv'", "Did you mean 'conv'?"),
        (
            lambda: headed(Small()),
            "all",
            "Small has a module 'heads' of its own",
            "Remove 'heads'.",
        ),
    ],
)
def test_wrong_taps_are_explained(
    model: Callable[[], nn.Module], wanted: Wanted, message: str, hint: str
) -> None:
    with pytest.raises(MeasureError) as caught:
        headed(model(), wanted)
    assert (str(caught.value), caught.value.hint) == (message, hint)


# Elastic networks, in Keras's accounting. A head at C channels with K classes has C·K products and
# C·K + K parameters.


def test_the_published_elastic_resnets() -> None:
    # additions of 3 × 256, 4 × 512, 6 × 1024, 3 × 2048 channels: 15,104 in all
    heads = 15_104 * 10
    assert counted(elastic(lambda: keras_resnet50(10), "all", 10)) == (
        3_832_303_616 + heads,
        23_608_202 + heads + 160,
        23_608_202 + heads + 160 - 53_120,
        53_120,
    )
    # from the ninth: 5 × 1024 + 3 × 2048 = 11,264
    nine = TapRange(**{"from": 9, "to": 16})
    assert counted(elastic(lambda: keras_resnet50(10), nine, 10, frozen=True)) == (
        3_832_303_616 + 112_640,
        23_608_202 + 112_720,
        20_490 + 112_720,
        23_587_712,
    )


def test_a_deeper_elastic_resnet() -> None:
    # ResNet-101: 23 blocks in the third of its stages: 3 × 256 + 4 × 512 + 23 × 1024 + 3 × 2048
    def make() -> nn.Module:
        return keras_resnet50(1000, blocks=[3, 4, 23, 3])

    plain, heads = counted(make), 32_512 * 1000
    assert counted(elastic(make, "all", 1000))[:2] == (
        plain[0] + heads,
        plain[1] + heads + 33 * 1000,
    )
    # 17 more blocks than ResNet-50's 25,636,712 parameters with 1000 classes, each of 1024·256 +
    # 9·256·256 + 256·1024 weights, 1,536 biases, and 4 for each of 1,536 norm channels
    more = 1024 * 256 + 9 * 256 * 256 + 256 * 1024 + 1536 + 4 * 1536
    assert plain[1] == 25_636_712 + 17 * more


def test_an_elastic_mobilenet_of_another_width() -> None:
    # α = 0.5: 32 + 64·2 + 128·2 + 256·6 + 512·2 = 2,976 channels
    def make() -> nn.Module:
        return keras_mobilenet(100, alpha=0.5)

    plain = counted(make)
    work, total, trainable, fixed = counted(elastic(make, "all", 100, frozen=True))
    assert work == plain[0] + 297_600
    assert total == plain[1] + 297_600 + 1_300
    # what is trained: the heads, and the last layer on 7·7·512 features
    assert trainable == 297_600 + 1_300 + 7 * 7 * 512 * 100 + 100
    assert fixed == total - trainable


def test_the_four_taps_of_the_notes() -> None:
    # mixed7 to mixed10 have 768 + 1280 + 2048 + 2048 = 6,144 channels
    last = TapRange(**{"from": "mixed7"})
    assert counted(elastic(lambda: keras_inception_v3(10), last, 10))[:2] == (
        2_836_385_120 + 61_440,
        22_314_794 + 61_440 + 40,
    )


def test_heads_on_a_network_of_somebody_else() -> None:
    from torchvision.models import resnet18

    # 64 + 512 channels; ResNet-18 has 11,689,512 parameters and 9,600 running statistics
    make = elastic(lambda: resnet18(num_classes=1000), ["layer1", "layer4.1"], 10)
    work, total, trainable, fixed = counted(make)
    assert work == 1_814_073_344 + 5_760
    assert (total, trainable, fixed) == (
        11_689_512 + 9_600 + 5_780,
        11_689_512 + 5_780,
        9_600,
    )


def in_int8(model: nn.Module, images: Tensor, scheme: str = "int8-static") -> nn.Module:
    return quantize(model.eval(), scheme=scheme, example=images[:1], calibration=[images])


@pytest.mark.parametrize("scheme", ["int8-static", "int8-dynamic"])
def test_heads_in_int8(scheme: str) -> None:
    torch.manual_seed(0)
    images = torch.randn(8, 3, 8, 8)
    plain = Small()
    model = headed(copy.deepcopy(plain))
    converted = in_int8(model, images, scheme)
    # Heads on 4 and 5 channels with 2 classes: 4·2 + 2 and 5·2 + 2 parameters in two layers more.
    alone = in_int8(plain, images, scheme)
    assert packed_parameters(converted) == packed_parameters(alone) + 10 + 12
    assert describe(converted).int8_layers == describe(alone).int8_layers + 2
    assert not any(path.startswith("heads") for path in describe(converted).float_layers)
    ran = []
    for name, part in converted.named_modules():
        if name.endswith("fc"):
            part.register_forward_hook(lambda *_, name=name: ran.append(name))
    with torch.no_grad():
        output, expected = converted(images), alone(images)
    # A tap is not fused with its ReLU, so it is rounded in another place.
    assert (output - expected).abs().max() < 0.1 * expected.abs().max()
    # The heads run, once each, and each as soon as its tap has.
    assert ran == ["heads.early.fc", "heads.late.fc", "fc"]
    # The model that was given keeps its heads, in float.
    with torch.no_grad():
        assert outputs_of_heads(model, images).keys() == {"early", "late"}


def test_heads_in_int8_see_what_the_taps_give() -> None:
    torch.manual_seed(0)
    images = torch.randn(64, 3, 8, 8)
    model = headed(Small()).eval()
    expected = outputs_of_heads(copy.deepcopy(model), images)
    converted = in_int8(model, images)
    found: dict[str, Tensor] = {}
    for name in expected:
        layer = converted.get_submodule(f"heads.{name}.fc")
        layer.register_forward_hook(lambda _, __, out, name=name: found.update({name: out}))
    with torch.no_grad():
        converted(images)
    for name, values in expected.items():
        # 8 bits, of which activations have 7 on some CPUs.
        assert (found[name].dequantize() - values).abs().max() < 0.1 * values.abs().max()


def test_heads_in_int8_on_a_network_of_somebody_else() -> None:
    from torchvision.models import resnet18

    images = torch.randn(1, 3, 64, 64)
    model = resnet18(num_classes=10)
    attach(model, ["maxpool", "layer1.0.bn2", "layer2"], num_classes=10, shown=((images,), {}))
    converted = in_int8(model, images)
    # 21 layers of ResNet-18 (20 convolutions and one linear) and three heads
    assert describe(converted).int8_layers == 24


@pytest.mark.slow
def test_an_elastic_resnet_in_int8() -> None:
    images = torch.randn(1, 3, 64, 64)
    model = keras_resnet50(10)
    attach(model, "all", num_classes=10, shown=((images,), {}))
    converted = in_int8(model, images)
    assert describe(converted).int8_layers == 54 + 16
    # Norms folded into 53 convolutions with a bias: two parameters fewer for each channel.
    assert packed_parameters(converted) == 23_706_282 - 2 * 26_560


def test_without_heads_a_trace_is_that_of_fx() -> None:
    one, other = fx.symbolic_trace(Small()), trace(Small())[0]
    assert (one.code, type(one).__name__) == (other.code, type(other).__name__)


def paths_that_train(model: nn.Module) -> set[str]:
    return {
        name.rpartition(".")[0] for name, value in model.named_parameters() if value.requires_grad
    }


@pytest.mark.parametrize(
    ("what", "trained"),
    [
        ("backbone", {"fc", "heads.early.fc", "heads.late.fc"}),
        (["*"], set()),
        (["*", "!second"], {"second"}),
        (["heads.*"], {"first", "second", "fc"}),
        (["*", "!*.fc", "heads.late"], {"heads.early.fc"}),
        (["?irst", "second"], {"fc", "heads.early.fc", "heads.late.fc"}),
    ],
)
def test_what_is_frozen(what: list[str], trained: set[str]) -> None:
    model = headed(Small())
    freeze(model, what)
    assert paths_that_train(model) == trained


def test_wrong_patterns_are_explained() -> None:
    with pytest.raises(MeasureError) as caught:
        freeze(Small(), ["*", "!secnd"])
    assert str(caught.value) == "'secnd' matches no module to freeze"
    assert caught.value.hint == "Did you mean 'second'?"
    with pytest.raises(MeasureError) as caught:
        freeze(nn.Sequential(nn.Conv2d(3, 4, 3)), "backbone")
    assert str(caught.value) == "Sequential has no linear layer, so its backbone is not known"
    assert caught.value.hint == (
        'List patterns of module paths instead: `freeze: ["*", "!classifier"]`.'
    )


SPEC = """\
reportgen: 1
title: T
datasets:
  d: {source: synthetic, shape: [3, 96, 96], classes: 7, count: 4}
models:
  M: {source: zoo/keras_inception_v3, heads: [mixed3], freeze: backbone}
"""


def test_a_spec_says_so() -> None:
    build = plan(loads(SPEC), name="t", spec_dir=Path()).builds["M"]
    module, _ = construct(build, Search(), for_accuracy=False)
    assert paths_that_train(module) == {"fc", "heads.mixed3.fc"}
    # the size of the images reaches the model, whose last layer needs it: 96 → 1×1 at the end
    assert module.fc.in_features == 2048
    with torch.inference_mode():
        assert module(torch.zeros(1, 3, 96, 96)).shape == (1, 7)


def test_the_same_build_has_the_same_heads() -> None:
    make = factory(plan(loads(SPEC), name="t", spec_dir=Path()).builds["M"], Path())
    one, other = make().heads.state_dict(), make().heads.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_weights_of_the_model_alone_are_enough(tmp_path: Path) -> None:
    text = SPEC.replace("freeze: backbone", "weights: {file: w.pt}")
    plain = keras_inception_v3(7, image_size=96)
    torch.save(plain.state_dict(), tmp_path / "w.pt")
    build = plan(loads(text), name="t", spec_dir=tmp_path).builds["M"]
    module, _ = construct(build, Search(spec_dir=tmp_path), for_accuracy=True)
    images = torch.randn(1, 3, 96, 96)
    with torch.inference_mode():
        assert torch.equal(module(images), plain.eval()(images))


FITTED = """\
reportgen: 1
title: T
datasets: {digits: {}}
models:
  M:
    source: zoo/digits_cnn
    heads: ["0"]
    freeze: ["0"]
    weights: {fit: {epochs: 1}}
measure: {accuracy: {}}
"""


def test_a_fit_leaves_frozen_parts_alone() -> None:
    build = plan(loads(FITTED), name="t", spec_dir=Path()).builds["M"]
    fitted, _ = construct(build, Search(offline=True), for_accuracy=True)
    before = factory(build, Path())()
    assert torch.equal(fitted[0][0].weight, before[0][0].weight)
    assert not torch.equal(fitted[1][0].weight, before[1][0].weight)


INT8 = """\
reportgen: 1
title: T
datasets: {d: {source: synthetic, shape: [1, 8, 8], classes: 10, count: 4}}
models:
  Float: {source: zoo/digits_cnn, heads: ["0"]}
  Int8: {source: zoo/digits_cnn, heads: ["0"], quantize: {scheme: int8-static}}
"""


def test_an_int8_model_with_heads_has_the_counts_of_the_float_one() -> None:
    builds = plan(loads(INT8), name="t", spec_dir=Path()).builds
    one, other = (count_build.count(builds[name], Complexity(), Search()) for name in builds)
    assert one.figures["macs"] == other.figures["macs"]
    assert one.ledger == other.ledger
    # Norms of 16 and 32 channels are folded: 2 parameters each, and a bias instead.
    assert one.figures["params"].value == 9_978 + 16 * 10 + 10
    assert other.figures["params"].value == 9_978 + 16 * 10 + 10 - 48
    # Two convolutions, the last layer and the head.
    assert other.metadata["int8"].startswith("4 layers on ")
