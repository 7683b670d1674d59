"""Models without memory: parameters on the ``meta`` device, shapes only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import is_lazy

# What torch.nn.init is made of.
_FILLING = ("uniform_", "normal_", "zero_", "fill_", "mul_", "add_", "erfinv_", "clamp_")
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

    def to_meta(module: nn.Module, name: str, parameter: nn.Parameter) -> nn.Parameter | None:
        if threading.get_ident() != thread or parameter.is_meta or is_lazy(parameter):
            return None
        # One real parameter registered twice is one on meta, too: it keeps its twin.
        twin = vars(parameter).get("_on_meta")
        if twin is None:
            empty = torch.empty_like(parameter, device="meta", requires_grad=False)
            twin = nn.Parameter(empty, parameter.requires_grad)
            vars(twin).update(vars(parameter))
            vars(parameter)["_on_meta"] = twin
        return cast(nn.Parameter, twin)

    with _LOCK, _nothing_to_fill():
        handle = register_module_parameter_registration_hook(cast(Any, to_meta))
        try:
            model = factory()
        finally:
            handle.remove()
    with torch.no_grad():
        return model.to("meta")


@contextmanager
def _nothing_to_fill() -> Iterator[None]:
    """Leave tensors on ``meta`` as they are; to fill one takes PyTorch a millisecond of Python."""
    before = {name: vars(Tensor).get(name) for name in _FILLING}
    try:
        for name in _FILLING:
            setattr(Tensor, name, _unless_meta(getattr(Tensor, name)))
        yield
    finally:
        for name, method in before.items():
            if method is None:
                delattr(Tensor, name)  # it is inherited
            else:
                setattr(Tensor, name, method)


def _unless_meta(fill: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @wraps(fill)
    def method(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        operands = (*args, *kwargs.values())  # a tensor among them might not fit
        if tensor.is_meta and not any(isinstance(operand, Tensor) for operand in operands):
            return tensor
        return fill(tensor, *args, **kwargs)

    return method
