"""The catalogue is a table written by hand: these tests hold it to what it names."""

from __future__ import annotations

import importlib
import inspect

import pytest

from reportgen.sources import catalog
from reportgen.sources.catalog import MODELS, TORCHVISION, ZOO, UnknownModelError


@pytest.mark.parametrize("entry", ZOO.values(), ids=list(ZOO))
def test_a_zoo_entry_names_a_factory_with_these_arguments(entry: catalog.ModelEntry) -> None:
    module, _, name = entry.target.partition(":")
    signature = inspect.signature(getattr(importlib.import_module(module), name))
    optional = {
        key: parameter.default
        for key, parameter in signature.parameters.items()
        if key != entry.classes_argument
    }
    assert (entry.classes_argument in signature.parameters) != bool(entry.inputs)
    assert entry.args == optional


def test_torchvision_is_listed_whole_with_its_input_sizes() -> None:
    from torchvision import models as torchvision

    sizes = {
        f"torchvision/{name}": torchvision.get_model_weights(name).DEFAULT.transforms().crop_size[0]
        for name in torchvision.list_models(module=torchvision)
    }
    assert {source: entry.input_shape for source, entry in TORCHVISION.items()} == {
        source: (3, size, size) for source, size in sizes.items()
    }


@pytest.mark.parametrize("source", list(MODELS))
def test_every_entry_is_found_under_its_name(source: str) -> None:
    assert catalog.find(source).source == source


@pytest.mark.parametrize(
    ("source", "origin", "target"),
    [
        ("python/lab.nets:make", "python", "lab.nets:make"),
        ("nets/mine.py:make", "file", "nets/mine.py:make"),
    ],
)
def test_code_of_ones_own_is_recognised(source: str, origin: str, target: str) -> None:
    entry = catalog.find(source)
    assert (entry.origin, entry.target, entry.args) == (origin, target, None)
    assert entry.runs_foreign_code


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("zoo/resnet_light", "Did you mean 'zoo/resnet_lite'? `reportgen list models` lists all."),
        ("resnet18", "Did you mean 'torchvision/resnet18'? `reportgen list models` lists all."),
        ("python/lab.nets", "Write python/PACKAGE.MODULE:FACTORY."),
        ("python/lab-nets:make", "Write python/PACKAGE.MODULE:FACTORY."),
        ("mine.py", "Write PATH/TO/FILE.py:FACTORY."),
        ("???", "`reportgen list models` lists all."),
    ],
)
def test_an_unknown_name_says_what_to_write(source: str, hint: str) -> None:
    with pytest.raises(UnknownModelError) as caught:
        catalog.find(source)
    assert str(caught.value) == f"unknown model '{source}'"
    assert caught.value.hint == hint


def test_an_installed_package_may_add_models(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    point = metadata.EntryPoint("lab/net", "reportgen.zoo.digits:digits_mlp", catalog.ENTRY_POINTS)

    def entry_points(*, group: str, name: str) -> list[metadata.EntryPoint]:
        return [point] if (group, name) == (point.group, point.name) else []

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    entry = catalog.find("lab/net")
    assert (entry.origin, entry.target) == ("plugin", "reportgen.zoo.digits:digits_mlp")
    assert not entry.runs_foreign_code
