"""Follows a forward pass through the modules and writes the ledger's rows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from reportgen.counting.formulas import Work
from reportgen.record.ledger import Ledger, Module, Operation


class Recorder:
    """Knows which module is running, and adds up what runs in it.

    Calls from other threads are not this pass's business: ``listening`` is false for them.
    """

    def __init__(self, model: nn.Module) -> None:
        self._thread = threading.get_ident()
        self._modules = _named_modules(model)
        self._index = {id(module): i for i, module in enumerate(self._modules.values())}
        self._calls = [0] * len(self._modules)
        self._shapes: list[tuple[int, ...] | None] = [None] * len(self._modules)
        self._running: list[int] = []
        self._rows: dict[tuple[int, Any, str], list[int]] = {}
        self.driven_macs = self.driven_flops = 0
        self._notes: dict[str, None] = {}
        self._finished = False
        self.inside = _Inside()
        """``with recorder.inside:`` what is called is part of something counted as a whole."""
        self.elsewhere = _Inside()
        """``with recorder.elsewhere:`` what is started is followed where it runs."""

    @property
    def current(self) -> int:
        """Index of the innermost module that is running (0, the model, outside of all)."""
        return self._running[-1] if self._running else 0

    @property
    def listening(self) -> bool:
        """Whether a call made now is to be counted: not one inside another, or after the pass."""
        return (
            not self.inside.depth and not self._finished and threading.get_ident() == self._thread
        )

    @property
    def here(self) -> bool:
        """Whether this is the thread that is counted, and the pass not over."""
        return (
            not self.elsewhere.depth
            and not self._finished
            and threading.get_ident() == self._thread
        )

    @property
    def finished(self) -> bool:
        """Whether the pass is over."""
        return self._finished

    def finish(self) -> None:
        """Stop listening, for good: somebody may have kept a function that was patched."""
        self._finished = True

    @property
    def scripted(self) -> list[tuple[int, nn.Module]]:
        """The scripted modules that no scripted module holds, each with its index."""
        found: list[tuple[int, nn.Module]] = []
        held: set[int] = set()
        for index, module in enumerate(self._modules.values()):
            if isinstance(module, torch.jit.ScriptModule) and id(module) not in held:
                found.append((index, module))
                held.update(map(id, module.modules()))
        return found

    def path(self, index: int) -> str:
        """Dotted path of a module."""
        return list(self._modules)[index]

    def follow(self, elsewhere: Callable[[Any], Any], undo: ExitStack) -> None:
        """Have every call of a module noted, its hooks included, until ``undo``.

        One function for all modules: two hooks on each of them cost more than small models do.

        Args:
            elsewhere: makes of a function one that is watched in another thread.
            undo: ends it.
        """
        call = nn.Module.__call__

        def noted(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            index = self._index.get(id(module))
            if index is None or self._finished:
                return call(module, *args, **kwargs)
            if threading.get_ident() != self._thread:
                return elsewhere(call)(module, *args, **kwargs)
            self._running.append(index)
            self._calls[index] += 1
            try:
                output = call(module, *args, **kwargs)
            finally:
                self._running.pop()
            self._shapes[index] = _shape(first_tensor(output))
            return output

        undo.callback(setattr, nn.Module, "__call__", call)
        nn.Module.__call__ = noted  # type: ignore[method-assign]

    def add(
        self, function: str, work: Work, in_elements: int, out_elements: int, torch_missed: int = 0
    ) -> None:
        """Add one call to the row of the running module."""
        kind, macs, flops, bias_elements = work
        row = self._rows.setdefault((self.current, kind, function), [0] * 7)
        for position, number in enumerate(
            (1, macs, flops, in_elements, out_elements, bias_elements, torch_missed)
        ):
            row[position] += number

    def drive(self, work: Work) -> None:
        """Add what went to DeepSpeed's profiler, to hold its totals against."""
        self.driven_macs += work.macs
        self.driven_flops += work.flops

    def note(self, sentence: str) -> None:
        """Keep what a reader of the count should know, each sentence once."""
        self._notes[sentence] = None

    @property
    def notes(self) -> tuple[str, ...]:
        """The sentences kept, in their order."""
        return tuple(self._notes)

    def ledger(self) -> Ledger:
        """Everything recorded, with the parameters as they are now."""
        counted: set[int] = set()  # a shared parameter belongs to the first module that has it
        modules = []
        for index, (path, module) in enumerate(self._modules.items()):
            params = trainable = 0
            for parameter in own_parameters(module):
                if id(parameter) not in counted and not is_lazy(parameter):
                    counted.add(id(parameter))
                    params += parameter.numel()
                    trainable += parameter.numel() if parameter.requires_grad else 0
            modules.append(
                Module(
                    path,
                    type(module).__name__,
                    _detail(module),
                    params,
                    trainable,
                    sum(buffer.numel() for buffer in _running_statistics(module)),
                    self._calls[index],
                    self._shapes[index],
                    foreign=is_foreign(type(module)),
                )
            )
        operations = (Operation(*key, *totals) for key, totals in self._rows.items())
        return Ledger(tuple(modules), tuple(operations))


class _Inside:
    """Counts how deep the calls are inside something that is counted as a whole."""

    def __init__(self) -> None:
        self.depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *exception: object) -> None:
        self.depth -= 1


def first_tensor(value: Any) -> Tensor | None:
    """The first tensor in a value: itself, or inside tuples, lists and mappings."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return None
    for part in value:
        found = first_tensor(part)
        if found is not None:
            return found
    return None


def own_parameters(module: nn.Module) -> list[nn.Parameter]:
    """A module's parameters, its children's left out; quicker than ``module.parameters``."""
    return [parameter for parameter in module._parameters.values() if parameter is not None]


def elements(tensor: Tensor | None) -> int:
    """How many elements a tensor has; 0 for none, and where a nested one does not say."""
    if tensor is None:
        return 0
    try:
        return int(tensor.numel())
    except (AttributeError, RuntimeError, ValueError):
        return 0


def is_foreign(kind: type[nn.Module]) -> bool:
    """Whether a class is named like one of PyTorch's modules and is another."""
    return getattr(nn, kind.__name__, kind) is not kind


def _named_modules(model: nn.Module) -> dict[str, nn.Module]:
    """All modules by path, each once; a compiled one is the one that was compiled."""
    named = dict(model.named_modules())
    compiled = [path for path, module in named.items() if _is_compiled(module)]
    if not compiled:
        return named
    kept = ((path, module) for path, module in named.items() if path not in compiled)
    return {
        ".".join(part for part in path.split(".") if part != "_orig_mod"): module
        for path, module in kept
    }


def _is_compiled(module: nn.Module) -> bool:
    """Whether it is a wrapper of ``torch.compile``, told without importing the compiler."""
    return type(module).__name__ == "OptimizedModule" and "_orig_mod" in module._modules


def _detail(module: nn.Module) -> str:
    try:
        return module.extra_repr()
    except Exception:  # of somebody's class
        return ""


def _shape(tensor: Tensor | None) -> tuple[int, ...] | None:
    """The shape of a tensor; None for none, and for a nested one, which has many."""
    if tensor is None:
        return None
    try:
        return tuple(map(int, tensor.shape))
    except (AttributeError, RuntimeError, ValueError):
        return None


def _running_statistics(module: nn.Module) -> list[Tensor]:
    # A scripted module's buffers know no `get`.
    return [
        buffer
        for name, buffer in module._buffers.items()
        if name in ("running_mean", "running_var") and buffer is not None and not is_lazy(buffer)
    ]
