"""Build → a module that is ready to run: constructed, given its weights, quantised."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reportgen.builds import fit, heads, state_dicts
from reportgen.builds.checkpoint_file import read_checkpoint
from reportgen.builds.example_inputs import example
from reportgen.builds.freeze import freeze
from reportgen.builds.quantize import quantize
from reportgen.common import cache, fingerprint
from reportgen.common.errors import MeasureError, MissingError, UnfitError, did_you_mean
from reportgen.data.batches import batches
from reportgen.data.search import Search
from reportgen.data.splits import load, part_read
from reportgen.plan import checkpoints
from reportgen.plan.plan import Build
from reportgen.sources.model_source import Checkpoint
from reportgen.spec.model import Calibrate, Fit, Weights

# The seed of weights that nothing else gives: times and counts do not depend on them, and the same
# spec makes the same module.
SEED = 0

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_CALIBRATION_BATCH = 32


def factory(build: Build, spec_dir: Path) -> Callable[[], nn.Module]:
    """Return a function that makes the build's module, heads and all, its weights random.

    The factory is told a class count only if it takes one. Raises MeasureError if it cannot be
    imported, or cannot be told a count that the spec asks for. The function raises UnfitError where
    the module does not take what the spec gives it.
    """
    entry = build.entry
    make = _imported(build, spec_dir)
    kwargs = _arguments(build, make)

    def seeded() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            try:
                module = make(**copy.deepcopy(kwargs))
            except Exception as error:
                raise MeasureError(
                    f"building {entry.source} raised {type(error).__name__}: {error}",
                    "Check `args` and the class count."
                    if build.classes
                    else "Check `args`; if it must be told how many classes, add `classes: [10]`.",
                ) from error
        if not isinstance(module, nn.Module):
            raise MeasureError(
                f"the factory {entry.source} returned an object of type {type(module).__name__}, "
                "not a torch.nn.Module"
            )
        _check_names(module, [entry.name for entry in build.inputs])
        if build.options.heads is not None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(SEED)
                heads.attach(
                    module, build.options.heads, num_classes=build.classes, shown=example(build, 1)
                )
        if build.options.freeze is not None:
            freeze(module, build.options.freeze)
        return module

    vars(seeded)["__wrapped__"] = make  # counting looks whether it keeps what it builds
    return seeded


def own_classes(build: Build, spec_dir: Path) -> dict[str, str]:
    """Return the fact that a factory takes no class count, or an empty one; raise MeasureError."""
    argument = build.entry.classes_argument
    if not build.classes or _takes(_imported(build, spec_dir), argument):
        return {"classes": ""}
    return {"classes": f"its own, its factory takes no '{argument}'" if argument else "its own"}


def _arguments(build: Build, make: Callable[..., Any]) -> dict[str, Any]:
    """Return the keyword arguments of a build's factory; raise MeasureError."""
    entry = build.entry
    kwargs = {**entry.preset, **build.options.args}
    if build.classes:
        if _takes(make, entry.classes_argument):
            kwargs[entry.classes_argument] = build.classes
        elif build.classes != build.data.source.classes:
            taken = entry.classes_argument or "num_classes"
            raise MeasureError(
                f"{entry.source} takes no '{taken}', and is to be built for "
                f"{build.classes} classes",
                f"Add the argument '{taken}' to it, or remove `classes`.",
            )
    return {**entry.image_args(build.input_shape), **kwargs} if build.input_shape else kwargs


def _takes(make: Callable[..., Any], argument: str) -> bool:
    """Whether a factory has a keyword argument; taken to be so where its signature is not known."""
    if not argument:
        return False
    try:
        parameters = inspect.signature(make).parameters
    except (TypeError, ValueError):
        return True
    if any(entry.kind is entry.VAR_KEYWORD for entry in parameters.values()):
        return True
    entry = parameters.get(argument)
    return entry is not None and entry.kind in _NAMED


def _check_names(module: nn.Module, given: Sequence[str]) -> None:
    """Refuse inputs under names that a forward does not take, or without one that it needs."""
    if not given:
        return
    try:
        parameters = inspect.signature(module.forward).parameters
    except (TypeError, ValueError):  # of a compiled module: running it will tell
        return
    owner = f"the forward of {type(module).__name__}"
    by_name = {name: entry for name, entry in parameters.items() if entry.kind in _NAMED}
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
    """Return the build's module in eval mode, and metadata about it for the record.

    Weights are loaded (or fitted, anew with `refresh`) only `for_accuracy`: a time does not depend
    on them. Raises MeasureError when weights, data or code are missing or do not fit.
    """
    metadata: dict[str, str] = {}
    if for_accuracy:
        module, metadata = _with_weights(build, search, refresh=refresh)
    else:
        module = factory(build, search.spec_dir)()
    metadata |= own_classes(build, search.spec_dir)
    module.eval()
    if build.options.quantize is None:
        return module, metadata
    calibration = None
    if build.options.quantize.scheme == "int8-static" and for_accuracy:
        calibration = _calibration(build, build.options.quantize.calibrate or Calibrate(), search)
    return in_int8(build, module, calibration), metadata


def in_int8(
    build: Build, module: nn.Module, calibration: Iterator[Tensor] | None = None
) -> nn.Module:
    """Quantise a build's module as its spec says; without calibration images, on random ones."""
    assert build.options.quantize is not None, "asked for builds in int8 only"
    recipe = build.options.quantize
    if build.inputs:
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
    build: Build, search: Search, *, refresh: bool
) -> tuple[nn.Module, dict[str, str]]:
    recipe = build.options.weights
    assert recipe is not None, "a build without weights is never evaluated"
    if recipe.published:
        return _pretrained(build, recipe.published[1], search)
    make = factory(build, search.spec_dir)
    if recipe.fit is not None:
        return _fitted(build, recipe.fit, make, search, refresh=refresh)
    path = checkpoints.fetch_weights(recipe, search)
    # Weights of the model without its heads are enough: what is evaluated is its own output.
    module, taken = state_dicts.load(
        make,
        read_checkpoint(path),
        path.name,
        key=recipe.key,
        optional=f"{heads.NAME}." if build.options.heads is not None else "",
    )
    return module, {"weights": ", ".join([_pinned(path), *([taken] if taken else [])])}


def _pinned(path: Path) -> str:
    return f"{path.name}, SHA-256 {cache.file_sha256(path)}"


def _fitted(
    build: Build, recipe: Fit, make: Callable[[], nn.Module], search: Search, *, refresh: bool
) -> tuple[nn.Module, dict[str, str]]:
    split = load(build.data.source, recipe.split, search)
    normalization, options = build.normalization, build.options
    added, frozen = options.heads, options.freeze
    # Quantising comes after training: an int8 build shares its float twin's checkpoint.
    key = fingerprint.digest(
        [
            build.entry.source,
            dict(options.args),
            build.classes,
            build.dependencies["accuracy"]["code"],
            recipe.model_dump(exclude_defaults=True),
            normalization.model_dump(),
            split.fingerprint,
            *filter(None, [build.dependencies["accuracy"].get("imports")]),
            *([repr(added), repr(frozen)] if added or frozen else []),
        ]
    )
    state = fit.fitted(key, lambda: fit.fit(make, split, recipe, normalization), refresh=refresh)
    module = make()
    state_dicts.load_into(module, state)
    fitted_on = part_read(build.data.source, recipe.split, len(split))
    return module, {
        "weights": f"fitted here, {recipe.epochs} epochs, seed {recipe.seed}{fitted_on}"
    }


def _pretrained(build: Build, name: str, search: Search) -> tuple[nn.Module, dict[str, str]]:
    """Make a model with weights that its source publishes, from a verified file."""
    entry = build.entry
    found = checkpoints.published(entry, name)
    if found.classes and found.classes != build.classes:
        raise MeasureError(
            f"the weights {name} of {entry.source} are for {found.classes:,} classes, and the "
            f"model is built for {build.classes:,}",
            f"Evaluate it on a data set of {found.classes:,} classes, or load weights from a file.",
        )
    path = checkpoints.fetch_weights(Weights(url=found.url, sha256=found.sha256), search)
    make = factory(build, search.spec_dir)
    content = read_checkpoint(path)
    _leave_out(content, found.extra, make)
    module, _ = state_dicts.load(make, content, path.name)
    return module, {"weights": f"{_pinned(path)}; images normalised by {_used(build, name, found)}"}


def _leave_out(content: Any, extra: Sequence[str], make: Callable[[], nn.Module]) -> None:
    """Remove tensors that the model may lack, such as heads for training, where it does."""
    if not extra:
        return
    own = make().state_dict()
    for name in [name for name in content if name.startswith(tuple(extra)) and name not in own]:
        del content[name]


def _used(build: Build, name: str, found: Checkpoint) -> str:
    """Say what of the preprocessing that belongs to published weights is applied."""
    used, wanted = build.normalization, build.entry.wanted(name).normalization
    applied = _figures(used.mean, used.std)
    if wanted is None:
        return applied
    meant = _figures(*wanted)
    same = "as the weights want" if meant == applied else f"where the weights want {meant}"
    if not found.transforms:
        return f"{applied}, {same}"
    return (
        f"{applied}, {same}; the weights' {found.transforms} are not applied: images "
        f"are {'×'.join(map(str, build.input_shape))}, as the data set gives them"
    )


def _figures(mean: Sequence[float], std: Sequence[float]) -> str:
    return f"mean {', '.join(f'{v:g}' for v in mean)} and std {', '.join(f'{v:g}' for v in std)}"


def _imported(build: Build, spec_dir: Path) -> Callable[..., Any]:
    entry = build.entry
    if not entry.target:
        raise MissingError(
            f"no installed package has the model '{entry.source}'", "Install the one that has it."
        )
    try:
        return entry.factory(spec_dir)
    except MeasureError:
        raise
    except Exception as error:
        raise MeasureError(
            f"importing {entry.source} raised {type(error).__name__}: {error}",
            "Check the path, and that its packages are installed.",
        ) from error
