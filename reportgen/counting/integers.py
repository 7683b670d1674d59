"""Integers and booleans keep their values while floating-point numbers stay on ``meta``.

Models read values out of positions, masks and sizes, and not out of what their weights compute. So
a tensor of integers stays on the CPU, where it has values, and an operation that takes it together
with tensors on ``meta`` takes its shape alone. What would need the value of a floating-point number
raises an error, as on ``meta``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_any, tree_map_only

_META = torch.device("meta")
_INDEXING = frozenset({"index", "index_put", "index_put_", "_unsafe_index", "_unsafe_index_put"})


def keeps_values(tensor: Tensor) -> bool:
    """Whether a tensor stays where it is when a model moves to ``meta``."""
    return not (tensor.is_floating_point() or tensor.is_complex())


def to_meta(tensor: Tensor) -> Tensor:
    """Move a tensor to ``meta``, unless it keeps its values."""
    return tensor if keeps_values(tensor) else tensor.to(_META)


def run(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return what ``func(*args, **kwargs)`` returns; see above for operands of both kinds."""
    kwargs = dict(kwargs)
    if "device" in kwargs and kwargs["device"] != torch.device("cpu"):
        if (made := _made(func, args, kwargs)) is not None:
            return made
    abstract = tree_any(_is_abstract, (args, kwargs))
    if not abstract:
        return func(*args, **kwargs)
    if _takes_device(func) and "_to_copy" in str(func):
        return func(*args, **kwargs | {"device": _META})
    if tree_any(_is_real, (args, kwargs)):
        _refuse_to_write(func, args, kwargs)
        args = _with_places(func, args)
        args, kwargs = tree_map_only(Tensor, _abstract, (args, kwargs))
    return func(*args, **kwargs)


def _made(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """Make integers on the CPU that are asked for on ``meta``; None for anything else."""
    if not _takes_device(func) or torch.device(kwargs["device"]) != _META:
        return None
    copies = "_to_copy" in str(func)
    if copies and _is_abstract(args[0]):
        return None
    out = func(*args, **kwargs)
    if not isinstance(out, Tensor) or not keeps_values(out):
        return None
    made: Tensor = func(*args, **kwargs | {"device": torch.device("cpu")})
    return made


@cache
def _takes_device(func: Any) -> bool:
    return isinstance(func, torch._ops.OpOverload) and any(
        argument.name == "device" for argument in func._schema.arguments
    )


@cache
def _written(func: Any) -> tuple[tuple[int, str], ...]:
    """Positions and names of the arguments that an operation writes to."""
    if not isinstance(func, torch._ops.OpOverload):
        return ()
    return tuple(
        (position, argument.name)
        for position, argument in enumerate(func._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    )


def _refuse_to_write(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    for position, name in _written(func):
        target = args[position] if position < len(args) else kwargs.get(name)
        if _is_real(target):
            raise NotImplementedError(f"{func} writes values that are on the meta device")


def _with_places(func: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Replace masks by the places that they select, whose number is the shape of the result."""
    if not isinstance(func, torch._ops.OpOverload):
        return args
    if func._overloadpacket.__name__ not in _INDEXING:
        return args
    indices: list[Any] = []
    for index in args[1]:
        is_mask = _is_real(index) and index.dtype in (torch.bool, torch.uint8)
        indices += index.nonzero().unbind(1) if is_mask else [index]
    return (args[0], indices, *args[2:])


def _is_abstract(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_meta


def _is_real(value: Any) -> bool:
    return isinstance(value, Tensor) and not value.is_meta


def _abstract(tensor: Tensor) -> Tensor:
    return tensor if tensor.is_meta else torch.empty_like(tensor, device=_META)
