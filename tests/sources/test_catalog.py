"""The tables of models are written by hand: these tests hold them to what they name."""

from __future__ import annotations

import importlib
import inspect

import pytest

from reportgen.common.registry import PluginError
from reportgen.sources import packages
from reportgen.sources.catalog import MODEL_SOURCES, find
from reportgen.sources.model_source import ModelEntry, UnknownModelError

ZOO = MODEL_SOURCES["zoo"].models
TORCHVISION = MODEL_SOURCES["torchvision"].models
TAIL = "`reportgen list models` lists all."


@pytest.mark.parametrize("entry", ZOO.values(), ids=list(ZOO))
def test_a_zoo_entry_names_a_factory_with_these_arguments(entry: ModelEntry) -> None:
    module, _, name = entry.target.partition(":")
    signature = inspect.signature(getattr(importlib.import_module(module), name))
    optional = {
        key: parameter.default
        for key, parameter in signature.parameters.items()
        if key != entry.classes_argument
    }
    assert (entry.classes_argument in signature.parameters) != bool(entry.example_inputs)
    assert entry.args == optional


def test_torchvision_is_listed_whole() -> None:
    from torchvision import models

    assert list(TORCHVISION) == [f"torchvision/{name}" for name in models.list_models(models)]


@pytest.mark.parametrize("source", [*ZOO, *TORCHVISION])
def test_every_entry_is_found_under_its_name(source: str) -> None:
    assert find(source).source == source


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("python/lab.nets:make", "lab.nets:make"),
        ("nets/mine.py:make", "nets/mine.py:make"),
        ("zoo/mine.py:make", "zoo/mine.py:make"),  # a folder may have the name of a source
    ],
)
def test_code_of_the_user_is_recognised(source: str, target: str) -> None:
    entry = find(source)
    assert (entry.source, entry.target, entry.args) == (source, target, None)
    assert entry.runs_foreign_code


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("zoo/resnet_light", f"Did you mean 'zoo/resnet_lite'? {TAIL}"),
        ("resnet18", f"Did you mean 'torchvision/resnet18'? {TAIL}"),
        ("zoo/resnet18", f"Did you mean 'torchvision/resnet18'? {TAIL}"),
        ("torchvison/resnet18", f"Did you mean 'torchvision/resnet18'? {TAIL}"),
        ("torchvison/resnet81", f"Did you mean 'torchvision/resnet18'? {TAIL}"),
        ("pyton/lab.nets:make", f"Did you mean 'python/lab.nets:make'? {TAIL}"),
        ("python/lab.nets", "Write python/PACKAGE.MODULE:FACTORY."),
        ("python/lab-nets:make", "Write python/PACKAGE.MODULE:FACTORY."),
        ("mine.py", "Write PATH/TO/FILE.py:FACTORY."),
        ("???", TAIL),
    ],
)
def test_an_unknown_name_says_what_to_write(source: str, hint: str) -> None:
    with pytest.raises(UnknownModelError) as caught:
        find(source)
    assert str(caught.value) == f"unknown model '{source}'"
    assert caught.value.hint == hint


def declare(monkeypatch: pytest.MonkeyPatch, *targets: str) -> None:
    """Install packages that each declare the model `lab/net`, as far as importlib says."""
    from importlib import metadata

    def entry_points(*, group: str, name: str = "") -> list[metadata.EntryPoint]:
        asked = group == packages.GROUP and name == "lab/net"
        return [metadata.EntryPoint(name, target, group) for target in targets if asked]

    monkeypatch.setattr(metadata, "entry_points", entry_points)


def test_a_package_may_add_single_models(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, "reportgen.zoo.digits:digits_mlp")
    entry = find("lab/net")
    assert (entry.target, entry.start) == (
        "reportgen.zoo.digits:digits_mlp",
        "reportgen.zoo.digits",
    )
    assert not entry.runs_foreign_code


def test_a_model_of_two_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, "lab.nets:net", "mine.nets:net")
    with pytest.raises(PluginError) as caught:
        find("lab/net")
    assert str(caught.value) == (
        "the packages lab and mine both declare the model 'lab/net'. Uninstall one of them."
    )
