"""Freezing: parameters that training leaves alone, chosen by the paths of their modules."""

from __future__ import annotations

from fnmatch import fnmatchcase

from torch import nn

from reportgen.builds.heads import Heads
from reportgen.common.errors import MeasureError, did_you_mean
from reportgen.spec.variants import Freeze


def freeze(model: nn.Module, what: Freeze) -> None:
    """Freeze a part of a model, in place.

    `backbone` is all but the heads and the last linear layer. A list holds patterns of module
    paths: each freezes matching modules with all that they hold, or thaws them with a `!` in front;
    the last match wins. Raises MeasureError for a pattern that matches no module.
    """
    patterns = _all_but_classifiers(model) if what == "backbone" else what
    for pattern in patterns:
        path = pattern.removeprefix("!")
        matching = [module for name, module in model.named_modules() if fnmatchcase(name, path)]
        if not matching:
            known = (name for name, _ in model.named_modules() if name)
            raise MeasureError(
                f"'{path}' matches no module to freeze", did_you_mean(path, known, show=20)
            )
        for module in matching:
            module.requires_grad_(pattern != path)


def _all_but_classifiers(model: nn.Module) -> list[str]:
    heads = [path for path, module in model.named_modules() if isinstance(module, Heads)]
    linear = [
        path
        for path, module in model.named_modules()
        if isinstance(module, nn.Linear) and not any(path.startswith(f"{h}.") for h in heads)
    ]
    if not linear:
        raise MeasureError(
            f"{type(model).__name__} has no linear layer, so its backbone is not known",
            'List patterns of module paths instead: `freeze: ["*", "!classifier"]`.',
        )
    return ["*", *(f"!{path}" for path in (linear[-1], *heads))]
