"""The products of every operation that PyTorch dispatches, held against what DeepSpeed saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._ops import HigherOrderOperator
from torch.utils._python_dispatch import TorchDispatchMode

from reportgen.counting.formulas import Work
from reportgen.counting.kernels import Kernels, Ran
from reportgen.counting.operations import (
    Nature,
    hides_products,
    is_taken_apart,
    moves_data,
    name_of,
    nature,
)
from reportgen.counting.products import has_formula, is_sparse
from reportgen.counting.recorder import Recorder, elements, first_tensor
from reportgen.record.ledger import Kind


@dataclass(frozen=True)
class Difference:
    """An operation for which the two counters say different products."""

    module: str
    """Path of the module that ran it."""
    function: str
    macs: int
    """What DeepSpeed's profiler saw; 0 where it did not see the operation."""
    torch_macs: int
    """What the second counter saw."""

    @property
    def disputed(self) -> bool:
        """Whether DeepSpeed saw the operation, and its formula says something else."""
        return self.macs > 0


@dataclass(frozen=True)
class Unknown:
    """An operation that is not counted: it may have made products, or tools do not agree."""

    module: str
    """Path of the module that ran it."""
    operation: str
    """Its name in PyTorch: ``"torchvision.deform_conv2d"``."""
    calls: int


@dataclass(frozen=True)
class CrossCheck:
    """What the second counter said about the same pass: PyTorch's ``FlopCounterMode``, and more."""

    macs: int
    """Products of all operations that ran, by the formulas in ``products.FORMULAS``."""
    torch_flops: int
    """What ``FlopCounterMode`` alone says."""
    version: str
    """PyTorch's version."""
    driven_macs: int
    """Products that DeepSpeed's profiler saw."""
    differences: tuple[Difference, ...]
    unknown: tuple[Unknown, ...]
    nobody: tuple[Unknown, ...] = ()
    """What ran and is counted by nobody, because tools do not agree: FFTs, sorts."""
    complex_macs: int = 0
    """Products of complex numbers, each of which is four real ones."""

    @property
    def disputed(self) -> bool:
        """Whether the counters disagree on an operation that both saw."""
        return any(difference.disputed for difference in self.differences)

    @property
    def doubts(self) -> tuple[str, ...]:
        """The operations whose products are unknown or disputed, each as a report says it."""
        unknown = ((entry.operation, entry.module, entry.calls) for entry in self.unknown)
        disputed = ((d.function, d.module, 1) for d in self.differences if d.disputed)
        return (*named(unknown), *(f"{text} (disputed)" for text in named(disputed)))

    @property
    def unseen(self) -> tuple[str, ...]:
        """The operations that DeepSpeed did not see, each as a report says it."""
        return named((d.function, d.module, 1) for d in self.differences if not d.disputed)

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The operations that nobody counts, each as a report says it."""
        return named((entry.operation, entry.module, entry.calls) for entry in self.nobody)

    def other(self, macs: int) -> int:
        """Whichever of both counters' products differs from these."""
        return self.macs if self.macs != macs else self.driven_macs

    @property
    def verified(self) -> bool:
        """Whether nothing is disputed, and nothing unknown."""
        return not self.disputed and not self.unknown


def named(operations: Iterable[tuple[str, str, int]]) -> tuple[str, ...]:
    """Name operations in a sentence, each once: what, how often, and in which module first.

    Args:
        operations: name, path of the module, and number of calls.
    """
    calls: Counter[str] = Counter()
    places: dict[str, dict[str, None]] = {}
    for operation, module, count in operations:
        calls[operation] += count
        places.setdefault(operation, {})[module] = None
    texts = []
    for operation, modules in places.items():
        first, *others = modules
        times = f" ×{calls[operation]}" if calls[operation] > len(modules) else ""
        more = f" and {len(others)} other module{'s' * (len(others) > 1)}" if others else ""
        texts.append(f"{operation}{times} in {first or 'the model itself'}{more}")
    return tuple(texts)


class Mark(NamedTuple):
    """How far the second counter is."""

    macs: int
    """Products of the operations that have run."""
    seen: int
    """FLOPs of them that ``FlopCounterMode`` counts."""
    unknown: int
    """Calls of operations that may have made products."""
    sparse: int
    """Calls of operations on tensors that leave out elements."""


class _CountedCall(NamedTuple):
    """An operation that is not counted, and the module that ran it."""

    module: int
    operation: str


class SecondCounter:
    """The products of every operation that PyTorch runs, and where DeepSpeed says something else.

    What runs outside of all functions that DeepSpeed counts is written down by the recorder: its
    products, or ``Kind.UNCOUNTED`` where it has none and computes floating-point numbers.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._differences: dict[tuple[int, str], list[int]] = {}
        self._unknown: list[_CountedCall] = []
        self._nobody: list[_CountedCall] = []
        self._macs = self._seen = self._sparse = self._complex = 0

    @property
    def mark(self) -> Mark:
        """Where it is now."""
        return Mark(self._macs, self._seen, len(self._unknown), self._sparse)

    def settle(self, function: str, work: Work | None, before: Mark) -> tuple[Work, int]:
        """Hold what DeepSpeed's side says of one call against what ran in it since `before`.

        Args:
            function: its name.
            work: what its formula says; None where that failed.
            before: taken when the call began.

        Returns:
            The work to write down, and the FLOPs of its products that ``FlopCounterMode`` did not
            see. What ran decides, unless some of it is unknown and the formula says more.
        """
        macs, seen = self._macs - before.macs, self._seen - before.seen
        work = work or Work(Kind.OTHER)
        missing = macs - work.macs
        sparse = self._sparse > before.sparse  # functions do not know what a tensor leaves out
        if missing < 0 and not sparse and len(self._unknown) > before.unknown:
            del self._unknown[before.unknown :]  # the formula knows what these are
        elif missing and not sparse:
            self._differ(function, work.macs, macs)
        if missing > 0 or sparse:
            work = work._replace(macs=macs, flops=work.flops + 2 * missing)
        return work, 2 * work.macs - seen

    def count(self, operation: Any, ran: Ran, out: Any, args: Any, kwargs: Any) -> None:
        """Take note of an operation that has run."""
        packet = getattr(operation, "_overloadpacket", operation)
        kind = nature(operation)
        if ran.work is not None:
            self._sparse += any(map(is_sparse, args))
            self._products(name_of(packet), ran.work, ran.flops or 0, out, args)
        elif kind is Nature.NOBODY:
            self._nobody.append(_CountedCall(self._recorder.current, name_of(packet)))
        elif kind is not Nature.NO_PRODUCTS and hides_products(operation, args, kwargs):
            self._sparse += any(map(is_sparse, args))
            self.miss(name_of(packet))
        if not (ran.work and ran.work.macs) and not moves_data(packet):
            self._uncounted(packet.__name__, out, args)

    def _products(self, name: str, work: Work, seen: int, out: Any, args: Any) -> None:
        self._macs += work.macs
        self._seen += seen
        result = first_tensor(out)
        self._complex += work.macs if result is not None and result.is_complex() else 0
        if self._recorder.listening and work.macs:
            self._differ(name, 0, work.macs)
            self._record(name, work, out, args, seen)

    def _uncounted(self, name: str, out: Any, args: Any) -> None:
        result = first_tensor(out)
        if self._recorder.listening and result is not None and result.is_floating_point():
            self._record(name, Work(Kind.UNCOUNTED), out, args, 0)

    def miss(self, operation: str, module: int | None = None) -> None:
        """Note an operation that may have made products that nobody counts.

        Args:
            operation: its name.
            module: the module that ran it; None for the one that is running.
        """
        module = self._recorder.current if module is None else module
        self._unknown.append(_CountedCall(module, operation))

    def result(self, driven_macs: int) -> CrossCheck:
        """The verdict, given the products that DeepSpeed's profiler counted."""
        path = self._recorder.path
        return CrossCheck(
            macs=self._macs,
            torch_flops=self._seen,
            version=str(torch.__version__),
            driven_macs=driven_macs,
            differences=tuple(
                Difference(path(module), function, *row)
                for (module, function), row in self._differences.items()
            ),
            unknown=self._calls(self._unknown),
            nobody=self._calls(self._nobody),
            complex_macs=self._complex,
        )

    def _calls(self, calls: list[_CountedCall]) -> tuple[Unknown, ...]:
        path = self._recorder.path
        return tuple(Unknown(path(at), name, times) for (at, name), times in Counter(calls).items())

    def _differ(self, function: str, macs: int, torch_macs: int) -> None:
        row = self._differences.setdefault((self._recorder.current, function), [0, 0])
        row[0] += macs
        row[1] += torch_macs

    def _record(self, name: str, work: Work, out: Any, args: Any, seen: int) -> None:
        given, result = elements(first_tensor(args)), elements(first_tensor(out))
        self._recorder.add(name, work, given, result, 2 * work.macs - seen)


class EveryOperation(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Shows every operation that PyTorch runs to the second counter."""

    supports_higher_order_operators = True

    def __init__(self, counter: SecondCounter, recorder: Recorder, kernels: Kernels) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._counter = counter
        self._recorder = recorder
        self._kernels = kernels

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here, and preparing for it costs more than the counting

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if types and any(map(_dispatches, types)):
            return NotImplemented  # what such a tensor makes of the operation is seen instead
        kwargs = kwargs or {}
        if not has_formula(func):
            if is_taken_apart(func, args):
                with self:
                    return func.decompose(*args, **kwargs)
            if isinstance(func, HigherOrderOperator) and (seen := self._shown(args)):
                return func(*seen, **kwargs)
        # An implementation may be Python that calls functions which DeepSpeed has patched.
        with self._recorder.inside:
            out, ran = self._kernels.run(func, args, kwargs)
        self._counter.count(func, ran, out, args, kwargs)
        return out

    def _shown(self, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Let the functions that a higher-order operator runs be seen; None if it runs none."""
        if not any(map(_is_function, args)):
            return None
        return tuple(self._showing(arg) if _is_function(arg) else arg for arg in args)

    def _showing(self, function: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return run


def _dispatches(kind: type) -> bool:
    """Whether tensors of a class say themselves what an operation on them is."""
    own = getattr(kind, "__torch_dispatch__", None)
    return own is not None and own is not torch._C._disabled_torch_dispatch_impl


def _is_function(value: Any) -> bool:
    return callable(value) and not isinstance(value, (Tensor, type))
