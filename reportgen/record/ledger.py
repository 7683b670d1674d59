"""What one forward pass did, as plain values: a row per module, a row per kind of work in it.

A ledger is what is left of a counted model when the model is gone. Every figure about work and
size is read off it, so a report can explain a figure without PyTorch. Nothing here imports torch.

Every number in an :class:`Operation` is a total over its calls, so rows may be added up freely::

    sum(op.macs for op in ledger.operations)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Annotated, Any, Literal, TypeAlias

from annotated_types import Ge
from pydantic import Field, GetPydanticSchema, Strict, with_config
from pydantic_core import core_schema
from typing_extensions import NotRequired, TypedDict

from reportgen.record.damage import DamageError, quoted
from reportgen.record.values import KNOWN_KEYS, Count, Several, Text, Word

_VERSION: Literal[1] = 1


class Kind(str, Enum):
    """What sort of work an operation is; the value is what a ledger's JSON holds."""

    CONVOLUTION = "convolution"
    DEPTHWISE_CONVOLUTION = "depthwise convolution"
    TRANSPOSED_CONVOLUTION = "transposed convolution"
    LINEAR = "linear"
    MATMUL = "matmul"
    ATTENTION = "attention"
    EINSUM = "einsum"
    RECURRENT = "recurrent"
    PRODUCTS = "other products"
    """Bilinear forms, distances, sparse and integer matrices, linear systems."""
    BATCH_NORM = "batch norm"
    BATCH_STATISTICS = "batch norm of its batch"
    """A batch norm that keeps no running statistics, and computes those of its batch."""
    LAYER_NORM = "layer norm"
    GROUP_NORM = "group norm"
    INSTANCE_NORM = "instance norm"
    ACTIVATION = "activation"
    SOFTMAX = "softmax"
    POOL = "pool"
    ADAPTIVE_POOL = "adaptive pool"
    INTERPOLATE = "interpolate"
    EMBEDDING = "embedding"
    ADD = "add"
    MUL = "mul"
    OTHER = "other"
    """Counted by DeepSpeed, but of a kind that this version has no name for."""
    UNCOUNTED = "uncounted"
    """Ran, computed floating-point numbers, and made no products that have a formula."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Module:
    """One module of the model. A parameter shared by several modules belongs to the first."""

    path: str
    """Dotted path from the model, ``"layer1.0.conv1"``; ``""`` is the model itself."""
    type: str
    """Class name, ``"Conv2d"``."""
    detail: str = ""
    """What the module's ``extra_repr()`` says: ``"3, 64, kernel_size=(7, 7), bias=False"``."""
    params: int = 0
    """Elements of its own parameters, its children's left out."""
    trainable_params: int = 0
    """Those of ``params`` that training would change."""
    statistics: int = 0
    """Elements of its running means and variances: buffers here, parameters to Keras."""
    calls: int = 0
    """How often it was called; 0 for a module that took no part in the forward pass."""
    output_shape: tuple[int, ...] | None = None
    """Shape of the first tensor it returned last; None where it was not called or returned none."""
    foreign: bool = False
    """Named like a class of ``torch.nn``, and another: some tools look at types, not at names."""

    @property
    def name(self) -> str:
        """The last part of the path: ``"conv1"``."""
        return self.path.rpartition(".")[2]

    @property
    def row_params(self) -> int:
        """Its own parameters times the first dimension of its output, for every call."""
        leading = self.output_shape[0] if self.output_shape else 1
        return self.calls * leading * self.params

    @property
    def map_params(self) -> int:
        """Its own parameters times all dimensions of its output but the second, for every call."""
        shape = self.output_shape or (1,)
        return self.calls * self.params * math.prod((*shape[:1], *shape[2:]))

    @property
    def parent(self) -> str | None:
        """Path of the module that holds it; None for the model itself."""
        return self.path.rpartition(".")[0] if self.path else None


@dataclass(frozen=True)
class Operation:
    """One function's work inside one module. Every number is a total over ``calls``."""

    module: int
    """Index into ``Ledger.modules`` of the innermost module that ran it."""
    kind: Kind
    function: str
    """Name of the function called: ``"conv2d"``, ``"relu"``, ``"add_"``."""
    calls: int = 1
    macs: int = 0
    """Products, each with the addition that accumulates it."""
    flops: int = 0
    """What DeepSpeed's formula for this function says."""
    in_elements: int = 0
    """Elements of the first tensor given."""
    out_elements: int = 0
    """Elements of the (first) tensor returned."""
    bias_elements: int = 0
    """Output elements to which a bias was added."""
    torch_missed: int = 0
    """FLOPs of ``macs`` that PyTorch's ``FlopCounterMode`` does not see."""

    @property
    def was_dispatched(self) -> bool:
        """Whether it is an operation of PyTorch's, as ``"aten.mm"``, that no function called."""
        return self.macs > 0 and "." in self.function


# What a ledger's JSON has in every row; the rest stands beside the rows where there is any.
_MODULE_FIELDS = ["parent", "name", *(f.name for f in fields(Module)[1:-1])]
_OPERATION_FIELDS = [f.name for f in fields(Operation)[:-1]]
_OPERATION_TOTALS = _OPERATION_FIELDS[3:]


@dataclass(frozen=True)
class Ledger:
    """The modules of a model, parents before children, and the operations that they ran.

    Raises:
        ValueError: the rows do not make one tree, or an operation points outside it.
    """

    modules: tuple[Module, ...]
    operations: tuple[Operation, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for module in self.modules:
            if module.path in seen:
                raise ValueError(f"module {module.path!r} occurs twice in the ledger")
            if module.parent is not None and module.parent not in seen:
                raise ValueError(
                    f"module {module.path!r} comes before its parent {module.parent!r}"
                )
            seen.add(module.path)
        for operation in self.operations:
            if not 0 <= operation.module < len(self.modules):
                raise ValueError(
                    f"operation {operation.function!r} belongs to module {operation.module}, "
                    f"but there are {len(self.modules)} modules"
                )

    @property
    def params(self) -> int:
        """All parameters, shared ones once."""
        return sum(module.params for module in self.modules)

    @property
    def trainable_params(self) -> int:
        """The parameters that training would change."""
        return sum(module.trainable_params for module in self.modules)

    @property
    def macs(self) -> int:
        """Products of the whole forward pass."""
        return sum(operation.macs for operation in self.operations)

    @property
    def flops(self) -> int:
        """DeepSpeed's floating-point operations of the whole forward pass."""
        return sum(operation.flops for operation in self.operations)

    def index(self, path: str) -> int:
        """Position of the module at ``path``; KeyError where there is none."""
        for position, module in enumerate(self.modules):
            if module.path == path:
                return position
        raise KeyError(path)

    def parents(self) -> tuple[int | None, ...]:
        """For each module, the position of the module that holds it."""
        positions = {module.path: position for position, module in enumerate(self.modules)}
        return tuple(
            None if module.parent is None else positions[module.parent] for module in self.modules
        )

    def subtree_sums(self, own: Sequence[int]) -> list[int]:
        """Add each module's value to all modules that hold it.

        Args:
            own: one value for each module, its children's left out.

        Returns:
            One total for each module, its children's included. The first is the model's.
        """
        if len(own) != len(self.modules):
            raise ValueError(f"{len(own)} values for {len(self.modules)} modules")
        totals = list(own)
        parents = self.parents()
        for position in range(len(totals) - 1, 0, -1):
            parent = parents[position]
            if parent is not None:
                totals[parent] += totals[position]
        return totals

    def to_json(self) -> dict[str, Any]:
        """The ledger as plain lists, ready for ``json.dumps``.

        Texts lie once in ``strings`` and are named by their position there; a module names its
        parent by position (-1: none) and leaves the parent's path out. Positions of modules that
        are ``foreign``, and of operations with what is ``torch_missed``, stand beside the rows.
        """
        strings: dict[str, int] = {}

        def intern(text: str) -> int:
            return strings.setdefault(text, len(strings))

        modules = [
            [
                -1 if parent is None else parent,
                *map(intern, (module.name, module.type, module.detail)),
                *(module.params, module.trainable_params, module.statistics, module.calls),
                None if module.output_shape is None else list(module.output_shape),
            ]
            for module, parent in zip(self.modules, self.parents(), strict=True)
        ]
        operations = [
            [
                operation.module,
                *map(intern, (operation.kind.value, operation.function)),
                *(getattr(operation, name) for name in _OPERATION_TOTALS),
            ]
            for operation in self.operations
        ]
        foreign = [i for i, module in enumerate(self.modules) if module.foreign]
        missed = [[i, op.torch_missed] for i, op in enumerate(self.operations) if op.torch_missed]
        return {
            "version": _VERSION,
            "module_fields": _MODULE_FIELDS,
            "operation_fields": _OPERATION_FIELDS,
            "strings": list(strings),
            "modules": modules,
            "operations": operations,
            **({"foreign": foreign} if foreign else {}),
            **({"torch_missed": missed} if missed else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ledger:
        """The ledger that ``to_json`` wrote, now or before it went through a record's file."""
        strings = data["strings"]
        foreign, missed = set(data.get("foreign", ())), dict(data.get("torch_missed", ()))
        modules: list[Module] = []
        for parent, name, type_, detail, params, trainable, statistics, calls, shape in data[
            "modules"
        ]:
            prefix = modules[parent].path if parent >= 0 else ""
            modules.append(
                Module(
                    f"{prefix}.{strings[name]}" if prefix else strings[name],
                    strings[type_],
                    strings[detail],
                    *(params, trainable, statistics, calls),
                    None if shape is None else tuple(shape),
                    foreign=len(modules) in foreign,
                )
            )
        operations = (
            Operation(
                module, Kind(strings[kind]), strings[function], *(*totals, missed.get(position, 0))
            )
            for position, (module, kind, function, *totals) in enumerate(data["operations"])
        )
        return cls(tuple(modules), tuple(operations))


# ------------------------------------------------------------------------------------------------
# As a record's file holds it
# ------------------------------------------------------------------------------------------------

_KINDS = {kind.value for kind in Kind}
_MOST_ROWS = 1_000_000
_LONGEST_PATH = 2_000
_DEEPEST = 200

_Parent: TypeAlias = Annotated[int, Strict(), Ge(-1)]
_Shape: TypeAlias = Annotated[tuple[Count, ...], Field(max_length=32, fail_fast=True)]
_ModuleRow: TypeAlias = tuple[
    _Parent, Count, Count, Count, Count, Count, Count, Count, _Shape | None
]
_OperationRow: TypeAlias = tuple[Count, Count, Count, Count, Count, Count, Count, Count, Count]


@with_config(KNOWN_KEYS)
class Rows(TypedDict):
    """What :meth:`Ledger.to_json` writes; a row is in the order of its fields."""

    version: Literal[1]
    module_fields: Several[Word]
    operation_fields: Several[Word]
    strings: Annotated[list[Text], Field(max_length=_MOST_ROWS, fail_fast=True)]
    modules: Annotated[list[_ModuleRow], Field(min_length=1, max_length=_MOST_ROWS, fail_fast=True)]
    operations: Annotated[list[_OperationRow], Field(max_length=_MOST_ROWS, fail_fast=True)]
    foreign: NotRequired[Annotated[list[Count], Field(max_length=_MOST_ROWS, fail_fast=True)]]
    torch_missed: NotRequired[
        Annotated[list[tuple[Count, Count]], Field(max_length=_MOST_ROWS, fail_fast=True)]
    ]


def _as_it_is(data: Any, check: core_schema.ValidatorFunctionWrapHandler) -> Any:
    """Check the rows and return them as they are: few readers of a record want a ledger."""
    check(data)
    return data


Written: TypeAlias = Annotated[
    Mapping[str, Any],
    GetPydanticSchema(
        lambda _, schema_of: core_schema.no_info_wrap_validator_function(_as_it_is, schema_of(Rows))
    ),
]
"""A ledger as a record holds it: `Rows`."""


def damages(data: Mapping[str, Any]) -> Iterator[DamageError]:
    """Yield what keeps rows from being a ledger, though each of their values could stand in one."""
    strings: list[str] = data["strings"]
    for name, known in (("module_fields", _MODULE_FIELDS), ("operation_fields", _OPERATION_FIELDS)):
        if data[name] != known:
            yield DamageError((name,), f"this version reads {quoted(', '.join(known))}")
    if len(set(strings)) < len(strings):
        yield DamageError(("strings",), "a text stands there twice")
    yield from _no_tree(data["modules"], strings)
    kinds = {index for index, text in enumerate(strings) if text in _KINDS}
    for index, (module, kind, function, *_) in enumerate(data["operations"]):
        if module >= len(data["modules"]):
            yield DamageError(("operations", index), f"there is no module {module}")
        if kind not in kinds or function >= len(strings):
            yield DamageError(
                ("operations", index), "it names a kind or a function that is not there"
            )
    beside = {
        "foreign": ("modules", data.get("foreign", ())),
        "torch_missed": ("operations", [row for row, _ in data.get("torch_missed", ())]),
    }
    for name, (rows, named) in beside.items():
        if any(row >= len(data[rows]) for row in named) or len(set(named)) < len(named):
            yield DamageError((name,), f"it names a row of {rows} that is not there, or one twice")


def _no_tree(modules: Sequence[Sequence[Any]], strings: Sequence[str]) -> Iterator[DamageError]:
    """Yield the first module that has no place in the tree of those before it."""
    nameless = {index for index, text in enumerate(strings) if not text or "." in text}
    lengths, depths = [0], [0]  # of the modules' paths
    seen: set[tuple[int, int]] = set()
    for index, (parent, name, type_, detail, *_) in enumerate(modules):
        what = ""
        if max(name, type_, detail) >= len(strings):
            what = "it names a text that is not there"
        elif parent >= index or (parent < 0) != (index == 0):
            what = f"its parent, {parent}, is not before it"
        elif (name in nameless) != (index == 0):
            what = f"a module is not called {quoted(strings[name])}"
        elif (parent, name) in seen:
            what = f"its parent has two modules {quoted(strings[name])}"
        elif index and lengths[parent] + len(strings[name]) >= _LONGEST_PATH:
            what = f"its path has more than {_LONGEST_PATH:,} characters"
        elif index and depths[parent] >= _DEEPEST:
            what = f"it lies more than {_DEEPEST} modules deep"
        if what:
            yield DamageError(("modules", index), what)
            return
        seen.add((parent, name))
        if index:
            lengths.append(lengths[parent] + len(strings[name]) + 1)
            depths.append(depths[parent] + 1)
