"""Counting one model: the public functions."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_map_only

from reportgen.common.errors import UnfitError
from reportgen.counting.building import build_on_meta
from reportgen.counting.crosscheck import CrossCheck
from reportgen.counting.driver import counter_name, profiled
from reportgen.counting.failures import CountingError
from reportgen.counting.integers import to_meta
from reportgen.counting.kernels import Kernels
from reportgen.counting.products import Formulas
from reportgen.counting.recorder import Recorder, first_tensor, own_parameters
from reportgen.counting.result import Count
from reportgen.record.ledger import Ledger


def count(
    model: nn.Module,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    formulas: Formulas | None = None,
) -> Count:
    """Count one forward pass ``model(*args, **kwargs)`` in evaluation mode, without gradients.

    The model and PyTorch are afterwards as they were, also when the forward raises; buffers that a
    forward changes are the model's own business. Lazy modules are initialised by a first pass.

    Args:
        model: on any device; on ``meta`` (see :func:`build_on_meta`) nothing is computed.
        args: inputs on the model's device.
        kwargs: inputs by name.
        formulas: MACs of operations of your own, by name: ``{"mylib::op": f}``. ``f`` takes the
            operation's arguments and, as ``out``, what it returned.

    Raises:
        CountingError: the model needs values, which ``meta`` does not have; PyTorch is patched by
            another profiler; or counting is under way in this thread.
        Exception: whatever else the model's forward raises.
    """
    args, kwargs = tree_map_only(Tensor, Tensor.detach, (tuple(args), dict(kwargs or {})))
    device = _device(model, (args, kwargs))
    if any(
        isinstance(m, LazyModuleMixin) and m.has_uninitialized_params() for m in model.modules()
    ):
        with _evaluating(model):
            model(*args, **kwargs)
    kernels = Kernels(on_meta=device == "meta", formulas=formulas)
    with profiled(model, kernels) as watched, _evaluating(model):
        try:
            watched.run(*args, **kwargs)
        except Exception as error:
            if device == "meta" and re.search(r"(\b|_)meta\b", str(error), re.IGNORECASE):
                raise CountingError(
                    f"{type(model).__name__} cannot run on the meta device, because it needs the "
                    "values of tensors and not only their shapes",
                    hint="count it on the CPU",
                ) from error
            raise
        totals = watched.deepspeed.get_total_macs(), watched.deepspeed.get_total_flops()
    recorder = watched.recorder
    driven = recorder.driven_macs, recorder.driven_flops
    if totals != driven:
        raise CountingError(
            f"the profiler's totals {totals} differ from the ledger's {driven}: something else "
            f"ran {type(model).__name__} meanwhile"
        )
    ledger = recorder.ledger()
    check = watched.second.result(recorder.driven_macs)
    notes = [*_remarks(check, counter_name()), *recorder.notes]
    if ledger.params and not ledger.macs and not check.unknown:
        notes.append(f"No products were seen, although there are {ledger.params:,} parameters.")
    return Count(ledger, check, counter_name(), device, tuple(notes))


def _remarks(check: CrossCheck, counter: str) -> Iterator[str]:
    """Say what DeepSpeed did not see, what is complex, and what nobody counts, if there is any."""
    if check.unseen:
        yield (
            f"Of these products, {counter} saw {check.driven_macs:,}; it did not see those of "
            f"{', '.join(check.unseen)}."
        )
    if check.complex_macs:
        yield (
            f"Of these products, {check.complex_macs:,} are of complex numbers, "
            "each of which is four real ones."
        )
    if check.uncounted:
        yield (
            "Counted by nobody, because tools do not agree on the cost: "
            f"{', '.join(check.uncounted)}."
        )


@dataclass(frozen=True)
class Size:
    """A model's modules and their parameters, of which no forward pass was made."""

    ledger: Ledger
    """Without operations."""
    counter: str
    lazy: tuple[str, ...] = ()
    """Names of parameters that are not in it: only a forward pass initialises them."""


def size(factory: Callable[[], nn.Module]) -> Size:
    """Count a model's parameters alone.

    Raises:
        Exception: whatever the factory raises, on ``meta`` and again on the CPU.
    """
    try:
        model = build_on_meta(factory)
    except Exception:  # of its own code
        model = factory()
    lazy = [name for name, parameter in model.named_parameters() if is_lazy(parameter)]
    return Size(Recorder(model).ledger(), counter_name(), tuple(lazy))


def count_anywhere(
    factory: Callable[[], nn.Module],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    formulas: Formulas | None = None,
) -> Count:
    """Count on ``meta``, or on the CPU where the model cannot run on ``meta``.

    Args:
        factory: builds the model; called a second time for the CPU.
        args: inputs on the CPU.
        kwargs: inputs by name, on the CPU.
        formulas: see :func:`count`.

    Raises:
        UnfitError: from the factory; the CPU is not tried.
        CountingError: neither will do: the model is larger than this machine's memory.
        Exception: whatever the factory, or the forward on the CPU, raises.
    """
    shapes = tree_map_only(Tensor, to_meta, (tuple(args), kwargs))
    model = None
    try:
        model = build_on_meta(factory)
        return count(model, *shapes, formulas=formulas)
    except UnfitError:
        raise
    except Exception as error:
        reason = str(error).partition("\n")[0].rstrip(".!") or type(error).__name__
        if model is not None:
            _check_memory(model, reason)
            del model
    model = factory()
    if any(tensor.is_meta for tensor in chain(model.parameters(), model.buffers())):
        raise CountingError(
            f"on meta, {reason}; and on the CPU its factory gives the model that it built on meta",
            hint="Let the factory build a new model on every call.",
        )
    result = count(model, args, kwargs, formulas=formulas)
    note = (
        "Counted in a real forward pass on the CPU, where the count depends on the input: "
        f"on meta, {reason}."
    )
    return replace(result, notes=(*result.notes, note))


def _check_memory(model: nn.Module, reason: str) -> None:
    """Refuse to build a model that would take the machine down with it."""
    tensors = (*model.parameters(), *model.buffers())
    needed = sum(t.nbytes for t in tensors if t.layout is torch.strided and not is_lazy(t))
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return  # a system that does not say
    if needed > memory:
        raise CountingError(
            f"on meta, {reason}; and its {needed / 1e9:,.1f} GB of parameters do not fit into this "
            "machine's memory, to count it on the CPU"
        )


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients, with every module and parameter put back afterwards."""
    # Frozen scripts have no mode.
    modes = [(m, m.training) for m in model.modules() if hasattr(m, "training")]
    frozen = [
        parameter
        for module in model.modules()
        for parameter in own_parameters(module)
        if parameter.requires_grad and parameter.is_leaf and not is_lazy(parameter)
    ]
    try:
        _evaluate(model)
        for parameter in frozen:
            parameter.requires_grad_(False)
        with torch.no_grad():
            yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
        for module, training in modes:
            module.training = training


def _evaluate(model: nn.Module) -> None:
    try:
        model.eval()
    except (AttributeError, NotImplementedError):  # exported or frozen parts have one mode only
        for module in model.modules():
            with suppress(AttributeError, NotImplementedError):
                module.training = False


def _device(model: nn.Module, inputs: Any) -> str:
    tensors = (*islice(model.parameters(), 1), *islice(model.buffers(), 1), first_tensor(inputs))
    return next((tensor.device.type for tensor in tensors if tensor is not None), "cpu")
