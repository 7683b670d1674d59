"""Follows a forward pass through the modules and writes the ledger's rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils.hooks import RemovableHandle

from reportgen.counting.formulas import Work
from reportgen.ledger import Ledger, Module, Operation


class Recorder:
    """Knows which module is running, and adds up what runs in it.

    Calls from other threads are not this pass's business: ``listening`` is false for them.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._thread = threading.get_ident()
        self._modules: dict[str, nn.Module] = dict(model.named_modules())
        self._calls = [0] * len(self._modules)
        self._shapes: list[tuple[int, ...] | None] = [None] * len(self._modules)
        self._running: list[int] = []
        self._rows: dict[tuple[int, Any, str], list[int]] = {}
        self._inside = 0
        self._finished = False

    @property
    def current(self) -> int:
        """Index of the innermost module that is running (0, the model, outside of all)."""
        return self._running[-1] if self._running else 0

    @property
    def listening(self) -> bool:
        """Whether a call made now is to be counted: not one inside another, or after the pass."""
        return not self._inside and not self._finished and threading.get_ident() == self._thread

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What is called in the body is part of something that is counted as a whole."""
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    def finish(self) -> None:
        """Stop listening, for good: somebody may have kept a function that was patched."""
        self._finished = True

    def path(self, index: int) -> str:
        """Dotted path of a module."""
        return list(self._modules)[index]

    def install(self) -> list[RemovableHandle]:
        """Hook every module; the caller removes the handles."""
        handles = []
        for index, module in enumerate(self._modules.values()):
            enter, leave = self._hooks(index)
            handles.append(module.register_forward_pre_hook(enter, prepend=True))
            handles.append(module.register_forward_hook(leave, always_call=True))
        return handles

    def _hooks(self, index: int) -> tuple[Any, Any]:
        def enter(module: nn.Module, args: Any) -> None:
            if threading.get_ident() == self._thread:
                self._running.append(index)
                self._calls[index] += 1

        def leave(module: nn.Module, args: Any, output: Any) -> None:
            if threading.get_ident() == self._thread and self._running:
                self._running.pop()
                first = first_tensor(output)
                self._shapes[index] = None if first is None else tuple(first.shape)

        return enter, leave

    def add(self, function: str, work: Work, in_elements: int, out_elements: int) -> None:
        """Add one call to the row of the running module."""
        kind, macs, flops, bias_elements = work
        row = self._rows.setdefault((self.current, kind, function), [0] * 6)
        for position, number in enumerate(
            (1, macs, flops, in_elements, out_elements, bias_elements)
        ):
            row[position] += number

    def ledger(self) -> Ledger:
        """Everything recorded, with the parameters as they are now."""
        counted: set[int] = set()  # a shared parameter belongs to the first module that has it
        modules = []
        for index, (path, module) in enumerate(self._modules.items()):
            own = [
                p
                for p in module.parameters(recurse=False)
                if not is_lazy(p) and id(p) not in counted
            ]
            counted.update(map(id, own))
            modules.append(
                Module(
                    path,
                    type(module).__name__,
                    module.extra_repr(),
                    params=sum(p.numel() for p in own),
                    trainable_params=sum(p.numel() for p in own if p.requires_grad),
                    statistics=sum(b.numel() for b in _running_statistics(module)),
                    calls=self._calls[index],
                    output_shape=self._shapes[index],
                )
            )
        operations = (Operation(*key, *totals) for key, totals in self._rows.items())
        return Ledger(tuple(modules), tuple(operations))


def first_tensor(value: Any) -> Tensor | None:
    """The first tensor in a value: itself, or inside tuples, lists and mappings."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        return next((t for v in value if (t := first_tensor(v)) is not None), None)
    return None


def _running_statistics(module: nn.Module) -> Iterator[Tensor]:
    for name in ("running_mean", "running_var"):
        buffer = module._buffers.get(name)
        if buffer is not None:
            yield buffer
