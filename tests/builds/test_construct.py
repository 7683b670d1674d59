"""Build → module: the factory, its arguments, its weights, and what is said when one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from reportgen.builds import construct as construct_module
from reportgen.builds.construct import construct, factory
from reportgen.builds.example_inputs import example
from reportgen.common.errors import MeasureError, UnfitError
from reportgen.data.search import Search
from reportgen.plan.plan import Build
from reportgen.plan.resolve import plan
from reportgen.sources import python
from reportgen.spec import loads

SPEC = """\
reportgen: 1
title: T
datasets:
  d: {source: synthetic, shape: [3, 32, 32], classes: 7, count: 4}
models:
  M: {SOURCE}
"""


def build_of(source: str, folder: Path = Path()) -> Build:
    spec = loads(SPEC.replace("{SOURCE}", f"{{source: {source}}}"))
    return plan(spec, name="t", spec_dir=folder).builds["M"]


def complaint(source: str, folder: Path) -> tuple[str, str]:
    with pytest.raises(MeasureError) as caught:
        factory(build_of(source, folder), folder)()
    return str(caught.value), caught.value.hint


FACTORIES = """\
import functools
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3072, 5)
class Counted(Net):
    def __init__(self, num_classes):
        super().__init__()
        self.fc = nn.Linear(3072, num_classes)
def plain():
    return Net()
def other(n_out=4):
    return Counted(n_out)
def anything(**kwargs):
    return Counted(**kwargs)
def keyword(*, num_classes=4):
    return Counted(num_classes)
partial = functools.partial(Counted, num_classes=4)
@functools.wraps(plain)
def wrapped(*args, **kwargs):
    return plain(*args, **kwargs)
def nested(stages, options, num_classes):
    assert stages == [{"depth": 2, "kernels": [3, [5]]}, None, 0.5]
    assert options.pop("norm") == {"eps": 1.0e-3}
    stages.clear()
    return Counted(num_classes)
"""


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        *(("Net", 5), ("plain", 5), ("other", 4), ("wrapped", 5)),
        *(("Counted", 7), ("anything", 7), ("keyword", 7), ("partial", 7)),
    ],
)
def test_a_class_count_is_given_to_factories_that_take_one(
    tmp_path: Path, name: str, classes: int
) -> None:
    (tmp_path / "mine.py").write_text(FACTORIES)
    search = Search(offline=True, spec_dir=tmp_path)
    module, metadata = construct(build_of(f"mine.py:{name}", tmp_path), search, for_accuracy=False)
    assert module.fc.out_features == classes
    own = "its own, its factory takes no 'num_classes'"
    assert metadata == {"classes": "" if classes == 7 else own}


def test_a_count_that_a_factory_cannot_be_told(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FACTORIES)
    text = SPEC.replace("{SOURCE}", "{source: mine.py:Net, classes: [100]}")
    (build,) = plan(loads(text), name="t", spec_dir=tmp_path).builds.values()
    with pytest.raises(MeasureError) as caught:
        factory(build, tmp_path)
    assert str(caught.value) == (
        "mine.py:Net takes no 'num_classes', and is to be built for 100 classes"
    )
    assert caught.value.hint == "Add the argument 'num_classes' to it, or remove `classes`."


def test_arguments_may_be_nested_and_each_call_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FACTORIES)
    args = "{stages: [{depth: 2, kernels: [3, [5]]}, null, 0.5], options: {norm: {eps: 0.001}}}"
    make = factory(build_of(f"mine.py:nested, args: {args}", tmp_path), tmp_path)
    assert [make().fc.out_features for _ in range(2)] == [7, 7]


@pytest.mark.parametrize("source", ["zoo/resnet_lite", "torchvision/resnet18"])
def test_the_class_count_reaches_the_model_through_its_own_argument(source: str) -> None:
    module, _ = construct(build_of(source), Search(), for_accuracy=False)
    assert not module.training
    with torch.inference_mode():
        assert module(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


def test_the_same_build_is_the_same_module_and_leaves_the_random_state_alone() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    make = factory(build_of("zoo/resnet_lite"), Path())
    first, second = make().state_dict(), make().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("name", "millions"),
    # As published with their weights; GoogLeNet's are without the heads used in training only.
    [("googlenet", 6_624_904), ("inception_v3", 27_161_264)],
)
def test_torchvision_models_with_training_heads(name: str, millions: int) -> None:
    text = SPEC.replace("classes: 7", "classes: 1000").replace(
        "{SOURCE}", f"{{source: torchvision/{name}}}"
    )
    build = plan(loads(text), name="t", spec_dir=Path()).builds["M"]
    with torch.device("meta"):
        module = factory(build, Path())()
    assert sum(parameter.numel() for parameter in module.parameters()) == millions


def test_a_factory_in_a_file_beside_the_spec(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def make(num_classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))\n"
    )
    module = factory(build_of("mine.py:make", tmp_path), tmp_path)()
    assert [tuple(p.shape) for p in module.parameters()] == [(7, 3072), (7,)]


def test_a_factory_in_a_module_beside_the_spec(tmp_path: Path) -> None:
    (tmp_path / "lab_of_construct.py").write_text("from torch import nn\nmake = None\n")
    assert complaint("python/lab_of_construct:make", tmp_path) == (
        "building python/lab_of_construct:make raised TypeError: 'NoneType' object is not callable",
        "Check `args` and the class count.",
    )


@pytest.mark.parametrize(
    ("code", "source", "expected"),
    [
        (
            "def make(num_classes): return 3",
            "a1.py:make",
            ("the factory a1.py:make returned an object of type int, not a torch.nn.Module", ""),
        ),
        ("def make(num_classes): pass", "a2.py:mak", ("there is no 'mak' in a2.py", "")),
        (
            "import nowhere_to_be_found",
            "a3.py:make",
            (
                "importing a3.py:make raised ModuleNotFoundError: No module named "
                "'nowhere_to_be_found'",
                "Check the path, and that its packages are installed.",
            ),
        ),
        (
            "",
            "missing.py:make",
            (
                "importing missing.py:make raised FileNotFoundError: no such file",
                "Check the path, and that its packages are installed.",
            ),
        ),
        (
            "def make(num_classes): raise ValueError('too wide')",
            "a4.py:make",
            (
                "building a4.py:make raised ValueError: too wide",
                "Check `args` and the class count.",
            ),
        ),
    ],
)
def test_a_wrong_factory_is_explained(
    tmp_path: Path, code: str, source: str, expected: tuple[str, str]
) -> None:
    if not source.startswith("missing"):
        (tmp_path / source.partition(":")[0]).write_text(code)
    assert complaint(source, tmp_path) == expected


def test_int8_needs_no_data_where_no_accuracy_is_asked() -> None:
    text = SPEC.replace("{SOURCE}", "{source: zoo/resnet_lite, quantize: {scheme: int8-static}}")
    build = plan(loads(text), name="t", spec_dir=Path()).builds["M"]
    module, _ = construct(build, Search(offline=True), for_accuracy=False)
    with torch.inference_mode():
        assert module(torch.zeros(2, 3, 32, 32)).dtype == torch.float32


INPUTS = """\
reportgen: 1
title: T
models:
  M:
    source: mine.py:make
    inputs:
      tokens: {shape: [4], dtype: int64, below: 9}
      mask: {shape: [4], dtype: bool}
"""
FORWARDS = """\
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Embedding(9, 3)
    def forward(self, FORWARD):
        pass
def make():
    return Net()
"""


def with_inputs(tmp_path: Path, forward: str) -> nn.Module:
    python._module_from_file.cache_clear()
    (tmp_path / "mine.py").write_text(FORWARDS.replace("FORWARD", forward))
    build = plan(loads(INPUTS), name="t", spec_dir=tmp_path).builds["M"]
    return factory(build, tmp_path)()


@pytest.mark.parametrize(
    "forward", ["tokens, mask", "tokens, *, mask=None", "tokens, *more, mask, last=1", "**kw"]
)
def test_inputs_are_taken_by_name_and_the_factory_is_told_of_no_classes(
    tmp_path: Path, forward: str
) -> None:
    assert type(with_inputs(tmp_path, forward)).__name__ == "Net"


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        (
            "tokens, masks",
            ("the forward of Net has no argument 'mask'", "Did you mean 'masks'?"),
        ),
        (
            "tokens, scale=1",
            ("the forward of Net has no argument 'mask'", "Known: scale, tokens."),
        ),
        (
            "mask, /, tokens",
            ("the forward of Net has no argument 'mask'", "Known: tokens."),
        ),
        (
            "positions, **others",
            ("the forward of Net needs 'positions' too", "Add it to `inputs`."),
        ),
        (
            "tokens, mask, positions",
            ("the forward of Net needs 'positions' too", "Add it to `inputs`."),
        ),
    ],
)
def test_inputs_that_the_forward_does_not_take_are_explained(
    tmp_path: Path, forward: str, expected: tuple[str, str]
) -> None:
    with pytest.raises(UnfitError) as caught:
        with_inputs(tmp_path, forward)
    assert (str(caught.value), caught.value.hint) == expected


def test_a_factory_that_wants_a_class_count_says_how_to_give_it(tmp_path: Path) -> None:
    text = SPEC.replace("{SOURCE}", "{source: zoo/resnet_lite, inputs: {x: [3, 32, 32]}}")
    build = plan(loads(text), name="t", spec_dir=tmp_path).builds["M"]
    with pytest.raises(MeasureError) as caught:
        factory(build, tmp_path)()
    assert str(caught.value) == (
        "building zoo/resnet_lite raised TypeError: resnet_lite() missing 1 required positional "
        "argument: 'num_classes'"
    )
    assert caught.value.hint == (
        "Check `args`; if it must be told how many classes, add `classes: [10]`."
    )


def test_heads_frozen_parts_and_int8_go_with_inputs(tmp_path: Path) -> None:
    text = """\
reportgen: 1
title: T
models:
  Headed:
    source: torchvision/resnet18
    inputs: {x: [3, 32, 32]}
    classes: [5]
    heads: [layer1]
    freeze: backbone
  Small:
    source: zoo/decoder
    args: {layers: 1, width: 8, heads: 2, key_value_heads: 1, hidden: 8, vocabulary: 9}
    inputs: {tokens: {shape: [4], dtype: int64, below: 9}}
    quantize: {scheme: int8-dynamic}
"""
    builds = plan(loads(text), name="t", spec_dir=tmp_path).builds
    headed = factory(builds["Headed"], tmp_path)()
    assert headed.heads["layer1"].fc.out_features == 5
    assert [name for name, p in headed.named_parameters() if p.requires_grad] == [
        *("fc.weight", "fc.bias", "heads.layer1.fc.weight", "heads.layer1.fc.bias"),
    ]
    small, _ = construct(builds["Small"], Search(offline=True), for_accuracy=False)
    args, kwargs = example(builds["Small"], 2)
    with torch.inference_mode():
        assert small(*args, **kwargs).shape == (2, 4, 9)


def test_fitted_weights_depend_on_what_the_model_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise weights of the old code come from the cache."""
    keys: list[str] = []

    def fitted(key: str, *_: object, **__: object) -> dict[str, torch.Tensor]:
        keys.append(key)
        return nn.Linear(2, 2).state_dict()

    monkeypatch.setattr(construct_module.fit, "fitted", fitted)
    (tmp_path / "nets_of_fit.py").write_text(
        "def net(num_classes):\n    from torch import nn\n    import parts_of_fit.blocks\n"
        "    return nn.Flatten()\n"
    )
    (tmp_path / "parts_of_fit").mkdir()
    text = SPEC.replace("{SOURCE}", "{source: nets_of_fit.py:net, weights: {fit: {epochs: 1}}}")
    spec = loads(text + "measure: {accuracy: {metrics: [top1]}}\n")
    for width in ("WIDTH = 8", "WIDTH = 9", "WIDTH = 9  # wide"):
        (tmp_path / "parts_of_fit" / "blocks.py").write_text(width)
        build = plan(spec, name="t", spec_dir=tmp_path).builds["M"]
        construct_module._fitted(
            build, build.options.weights.fit, lambda: nn.Linear(2, 2), Search(), refresh=False
        )
    assert keys[0] != keys[1] == keys[2]
