"""Models without memory: parameters on the ``meta`` device, shapes only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import is_lazy
from torch.utils.weak import WeakIdKeyDictionary

_LOCK = threading.RLock()


def build_on_meta(factory: Callable[[], nn.Module]) -> nn.Module:
    """Build a model whose parameters and buffers have shapes but no storage.

    Each parameter moves to ``meta`` as its module registers it, so the initialisation that follows
    costs nothing. Everything else in the constructors runs on real tensors (some draw random
    numbers, or read values out of buffers); the buffers move at the end.

    Args:
        factory: builds the model; whatever it raises is passed on.

    Returns:
        The model, on ``meta``; tied parameters stay tied.
    """
    thread = threading.get_ident()
    moved = WeakIdKeyDictionary()  # one real parameter registered twice is one on meta, too

    def to_meta(module: nn.Module, name: str, parameter: nn.Parameter) -> nn.Parameter | None:
        if threading.get_ident() != thread or parameter.is_meta or is_lazy(parameter):
            return None
        if parameter not in moved:
            twin = nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)
            twin.__dict__.update(parameter.__dict__)
            moved[parameter] = twin
        replacement: nn.Parameter = moved[parameter]
        return replacement

    with _LOCK:
        handle = register_module_parameter_registration_hook(cast(Any, to_meta))
        try:
            model = factory()
        finally:
            handle.remove()
    with torch.no_grad():
        return model.to("meta")
