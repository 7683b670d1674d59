"""The second opinion: PyTorch's own counter in the same pass, and what nobody counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from typing_extensions import Self

from reportgen.counting.formulas import Work
from reportgen.counting.kernels import Kernels
from reportgen.counting.recorder import Recorder, first_tensor
from reportgen.ledger import Kind

# Makes tensors, or copies elements from place to place, and computes nothing with them.
_MOVES_DATA = frozenset(
    """
    arange bernoulli bernoulli_ cat clone constant_pad_nd copy copy_ diag_embed embedding empty
    empty_like empty_permuted empty_strided exponential_ eye fill fill_ flip full full_like gather
    im2col index index_put index_put_ index_select lift_fresh lift_fresh_copy linspace masked_fill
    masked_fill_ native_channel_shuffle new_empty new_empty_strided new_full new_ones new_zeros
    normal_ ones ones_like pixel_shuffle pixel_unshuffle rand rand_like randn randn_like
    reflection_pad1d reflection_pad2d reflection_pad3d repeat replication_pad1d replication_pad2d
    replication_pad3d resize_ roll rot90 scalar_tensor scatter scatter_ select_scatter set_
    slice_scatter stack tril triu uniform_ unfold_copy where zero zero_ zeros zeros_like
    _reshape_alias _to_copy _unsafe_view _unsafe_index
    """.split()  # noqa: SIM905 - a list of eighty strings is no easier to read
)


@dataclass(frozen=True)
class Difference:
    """An operation for which the two counters say different products."""

    module: str
    """Path of the module that ran it."""
    function: str
    macs: int
    """What DeepSpeed's profiler saw; 0 where it did not see the operation."""
    torch_macs: int
    """What ``FlopCounterMode`` saw."""


@dataclass(frozen=True)
class CrossCheck:
    """What PyTorch's ``FlopCounterMode`` said about the same pass."""

    macs: int
    version: str
    """PyTorch's version."""
    verified: bool
    """Both counters say the same products for every operation."""
    differences: tuple[Difference, ...]


class SecondCounter(FlopCounterMode):
    """A ``FlopCounterMode`` that also remembers where the other counter says something else.

    What runs outside of all functions that DeepSpeed counts goes to the recorder as
    ``Kind.UNCOUNTED``, if it computes floating-point numbers at all.

    The formulas are PyTorch's. Only the way an operation gets to them is shorter: the recorder
    knows the modules already, and nothing here is ever compiled.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(display=False)
        self._recorder = recorder
        self._differences: dict[tuple[int, str], list[int]] = {}
        self._operations: Any = None
        self.seen = 0
        """FLOPs seen so far."""

    def __enter__(self) -> Self:
        self._operations = _Operations(self, self._recorder)
        self._operations.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._operations is not None:
            self._operations.__exit__(*exception)
            self._operations = None  # it refers to this counter

    def compare(self, function: str, macs: int, torch_flops: int) -> None:
        """Note one call whose products the two counters put differently."""
        if 2 * macs != torch_flops:
            row = self._differences.setdefault((self._recorder.current, function), [0, 0])
            row[0] += macs
            row[1] += torch_flops // 2

    def count(self, operation: Any, flops: int | None, out: Any, args: Any) -> None:
        """Take note of an operation that has run; its FLOPs are None if there is no formula."""
        listening = self._recorder.listening
        if flops is not None:
            self.seen += flops
            if listening:
                self.compare(operation.__name__, 0, flops)
        elif listening and not _only_moves_data(operation):
            result = first_tensor(out)
            if result is not None and result.is_floating_point():
                source = first_tensor(args)
                in_elements = 0 if source is None else source.numel()
                work = Work(Kind.UNCOUNTED)
                self._recorder.add(operation.__name__, work, in_elements, result.numel())

    def result(self, macs: int) -> CrossCheck:
        """The verdict on the products that DeepSpeed's profiler counted."""
        differences = tuple(
            Difference(self._recorder.path(module), function, *row)
            for (module, function), row in self._differences.items()
        )
        return CrossCheck(
            macs=self.seen // 2,
            version=str(torch.__version__),
            verified=not differences and self.seen == 2 * macs,
            differences=differences,
        )


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Shows every operation that PyTorch runs to the second counter."""

    supports_higher_order_operators = True

    def __init__(self, counter: SecondCounter, recorder: Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._counter = counter
        self._recorder = recorder
        self._kernels = Kernels(counter.flop_registry)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here, and preparing for it costs more than the counting

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        operation = getattr(func, "_overloadpacket", func)
        if operation not in self._counter.flop_registry and _is_composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        # An implementation may be Python that calls functions which DeepSpeed has patched.
        with self._recorder.inside:
            out, flops = self._kernels.run(func, args, kwargs)
        self._counter.count(operation, flops, out, args)
        return out


@cache
def _is_composite(func: Any) -> bool:
    """Whether an operation is made of others, which are then counted instead."""
    if not isinstance(func, torch._ops.OpOverload):
        return False  # a higher-order operator
    composite = torch._C.DispatchKey.CompositeImplicitAutograd
    name = str(func._schema.name), str(func._schema.overload_name)
    return composite in func.py_kernels or torch._C._dispatch_has_kernel_for_dispatch_key(
        ".".join(filter(None, name)), composite
    )


@cache
def _only_moves_data(operation: Any) -> bool:
    if operation.__name__ in _MOVES_DATA:
        return True
    if not isinstance(operation, torch._ops.OpOverloadPacket):
        return False  # a higher-order operator
    overloads = operation.overloads()  # type: ignore[no-untyped-call]
    return any(getattr(operation, overload).is_view for overload in overloads)
