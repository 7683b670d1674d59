"""The second opinion: PyTorch's own counter in the same pass, and what nobody counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch._ops import HigherOrderOperator
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from typing_extensions import Self

from reportgen.counting.formulas import Work
from reportgen.counting.kernels import Kernels, is_sparse
from reportgen.counting.operations import hides_products, is_taken_apart, moves_data, name_of
from reportgen.counting.products import OURS, work_of
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
    """An operation that may have made products, and that no counter has a formula for."""

    module: str
    """Path of the module that ran it."""
    operation: str
    """Its name in PyTorch: ``"torchvision.deform_conv2d"``."""
    calls: int


@dataclass(frozen=True)
class CrossCheck:
    """What the second counter said about the same pass: PyTorch's ``FlopCounterMode``, and more."""

    macs: int
    """Products that it saw, by PyTorch's formulas and a few of ours (``products.OURS``)."""
    torch_flops: int
    """What ``FlopCounterMode`` alone says."""
    version: str
    """PyTorch's version."""
    driven_macs: int
    """Products that DeepSpeed's profiler saw."""
    differences: tuple[Difference, ...]
    unknown: tuple[Unknown, ...]

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


Mark: TypeAlias = tuple[int, int, int]
"""How far the second counter is: FLOPs of all products, those of PyTorch's, unknown calls."""


class _Missed(NamedTuple):
    module: int
    operation: str
    lasting: bool


class SecondCounter(FlopCounterMode):
    """A ``FlopCounterMode`` that also remembers where the other counter says something else.

    What runs outside of all functions that DeepSpeed counts is written down by the recorder: its
    products, or ``Kind.UNCOUNTED`` where it has none and computes floating-point numbers.

    The formulas are PyTorch's, and a few of ours. Only the way an operation gets to them is
    shorter: the recorder knows the modules already, and nothing here is ever compiled.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(display=False)
        self._recorder = recorder
        self._differences: dict[tuple[int, str], list[int]] = {}
        self._unknown: list[_Missed] = []
        self._operations: Any = None
        self._products = 0
        self._seen = 0

    def __enter__(self) -> Self:
        self._operations = _Operations(self, self._recorder)
        self._operations.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._operations is not None:
            self._operations.__exit__(*exception)
            self._operations = None  # it refers to this counter

    @property
    def mark(self) -> Mark:
        """Where it is now."""
        return self._products, self._seen, len(self._unknown)

    def settle(self, function: str, work: Work | None, before: Mark) -> tuple[Work, int]:
        """Hold what DeepSpeed's side says of one call against what ran in it since `before`.

        Args:
            function: its name.
            work: what its formula says; None where that failed.
            before: taken when the call began.

        Returns:
            The work to write down, with the larger number of products, and the FLOPs of them that
            ``FlopCounterMode`` did not see.
        """
        products, seen = self._products - before[0], self._seen - before[1]
        work = work or Work(Kind.OTHER)
        missing = products - 2 * work.macs
        if missing < 0 and len(self._unknown) > before[2]:
            # The formula knows what these are.
            self._unknown[before[2] :] = [u for u in self._unknown[before[2] :] if u.lasting]
        elif missing:
            self._differ(function, work.macs, products)
        if missing > 0:
            work = work._replace(macs=products // 2, flops=work.flops + missing)
        return work, 2 * work.macs - seen

    def count(
        self, operation: Any, packet: Any, flops: int | None, out: Any, args: Any, kwargs: Any
    ) -> None:
        """Take note of an operation that has run; its FLOPs are None if there is no formula."""
        if flops is not None:
            known = flops if packet in self.flop_registry else 0
            self._products += flops
            self._seen += known
            if self._recorder.listening:
                self._differ(name_of(packet), 0, flops)
                work = work_of(packet, flops, out, args)
                self._record(name_of(packet), work, out, args, known)
            return
        if hides_products(operation, args, kwargs):
            self.miss(name_of(packet), lasting=any(map(is_sparse, args)))
        if self._recorder.listening and not moves_data(packet):
            result = first_tensor(out)
            if result is not None and result.is_floating_point():
                self._record(packet.__name__, Work(Kind.UNCOUNTED), out, args, 0)

    def knows(self, packet: Any) -> bool:
        """Whether there is a formula for an operation."""
        return packet in self.flop_registry or packet in OURS

    def miss(self, operation: str, module: int | None = None, *, lasting: bool = False) -> None:
        """Note an operation that may have made products that nobody counts.

        Args:
            operation: its name.
            module: the module that ran it; None for the one that is running.
            lasting: whether the formula of a function around it knows no better.
        """
        module = self._recorder.current if module is None else module
        self._unknown.append(_Missed(module, operation, lasting))

    def result(self, driven_macs: int) -> CrossCheck:
        """The verdict, given the products that DeepSpeed's profiler counted."""
        path = self._recorder.path
        return CrossCheck(
            macs=self._products // 2,
            torch_flops=self._seen,
            version=str(torch.__version__),
            driven_macs=driven_macs,
            differences=tuple(
                Difference(path(module), function, *row)
                for (module, function), row in self._differences.items()
            ),
            unknown=tuple(
                Unknown(path(module), operation, calls)
                for (module, operation), calls in Counter(u[:2] for u in self._unknown).items()
            ),
        )

    def _differ(self, function: str, macs: int, flops: int) -> None:
        row = self._differences.setdefault((self._recorder.current, function), [0, 0])
        row[0] += macs
        row[1] += flops // 2

    def _record(self, name: str, work: Work, out: Any, args: Any, torch_flops: int) -> None:
        missed = 2 * work.macs - torch_flops
        self._recorder.add(
            name, work, elements(first_tensor(args)), elements(first_tensor(out)), missed
        )


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Shows every operation that PyTorch runs to the second counter."""

    supports_higher_order_operators = True

    def __init__(self, counter: SecondCounter, recorder: Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._counter = counter
        self._recorder = recorder
        self._kernels = Kernels({**OURS, **counter.flop_registry})

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here, and preparing for it costs more than the counting

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if types and any(map(_dispatches, types)):
            return NotImplemented  # what such a tensor makes of the operation is seen instead
        kwargs = kwargs or {}
        packet = getattr(func, "_overloadpacket", func)
        if packet not in self._counter.flop_registry:
            if is_taken_apart(func, args):
                with self:
                    return func.decompose(*args, **kwargs)
            if isinstance(func, HigherOrderOperator) and (seen := self._shown(args)):
                return func(*seen, **kwargs)
        # An implementation may be Python that calls functions which DeepSpeed has patched.
        with self._recorder.inside:
            out, flops = self._kernels.run(func, args, kwargs)
        self._counter.count(func, packet, flops, out, args, kwargs)
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
