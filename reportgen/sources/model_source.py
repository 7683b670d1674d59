"""What a source of models declares, and what it says of each model that a spec may name.

A source knows its models by name: nothing of a library is imported before a model is built.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from reportgen.common.errors import MeasureError, UsageError
from reportgen.common.fingerprint import digest

Normalization: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation of each channel."""


class UnknownModelError(UsageError, KeyError):
    """No model has this name; `hint` says which may be meant, or how to write one."""

    def __init__(self, source: str, hint: str = "") -> None:
        super().__init__(source)
        self.source = source
        self.hint = hint

    def __str__(self) -> str:
        return f"unknown model '{self.source}'"


@dataclass(frozen=True)
class Wanted:
    """What published weights need: arguments of the factory, normalisation of images."""

    args: Mapping[str, object] = field(default_factory=dict)
    normalization: Normalization | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A published file of weights.

    `classes` is the number of classes that it knows, 0 where nobody says. `transforms` says what
    is to be done to images besides normalising them ("resize to 256 and crop to 224"). Tensors
    whose names begin with one of `extra` are left out if the model does not have them.
    """

    url: str
    sha256: str
    classes: int = 0
    transforms: str = ""
    extra: Sequence[str] = ()


@dataclass(frozen=True)
class ModelEntry:
    """A model that a spec names. Nothing is imported yet.

    Attributes:
        source: the name, as a spec writes it.
        target: its factory, `module:attribute`; empty if no installed package has it.
        summary: one line for `reportgen list models`.
        args: the keyword arguments that a spec may give, with their defaults; None where only the
            factory knows.
        preset: arguments that the factory gets unless the spec gives others.
        classes_argument: the argument for the number of classes; empty where there is none.
        example_inputs: a spec's `inputs`, for a model that takes no images.
        package: the installed package whose version is recorded, and makes figures stale.
        runs_foreign_code: whether building it runs code that no installed package ships.
    """

    source: str
    target: str
    summary: str = ""
    args: Mapping[str, object] | None = None
    preset: Mapping[str, object] = field(default_factory=dict)
    classes_argument: str = "num_classes"
    example_inputs: str = ""
    package: str = ""
    runs_foreign_code: bool = False

    @property
    def start(self) -> str | Path | None:
        """The module or file that defines it: what this imports makes figures stale, too.

        None where the version of `package` alone decides.
        """
        return self.target.rpartition(":")[0] or None

    def identity(self, spec_dir: Path) -> str:
        """Digest what tells it from others, where the file of the user's own code does not.

        Raises OSError where that cannot be read.
        """
        return digest(self.target)

    @property
    def version(self) -> str:
        """Version of its package; empty if there is none."""
        return installed_version(self.package) if self.package else ""

    @property
    def package_text(self) -> str:
        """Its package as the report shows it; empty if there is none."""
        return f"{self.package} {self.version}".strip()

    def factory(self, spec_dir: Path) -> Callable[..., Any]:
        """Import what makes it: a function of keyword arguments that returns a module."""
        module, attribute = self.module(spec_dir), self.target.rpartition(":")[2]
        try:
            return getattr(module, attribute)  # type: ignore[no-any-return]
        except AttributeError:
            raise MeasureError(
                f"there is no '{attribute}' in {self.source.rpartition(':')[0]}"
            ) from None

    def module(self, spec_dir: Path) -> Any:
        """Import the module that its factory is in."""
        return importlib.import_module(self.target.rpartition(":")[0])

    def image_args(self, shape: tuple[int, ...]) -> Mapping[str, object]:
        """Return the arguments that follow from the shape of images: channels, height, width."""
        follow = {"in_channels": shape[0], "image_size": shape[-1]}
        return {name: value for name, value in follow.items() if name in (self.args or ())}

    def wanted(self, member: str) -> Wanted:
        """Return what the published weights of this name need; imports nothing."""
        return Wanted()

    def checkpoint(self, member: str) -> Checkpoint:
        """Return the file of the published weights of this name; may import the library.

        Raises MeasureError, with the names there are, if there are no such weights.
        """
        raise NotImplementedError(f"nobody publishes weights of {self.source}")


@dataclass(frozen=True)
class ModelSource:
    """A source of models: `form` shows how a spec names one, `summary` what they are.

    `models` are those that it can list, by name. A source that cannot list all of its models
    overrides `find`. `weights` is an example of the weights that it publishes by name, if it does:
    a spec writes `weights: {SOURCE: NAME}`.
    """

    form: str
    summary: str
    models: Mapping[str, ModelEntry] = field(default_factory=dict)
    weights: str = ""

    def find(self, name: str) -> ModelEntry:
        """Return the model of this name; raise UnknownModelError. Imports no library.

        An error without a hint gets one from the names that all sources list.
        """
        if entry := self.models.get(name):
            return entry
        raise UnknownModelError(name)


@functools.cache
def installed_version(package: str) -> str:
    """Return the version of a package, whatever it was compiled for; empty if there is none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return ""
