"""Models without memory: parameters on the ``meta`` device, shapes only."""

from __future__ import annotations

import copy
import dis
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from itertools import chain
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.nn.parameter import is_lazy

from reportgen.counting.failures import CountingError
from reportgen.counting.integers import keeps_values, to_meta

# What torch.nn.init is made of.
_FILLING = ("uniform_", "normal_", "zero_", "fill_", "mul_", "add_", "erfinv_", "clamp_")
_LOCK = threading.RLock()


def build_on_meta(factory: Callable[[], nn.Module]) -> nn.Module:
    """Build a model whose parameters and buffers have shapes but no storage, integers excepted.

    Each parameter moves to ``meta`` as its module registers it, so the initialisation that follows
    costs nothing. Everything else in the constructors runs on real tensors (some draw random
    numbers, or read values out of buffers); the buffers move at the end.

    A model that was not built just now, but loaded, copied or kept by the factory, stays where it
    is: what goes to ``meta`` is a copy of it.

    Args:
        factory: builds the model; whatever it raises is passed on.

    Returns:
        The model, on ``meta``; tied parameters stay tied.

    Raises:
        CountingError: the model was not built just now, and cannot be copied.
    """
    if _may_keep(factory):
        return _copy_on_meta(factory(), _Twins())
    thread = threading.get_ident()
    twins = _Twins()
    born: set[int] = set()

    def to_meta(module: nn.Module, name: str, parameter: nn.Parameter) -> nn.Parameter | None:
        if threading.get_ident() != thread:
            return None
        born.add(id(module))
        if parameter.is_meta or is_lazy(parameter):
            return None
        # One real parameter registered twice is one on meta, too: it keeps its twin.
        return cast(nn.Parameter, twins.of(parameter))

    def note(module: nn.Module, name: str, buffer: Tensor | None) -> None:
        born.add(id(module))

    with _LOCK, _nothing_to_fill(), ExitStack() as undo:
        undo.callback(register_module_parameter_registration_hook(cast(Any, to_meta)).remove)
        undo.callback(register_module_buffer_registration_hook(note).remove)
        model = factory()
    if all(id(module) in born or not _holds_tensors(module) for module in model.modules()):
        return _moved(model)
    return _copy_on_meta(model, twins)


def _moved(model: nn.Module) -> nn.Module:
    """Move what is left to ``meta``; what is not initialised yet will be there."""
    tables = [table for m in model.modules() for table in (m._parameters, m._buffers)]
    waiting = [
        (table, name, tensor)
        for table in tables
        for name, tensor in table.items()
        if tensor is not None and is_lazy(tensor)
    ]
    for table, name, _ in waiting:
        table[name] = None
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of gradients that nobody asks for
        model = model._apply(to_meta)  # type: ignore[no-untyped-call]
    for table, name, tensor in waiting:
        table[name] = _late_twin(tensor)
    return model


def _copy_on_meta(model: nn.Module, twins: _Twins) -> nn.Module:
    """Copy a model without its values. Each tensor has one twin, however many names it has."""
    memo: dict[int, Any] = {}
    for tensor in chain(model.parameters(), model.buffers()):
        if _is_real(tensor):
            twin = twins.of(tensor)
            memo[id(tensor)] = memo[id(twin)] = twin
        elif is_lazy(tensor):
            memo[id(tensor)] = _late_twin(tensor)
    try:
        copied = copy.deepcopy(model, memo)
    except Exception as error:  # of anybody's attributes
        raise CountingError(
            f"{type(model).__name__} was not built anew, and cannot be copied to the meta device: "
            f"{str(error).partition(chr(10))[0]}"
        ) from error
    return _moved(copied)  # what a scripted part holds is copied past the memo


class _Twins:
    """Knows the twin on ``meta`` of each tensor, and keeps none of the tensors alive."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Tensor], Any]] = {}

    def of(self, tensor: Tensor) -> Any:
        """Return a tensor's twin, always the same one."""
        known = self._known.get(id(tensor))
        if known is None or known[0]() is not tensor:  # another had its place in memory before
            known = self._known[id(tensor)] = weakref.ref(tensor), _twin(tensor)
        return known[1]


def _twin(tensor: Tensor) -> Any:
    """Return a tensor on ``meta`` that has all of another but its values."""
    empty = torch.empty_like(tensor, device="meta", requires_grad=False)
    if not isinstance(tensor, nn.Parameter):
        return empty
    twin = nn.Parameter(empty, tensor.requires_grad)
    vars(twin).update(vars(tensor))
    return twin


def _late_twin(tensor: Tensor) -> Any:
    """Return an uninitialised parameter or buffer that will be on ``meta``."""
    kind: Any = type(tensor)
    return kind(requires_grad=tensor.requires_grad, device="meta")


def _holds_tensors(module: nn.Module) -> bool:
    held = chain(module._parameters.values(), module._buffers.values())
    return any(tensor is not None for tensor in held)


def _is_real(tensor: Tensor) -> bool:
    return not tensor.is_meta and not is_lazy(tensor) and not keeps_values(tensor)


def _may_keep(factory: Any) -> bool:
    """Whether a factory is seen to keep what it builds: a cache, a global, an attribute."""
    while factory is not None:
        if hasattr(factory, "cache_info") or _writes_elsewhere(factory):
            return True
        if isinstance(factory, partial):
            factory = factory.func
        else:
            factory = getattr(factory, "__wrapped__", None)
    return False


def _writes_elsewhere(factory: Any) -> bool:
    """Whether the code of a factory is seen to write to what outlives its call."""
    owner = hasattr(factory, "__self__") or not hasattr(factory, "__code__")
    if not hasattr(factory, "__code__") and not isinstance(factory, type):
        factory = type(factory).__call__
    code = getattr(factory, "__code__", None)
    if code is None:
        return False
    held = [factory.__globals__.get(name) for name in code.co_names]
    held += factory.__defaults__ or ()
    kept = owner or any(isinstance(value, (list, MutableMapping)) for value in held)
    if kept and not {"append", "setdefault"}.isdisjoint(code.co_names):
        return True
    owners = code.co_varnames[:1] if owner else ()
    before = None
    for step in dis.get_instructions(code):
        if (
            step.opname == "STORE_GLOBAL"
            or (step.opname == "STORE_DEREF" and step.argval in code.co_freevars)
            or (step.opname == "STORE_SUBSCR" and kept)
            or (step.opname == "STORE_ATTR" and before and _loads(before, owners))
        ):
            return True
        before = step
    return False


def _loads(step: dis.Instruction, names: Sequence[str]) -> bool:
    """Whether the last thing that an instruction loads is a global, or a variable of these."""
    loaded = step.argval[-1] if isinstance(step.argval, tuple) else step.argval
    return step.opname == "LOAD_GLOBAL" or (step.opname.startswith("LOAD_FAST") and loaded in names)


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
