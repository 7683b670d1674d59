"""Build → a module that is ready to run: constructed, given its weights, quantised."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reportgen import fingerprint
from reportgen.builds import checkpoints, fit, heads, weights
from reportgen.builds.examples import example
from reportgen.builds.freeze import freeze
from reportgen.builds.quantize import quantize
from reportgen.data.batches import batches
from reportgen.data.load import load
from reportgen.data.source import Search
from reportgen.errors import MeasureError, UnfitError, did_you_mean
from reportgen.plan import Build
from reportgen.spec.model import Calibrate

# The seed of weights that nothing else gives: times and counts do not depend on them, and the same
# spec makes the same module.
SEED = 0

# What torchvision's factories do that a report must not: warn about random initialisation (and
# take seconds for it), or add GoogLeNet's training heads, which its published figures leave out.
_TORCHVISION_ARGS: Mapping[str, Mapping[str, Any]] = {
    "torchvision/googlenet": {"init_weights": False, "aux_logits": False},
    "torchvision/inception_v3": {"init_weights": False},
}

_CALIBRATION_BATCH = 32


def factory(build: Build, spec_dir: Path) -> Callable[[], nn.Module]:
    """Return a function that makes the build's module, heads and all, its weights random.

    Raises MeasureError if the factory cannot be imported. The function raises UnfitError where the
    module does not take what the spec gives it.
    """
    entry = build.entry
    make = _imported(build, spec_dir)
    kwargs = {**_TORCHVISION_ARGS.get(entry.source, {}), **build.args}
    if build.classes:
        kwargs[entry.classes_argument] = build.classes
    if build.input_shape and entry.args is not None:
        of_images = {"in_channels": build.input_shape[0], "image_size": build.input_shape[-1]}
        kwargs = {key: of_images[key] for key in of_images if key in entry.args} | kwargs

    def seeded() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            try:
                module = make(**kwargs)
            except Exception as error:
                raise MeasureError(
                    f"building {entry.source} raised {type(error).__name__}: {error}",
                    "Check `args` and the class count."
                    if build.classes
                    else "Check `args`; if it must be told how many classes, add `classes: [10]`.",
                ) from error
        if not isinstance(module, nn.Module):
            raise MeasureError(
                f"{entry.source} gave a {type(module).__name__}, not a torch.nn.Module"
            )
        _check_names(module, [entry.name for entry in build.takes])
        if build.heads is not None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(SEED)
                heads.attach(
                    module, build.heads, num_classes=build.classes, shown=example(build, 1)
                )
        if build.freeze is not None:
            freeze(module, build.freeze)
        return module

    vars(seeded)["__wrapped__"] = make  # counting looks whether it keeps what it builds
    return seeded


def _check_names(module: nn.Module, given: Sequence[str]) -> None:
    """Refuse inputs under names that a forward does not take, or without one that it needs."""
    if not given:
        return
    try:
        parameters = inspect.signature(module.forward).parameters
    except (TypeError, ValueError):  # of a compiled module: running it will tell
        return
    owner = f"the forward of {type(module).__name__}"
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    by_name = {name: entry for name, entry in parameters.items() if entry.kind in named}
    takes_any = any(entry.kind is entry.VAR_KEYWORD for entry in parameters.values())
    for name in given:
        if name not in by_name and not takes_any:
            raise UnfitError(
                f"{owner} has no argument '{name}'", did_you_mean(name, by_name, show=20)
            )
    for name, entry in by_name.items():
        if entry.default is entry.empty and name not in given:
            raise UnfitError(f"{owner} needs '{name}' too", "Add it to `inputs`.")


def construct(
    build: Build, search: Search, *, for_accuracy: bool, refresh: bool = False
) -> tuple[nn.Module, dict[str, str]]:
    """Return the build's module in eval mode, and facts about it for the record.

    Weights are loaded (or fitted, anew with `refresh`) only `for_accuracy`: a time does not depend
    on them. Raises MeasureError when weights, data or code are missing or do not fit.
    """
    make = factory(build, search.spec_dir)
    facts: dict[str, str] = {}
    if for_accuracy:
        module, facts = _with_weights(build, make, search, refresh=refresh)
    else:
        module = make()
    module.eval()
    if build.quantize is None:
        return module, facts
    calibration = None
    if build.quantize.scheme == "int8-static" and for_accuracy:
        calibration = _calibration(build, build.quantize.calibrate or Calibrate(), search)
    return in_int8(build, module, calibration), facts


def in_int8(
    build: Build, module: nn.Module, calibration: Iterator[Tensor] | None = None
) -> nn.Module:
    """Quantise a build's module as its spec says; without calibration images, on random ones."""
    assert build.quantize is not None, "asked for builds in int8 only"
    recipe = build.quantize
    if build.takes:
        return quantize(module, scheme=recipe.scheme, example=example(build, 1)[1])
    images = _random_images(build.input_shape)
    if calibration is None and recipe.scheme == "int8-static":
        calibration = iter([images])
    return quantize(
        module,
        scheme=recipe.scheme,
        example=images[:1],
        calibration=calibration,
        unfused=recipe.unfused,
    )


def _random_images(shape: tuple[int, ...]) -> Tensor:
    return torch.randn((8, *shape), generator=torch.Generator().manual_seed(SEED))


def _calibration(build: Build, recipe: Calibrate, search: Search) -> Iterator[Tensor]:
    split = load(build.data.source, recipe.split, search)
    for images, _ in batches(split, _CALIBRATION_BATCH, build.normalization, limit=recipe.samples):
        yield images


def _with_weights(
    build: Build, make: Callable[[], nn.Module], search: Search, *, refresh: bool
) -> tuple[nn.Module, dict[str, str]]:
    recipe = build.weights
    assert recipe is not None, "a build without weights is never evaluated"
    if (fitting := recipe.fit) is not None:
        split = load(build.data.source, fitting.split, search)
        normalization = build.normalization
        # Quantising comes after training: an int8 build shares its float twin's checkpoint.
        key = fingerprint.digest(
            [
                build.entry.source,
                dict(build.args),
                build.classes,
                build.inputs["accuracy"]["code"],
                fitting.model_dump(exclude_defaults=True),
                normalization.model_dump(),
                split.fingerprint,
                *([repr(build.heads), repr(build.freeze)] if build.heads or build.freeze else []),
            ]
        )
        state = fit.fitted(
            key, lambda: fit.fit(make, split, fitting, normalization), refresh=refresh
        )
        facts = {"weights": f"fitted here, {fitting.epochs} epochs, seed {fitting.seed}"}
    else:
        if recipe.torchvision is not None:
            name = build.entry.source.removeprefix("torchvision/")
            recipe = weights.torchvision_weights(name, recipe.torchvision)
        path = checkpoints.fetch_weights(recipe, search)
        state = weights.read_state(path)
        facts = {"weights": f"{path.name}, SHA-256 {checkpoints.weights_digest(recipe, search)}"}
    module = make()
    if build.entry.source == "torchvision/googlenet":
        own = module.state_dict()
        state = {key: value for key, value in state.items() if key in own or "aux" not in key}
    if build.heads is not None:
        # Weights of the model alone are enough: what is evaluated is its own output.
        own = module.state_dict()
        state = {k: own[k] for k in own if k.startswith(f"{heads.NAME}.")} | dict(state)
    weights.load_into(module, state)
    return module, facts


def _imported(build: Build, spec_dir: Path) -> Callable[..., Any]:
    entry = build.entry
    target, _, attribute = entry.target.rpartition(":")
    try:
        if entry.origin == "file":
            module = _module_from_file(spec_dir / target)
        else:
            if entry.origin == "python" and str(spec_dir) not in sys.path:
                sys.path.insert(0, str(spec_dir))
            module = importlib.import_module(target)
    except Exception as error:
        raise MeasureError(
            f"importing {entry.source} raised {type(error).__name__}: {error}",
            "Check the path, and that its packages are installed.",
        ) from error
    try:
        return getattr(module, attribute)  # type: ignore[no-any-return]
    except AttributeError:
        raise MeasureError(f"{entry.source}: there is no '{attribute}' in it") from None


@functools.cache
def _module_from_file(path: Path) -> Any:
    name = f"reportgen_user_{fingerprint.digest(str(path))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError("no such file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up here
    spec.loader.exec_module(module)
    return module
