"""Integers and booleans keep their values while floating-point numbers stay on ``meta``.

Models read values out of positions, masks and sizes, and not out of what their weights compute. So
a tensor of integers stays on the CPU, where it has values, and an operation that takes it together
with tensors on ``meta`` takes its shape alone. What would need the value of a floating-point number
raises an error, as on ``meta``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

_META = torch.device("meta")
_GROUPED = torch.ops.aten._grouped_mm.default
_FILLED = {
    f"{how}{what}{like}": value
    for what, value in (("ones", 1), ("zeros", 0))
    for how, like in (("", ""), ("new_", ""), ("", "_like"))
}
_INDEXING = frozenset({"index", "index_put", "index_put_", "_unsafe_index", "_unsafe_index_put"})


def keeps_values(tensor: Tensor) -> bool:
    """Whether a tensor stays where it is when a model moves to ``meta``."""
    return not (tensor.is_floating_point() or tensor.is_complex())


def to_meta(tensor: Tensor) -> Tensor:
    """Move a tensor to ``meta``, unless it keeps its values."""
    return tensor if keeps_values(tensor) else tensor.to(_META)


def run(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return what ``func(*args, **kwargs)`` returns; see above for operands of both kinds."""
    if kwargs.get("device") == _META and (made := _made(func, args, kwargs)) is not None:
        return made
    places = {tensor.is_meta for tensor in _tensors((*args, *kwargs.values()))}
    if True not in places:
        return _filled(func, func(*args, **kwargs))
    if _is_copy(func):
        known = _values(args[0], kwargs.get("dtype"))
        return func(*args, **{**kwargs, "device": _META}) if known is None else known
    if False in places:
        _refuse_to_write(func, args, kwargs)
        args = _with_places(func, args)
        args, kwargs = tree_map_only(Tensor, _abstract, (args, kwargs))
    return _filled(func, _ON_META.get(func, func)(*args, **kwargs))


def is_remembered(tensor: Tensor) -> bool:
    """Whether the values of a tensor on ``meta`` are known, because it was filled with one."""
    return hasattr(tensor, "_filled_with")


def _filled(func: Any, out: Any) -> Any:
    """Remember the value of a new tensor that has one everywhere, until it is written to."""
    value = _filling(func)
    if value is None or not _is_abstract(out) or out.is_inference():
        return out
    if keeps_values(out):
        return torch.full(out.shape, value, dtype=out.dtype)
    out._filled_with = value, out._version
    return out


@cache
def _filling(func: Any) -> int | None:
    return _FILLED.get(getattr(getattr(func, "_overloadpacket", None), "__name__", ""))


def _values(tensor: Tensor, dtype: torch.dtype | None) -> Tensor | None:
    """Make integers of a tensor that was filled with one value: a mask that masks nothing."""
    value, version = getattr(tensor, "_filled_with", (None, None))
    if value is None or dtype is None or dtype.is_floating_point or dtype.is_complex:
        return None
    return torch.full(tensor.shape, value, dtype=dtype) if tensor._version == version else None


def _grouped(first: Tensor, second: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """On meta, PyTorch multiplies groups of matrices in 16 bits only."""
    narrow = (torch.empty_like(tensor, dtype=torch.bfloat16) for tensor in (first, second))
    out: Tensor = _GROUPED(*narrow, *args, **kwargs)
    return torch.empty_like(out, dtype=first.dtype)


def _made(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    """Make integers on the CPU that are asked for on ``meta``; None for anything else."""
    if _is_copy(func) and _is_abstract(args[0]):
        return None
    out = func(*args, **kwargs)
    if not isinstance(out, Tensor) or not keeps_values(out):
        return None
    made: Tensor = func(*args, **{**kwargs, "device": torch.device("cpu")})
    return made


def _is_copy(func: Any) -> bool:
    return func is torch.ops.aten._to_copy.default


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


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


def _is_abstract(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_meta


def _is_real(value: Any) -> bool:
    return isinstance(value, Tensor) and not value.is_meta


def _abstract(tensor: Tensor) -> Tensor:
    return tensor if tensor.is_meta else torch.empty_like(tensor, device=_META)


_ON_META = {_GROUPED: _grouped}
"""What answers instead of an operation that could, and does not, on ``meta``."""
