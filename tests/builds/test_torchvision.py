"""Published weights of torchvision: what its own constructors make of the same file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision import models as torchvision

from reportgen.builds.construct import construct, factory
from reportgen.common.errors import MeasureError
from reportgen.data.search import Search
from reportgen.plan import checkpoints
from reportgen.plan.plan import Build
from reportgen.plan.resolve import plan
from reportgen.sources.catalog import find
from reportgen.sources.model_source import Wanted
from reportgen.sources.torchvision import NAMES
from reportgen.spec import loads

SPEC = """\
reportgen: 1
title: T
datasets:
  d: {source: folder, path: images, shape: [3, SIZE, SIZE], classes: CLASSES}
models:
  M: {source: torchvision/MODEL, weights: {torchvision: MEMBER}}
measure: {accuracy: {}, complexity: {}}
"""
MODELS = NAMES.split()
# As old checkpoints have them; torchvision renames them when it loads.
DENSE = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))([12])")


def build_of(model: str, member: str = "DEFAULT", size: int = 64, **changes: str) -> Build:
    text = SPEC.replace("MODEL", model).replace("MEMBER", member).replace("SIZE", str(size))
    text = text.replace("CLASSES", changes.pop("classes", "1000"))
    for old, new in changes.items():
        text = text.replace(f"{old}:", f"{new}, {old}:")
    return plan(loads(text), name="t", spec_dir=Path()).builds["M"]


def build_from_file(model: str, path: Path) -> Build:
    text = SPEC.replace("{torchvision: MEMBER}", f"{{file: {path}}}").replace("MODEL", model)
    text = text.replace("SIZE", "64").replace("CLASSES", "1000")
    return plan(loads(text), name="t", spec_dir=Path()).builds["M"]


def publish(model: str, folder: Path) -> Any:
    """Write a file as torchvision publishes the model's weights, values random; return the member.

    torch.hub takes it for downloaded.
    """
    member = torchvision.get_model_weights(model).DEFAULT
    made = torchvision.get_model(model, **random_arguments(model))
    generator = torch.Generator().manual_seed(1)
    state = made.state_dict()  # it carries the versions of its modules
    for name, tensor in state.items():
        state[name] = small(name, tensor, generator)
    if model.startswith("densenet"):
        state = as_once(state)
    path = folder / "checkpoints" / member.url.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    return member


def small(name: str, like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Fill a tensor's shape with few random values: its elements overlap in memory, and in a file.

    No step is another's: a tensor that is transposed or flipped is another one.
    """
    if not like.is_floating_point():
        return torch.zeros(like.shape, dtype=like.dtype)
    steps = [1, 2, 3, 5, 7][: like.dim()]
    length = 1 + sum(step * (size - 1) for step, size in zip(steps, like.shape, strict=True))
    low, high = (0.5, 1.5) if name.endswith("var") else (-0.06, 0.06)
    values = torch.empty(length, dtype=like.dtype).uniform_(low, high, generator=generator)
    return values.as_strided(like.shape, steps)


def as_once(state: Mapping[str, Any]) -> dict[str, Any]:
    """Name the tensors of a DenseNet as its published files do, without counters and versions."""
    return {
        DENSE.sub(r"\1.\2", name): value
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


def random_arguments(model: str) -> dict[str, Any]:
    quick = {"init_weights": False} if model in ("googlenet", "inception_v3") else {}
    return quick | ({"image_size": 518} if model == "vit_h_14" else {})


def settings(module: nn.Module) -> dict[str, Any]:
    """List the plain attributes of every part of a module, and what it is."""
    plain = (bool, int, float, str, tuple)
    found = {
        f"{path}.{name}": value
        for path, part in module.named_modules()
        for name, value in vars(part).items()
        if isinstance(value, plain)
    }
    return found | {path: type(part).__name__ for path, part in module.named_modules()}


def crop(model: str) -> int:
    return int(torchvision.get_model_weights(model).DEFAULT.transforms().crop_size[0])


def wanted(model: str, member: str) -> Wanted:
    return find(f"torchvision/{model}").wanted(member)


def both(
    model: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[nn.Module, nn.Module, Mapping[str, str]]:
    """Make a model with the same file by our constructor and by torchvision's."""
    for name in (name for name in dir(nn.init) if name.endswith("_") and name[0] != "_"):
        # Takes most of the time, and all values come from the file.
        monkeypatch.setattr(nn.init, name, lambda tensor, *_, **__: tensor)
    member = publish(model, folder)
    path = folder / "checkpoints" / member.url.rpartition("/")[2]
    size = max(member.meta["min_size"][0], 64)
    if model.startswith(("vit", "maxvit")):
        size = crop(model)
    monkeypatch.setattr(checkpoints, "fetch_weights", lambda *_: path)
    monkeypatch.setenv("TORCH_HOME", str(folder / "none"))
    monkeypatch.setattr(torch.hub, "_hub_dir", str(folder))
    ours, metadata = construct(build_of(model, size=size), Search(), for_accuracy=True)
    return ours, torchvision.get_model(model, weights=member).eval(), metadata


@pytest.mark.parametrize(
    "model",
    [
        *("mnasnet0_5", "squeezenet1_1", "shufflenet_v2_x0_5"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in MODELS
            if name not in ("mnasnet0_5", "squeezenet1_1", "shufflenet_v2_x0_5")
        ),
    ],
)
def test_a_model_is_what_torchvisions_own_constructor_gives(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs, metadata = both(model, tmp_path, monkeypatch)
    assert settings(ours) == settings(theirs)
    mine, published = ours.state_dict(), theirs.state_dict()
    assert mine.keys() == published.keys()
    assert all(torch.equal(mine[name], published[name]) for name in mine)
    size = crop(model) if model.startswith(("vit", "maxvit")) else 96
    images = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(2))
    if model != "vit_h_14":  # a trillion products for each
        with torch.inference_mode():
            assert torch.equal(ours(images), theirs(images))
    assert "weights" in metadata


@pytest.mark.parametrize("model", ["densenet121", "googlenet", "inception_v3"])
def test_the_models_that_torchvision_loads_in_a_way_of_its_own(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs, _ = both(model, tmp_path, monkeypatch)
    assert settings(ours) == settings(theirs)
    mine, published = ours.state_dict(), theirs.state_dict()
    assert mine.keys() == published.keys()
    assert all(torch.equal(mine[name], published[name]) for name in mine)


@pytest.mark.parametrize("counters", [True, False])
def test_published_names_of_a_densenet_load_from_any_origin(
    counters: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = torchvision.densenet121().state_dict()
    old = {DENSE.sub(r"\1.\2", name): value for name, value in own.items()}
    path = tmp_path / "densenet121-a639ec97.pth"
    torch.save(old if counters else as_once(own), path)
    monkeypatch.setattr(checkpoints, "fetch_weights", lambda *_: path)
    for build in (build_of("densenet121"), build_from_file("densenet121", path)):
        module, _ = construct(build, Search(), for_accuracy=True)
        state = module.state_dict()
        assert all(torch.equal(state[n], own[n]) for n in own if "num_batches" not in n)


@pytest.mark.parametrize("model", ["googlenet", "inception_v3"])
def test_the_model_that_is_counted_is_the_one_that_is_evaluated(model: str) -> None:
    pretrained = build_of(model)
    with torch.device("meta"):
        assert factory(pretrained, Path())().transform_input is True
    text = SPEC.replace(", weights: {torchvision: MEMBER}", "").replace("MODEL", model)
    text = text.replace("SIZE", "64").replace("CLASSES", "1000")
    plain = plan(loads(text), name="t", spec_dir=Path()).builds["M"]
    assert (
        plain.dependencies["complexity"]["model"] != pretrained.dependencies["complexity"]["model"]
    )
    with torch.device("meta"):
        assert factory(plain, Path())().transform_input is False


def test_image_sizes_of_transformers_follow_their_weights() -> None:
    for model in (name for name in MODELS if name.startswith("vit")):
        for name, member in torchvision.get_model_weights(model).__members__.items():
            size = wanted(model, name).args.get("image_size", 224)
            assert (size, size) == member.meta["min_size"], (model, name)


def test_a_spec_may_say_otherwise() -> None:
    build = build_of("inception_v3", weights="args: {transform_input: false}")
    assert build.options.args == {"transform_input": False}


def test_weights_for_another_number_of_classes() -> None:
    with pytest.raises(MeasureError) as error:
        construct(build_of("resnet18", classes="10"), Search(offline=True), for_accuracy=True)
    assert str(error.value) == (
        "the weights DEFAULT of torchvision/resnet18 are for 1,000 classes, and the model is "
        "built for 10"
    )
    assert error.value.hint == (
        "Evaluate it on a data set of 1,000 classes, or load weights from a file."
    )


# Preprocessing.


def test_mean_and_deviation_of_all_published_weights_are_known_without_torchvision() -> None:
    for model in MODELS:
        for name, member in torchvision.get_model_weights(model).__members__.items():
            preset = member.transforms()
            figures = tuple(preset.mean), tuple(preset.std)
            assert wanted(model, name).normalization == figures, (model, name)


@pytest.mark.parametrize(
    ("changes", "mean"),
    [
        ({}, [0.5] * 3),
        ({"weights": "normalize: imagenet"}, [0.485, 0.456, 0.406]),
        ({"shape": "normalize: cifar10"}, [0.4914, 0.4822, 0.4465]),
        ({"weights": "normalize: imagenet", "shape": "normalize: cifar10"}, [0.485, 0.456, 0.406]),
    ],
)
def test_images_are_normalised_as_the_weights_want_unless_the_spec_says_otherwise(
    changes: dict[str, str], mean: list[float]
) -> None:
    assert build_of("efficientnet_v2_l", **changes).normalization.mean == mean


def test_the_report_says_what_of_the_preprocessing_is_not_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, metadata = both("mnasnet0_5", tmp_path, monkeypatch)
    assert metadata["weights"].endswith(
        "; images normalised by mean 0.485, 0.456, 0.406 and std 0.229, 0.224, 0.225, as the "
        "weights want; the weights' resize to 256 (bilinear) and crop to 224 are not applied: "
        "images are 3×64×64, as the data set gives them"
    )
    build = build_of("mnasnet0_5", weights="normalize: {mean: [0.5], std: [0.5]}")
    _, metadata = construct(build, Search(), for_accuracy=True)
    assert (
        "; images normalised by mean 0.5, 0.5, 0.5 and std 0.5, 0.5, 0.5, where the weights want "
        "mean 0.485, 0.456, 0.406 and std 0.229, 0.224, 0.225; the weights' resize to "
    ) in metadata["weights"]
