"""What each tool would say, read off one ledger.

Tools that count the work of a network disagree, because each means something else by it. A
convention here is a sum: for some rows of the ledger, some of their figures, each times a weight.
To add one, add one entry to ``WORK`` or ``PARAMS`` below; ``docs/counting.md`` explains the terms.

Nothing here imports PyTorch: a report can be read under any convention without the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reportgen.common.errors import UsageError, nearest
from reportgen.record.ledger import Kind, Ledger, Module, Operation

CONVOLUTIONS = (
    Kind.CONVOLUTION,
    Kind.DEPTHWISE_CONVOLUTION,
    Kind.TRANSPOSED_CONVOLUTION,
)


@dataclass(frozen=True)
class Operations:
    """Weights for the figures of operation rows; what is left empty admits every row."""

    weights: Mapping[str, int]
    """Field of :class:`reportgen.record.ledger.Operation` → how often it counts."""
    kinds: tuple[Kind, ...] = ()
    functions: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    """Class names of the modules that the tool hooks: it does not see what others run."""
    named: str | None = None
    """Only inside modules whose class name contains this, whoever wrote them."""

    def of(self, ledger: Ledger) -> list[int]:
        """The sum for each module, its children's left out."""
        own = [0] * len(ledger.modules)
        for row in ledger.operations:
            if self.admits(row, ledger.modules[row.module]):
                own[row.module] += self.amount(row)
        return own

    def amount(self, row: Operation) -> int:
        """What a row comes to, if it counts."""
        return sum(weight * getattr(row, name) for name, weight in self.weights.items())

    def admits(self, row: Operation, module: Module) -> bool:
        """Whether the figures of a row count."""
        return (
            (not self.kinds or row.kind in self.kinds)
            and (not self.functions or row.function in self.functions)
            and (not self.inside or (module.type in self.inside and not module.foreign))
            and (self.named is None or self.named in module.type)
        )


@dataclass(frozen=True)
class Modules:
    """Weights for the figures of module rows."""

    weights: Mapping[str, int]
    """Field of :class:`reportgen.record.ledger.Module` → how often it counts."""
    leaves: bool = False
    """Only modules that hold no others."""
    named: str | None = None
    """Only the modules whose class name contains this."""
    unlike: tuple[str, ...] = ()
    """Not the modules whose class name contains one of these."""
    without: tuple[Kind, ...] = ()
    """Not the modules that ran operations of these kinds."""

    def of(self, ledger: Ledger) -> list[int]:
        """The sum for each module, its children's left out."""
        holders = {module.parent for module in ledger.modules} if self.leaves else set()
        ran = {row.module for row in ledger.operations if row.kind in self.without}
        return [
            sum(w * getattr(module, name) for name, w in self.weights.items())
            if module.path not in holders and position not in ran and self._admits(module)
            else 0
            for position, module in enumerate(ledger.modules)
        ]

    def _admits(self, module: Module) -> bool:
        return (self.named is None or self.named in module.type) and not any(
            part in module.type for part in self.unlike
        )


@dataclass(frozen=True)
class Convention:
    """One way to count, in words and as terms that add up."""

    name: str
    counts: str
    """What it counts, as a noun phrase for a footnote."""
    terms: tuple[Operations | Modules, ...]
    tools: tuple[str, ...] = ()
    """The tools that count so, and the versions that were compared."""
    but: tuple[str, ...] = ()
    """Where the tool itself says something else, and why."""
    aliases: tuple[str, ...] = ()
    """Other names that it may be asked for by: those of tools that count alike."""

    def by_module(self, ledger: Ledger) -> list[int]:
        """The figure for each module, its children's left out (see ``Ledger.subtree_sums``)."""
        sums = (term.of(ledger) for term in self.terms)
        return [sum(values) for values in zip(*sums, strict=True)]

    def total(self, ledger: Ledger) -> int:
        """The figure for the whole model."""
        return sum(self.by_module(ledger))


def _table(*conventions: Convention) -> dict[str, Convention]:
    table: dict[str, Convention] = {}
    for convention in conventions:
        for name in (convention.name, *convention.aliases):
            if name in named(table):
                raise ValueError(f"convention {name!r} is registered twice")
        table[convention.name] = convention
    return table


def named(table: Mapping[str, Convention]) -> dict[str, Convention]:
    """Every name of the conventions in a table, aliases included, each after its own."""
    return {
        name: convention
        for convention in table.values()
        for name in (convention.name, *convention.aliases)
    }


def _each(name: str) -> tuple[str, str, str]:
    """``_each("Conv{}d")`` is ``("Conv1d", "Conv2d", "Conv3d")``."""
    return name.format(1), name.format(2), name.format(3)


_FVCORE = (
    Operations({"macs": 1}, (*CONVOLUTIONS, Kind.LINEAR, Kind.MATMUL, Kind.EINSUM)),
    Operations(
        {"flops": 1},
        (
            Kind.BATCH_NORM,
            Kind.BATCH_STATISTICS,
            Kind.LAYER_NORM,
            Kind.GROUP_NORM,
            Kind.INSTANCE_NORM,
        ),
    ),
    Operations({"in_elements": 1}, functions=("adaptive_avg_pool2d",)),
)

_PTFLOPS_POOLS = tuple(
    name
    for kind in ("Max", "Avg", "AdaptiveMax", "AdaptiveAvg")
    for name in _each(kind + "Pool{}d")
)

WORK: Mapping[str, Convention] = _table(
    Convention(
        "macs",
        "products, each with the addition that accumulates it",
        (Operations({"macs": 1}),),
        tools=("DeepSpeed's MACs", "calflops's MACs", 'torchvision\'s "GFLOPS"'),
        but=(
            "einsum has no MACs in DeepSpeed and calflops",
            "calflops sees neither fused attention nor the operator @",
        ),
    ),
    Convention(
        "flops",
        "two for each product, and DeepSpeed's estimate for norms, activations, pools, softmax, "
        "biases of convolutions, torch.add and torch.mul",
        (Operations({"flops": 1}),),
        tools=("DeepSpeed's FLOPs", "calflops's FLOPs"),
        but=(
            "einsum is rounded to four digits in DeepSpeed and calflops",
            "calflops sees neither fused attention nor the operator @",
        ),
    ),
    Convention(
        "torch",
        "two for each product",
        (Operations({"macs": 2, "torch_missed": -1}),),
        tools=("PyTorch's FlopCounterMode",),
    ),
    Convention(
        "fvcore",
        "products; 2 for each element of a batch norm, 5 of any other norm (1 and 4 without a "
        "scale), and each element read by adaptive average pools",
        _FVCORE,
        tools=("fvcore 0.1.5", "mmengine 0.10.7"),
        but=(
            "einsum, except in two patterns, is rounded to four digits",
            "interpolation counts 1 or 4 for each output there",
        ),
        aliases=("mmengine",),
    ),
    Convention(
        "fvcore-train",
        "as fvcore, with the statistics of batch norms computed: 5 for each element",
        # 5 - 2 = 4 - 1 = 3 more, with and without a scale
        (*_FVCORE, Operations({"in_elements": 3}, (Kind.BATCH_NORM,))),
        tools=("fvcore 0.1.5 in training mode", "mmengine 0.10.7 in training mode"),
        aliases=("mmengine-train",),
    ),
    Convention(
        "thop",
        "products of convolution and linear modules; 4 for each element of a norm module (2 "
        "without a scale), each output of average pools, and each element read by adaptive ones",
        (
            Operations({"macs": 1}, CONVOLUTIONS, inside=_each("Conv{}d")),
            Operations({"macs": 1}, (Kind.LINEAR,), inside=("Linear",)),
            # DeepSpeed says 2 for each element of a batch norm, 1 without a scale,
            Operations(
                {"flops": 2}, (Kind.BATCH_NORM,), inside=(*_each("BatchNorm{}d"), "SyncBatchNorm")
            ),
            Operations(
                {"flops": 2, "in_elements": -6},
                (Kind.BATCH_STATISTICS,),
                inside=(*_each("BatchNorm{}d"), "SyncBatchNorm"),
            ),
            # and 5 or 4 of these: 2 * 5 - 6 = 4, 2 * 4 - 6 = 2.
            Operations(
                {"flops": 2, "in_elements": -6},
                (Kind.LAYER_NORM, Kind.INSTANCE_NORM),
                inside=(*_each("InstanceNorm{}d"), "LayerNorm"),
            ),
            Operations({"in_elements": 1}, functions=("prelu",), inside=("PReLU",)),
            Operations({"out_elements": 1}, (Kind.POOL,), inside=_each("AvgPool{}d")),
            Operations(
                {"in_elements": 1, "out_elements": 1},
                (Kind.ADAPTIVE_POOL,),
                inside=_each("AdaptiveAvgPool{}d"),
            ),
        ),
        tools=("thop 0.1.1",),
        but=(
            "transposed convolutions are counted by a wrong formula there",
            "softmax, upsampling and recurrent modules count there",
        ),
    ),
    Convention(
        "keras",
        "products of convolutions, but not of depthwise ones, and of dense layers",
        (Operations({"macs": 1}, (Kind.CONVOLUTION, Kind.LINEAR)),),
        tools=("count_ops for Keras, 2018",),
        but=("the batch is not counted there: read it for a batch of 1",),
    ),
    Convention(
        "ptflops",
        "products and the additions of biases",
        (
            Operations({"macs": 1, "bias_elements": 1}, (*CONVOLUTIONS, Kind.LINEAR)),
            Operations(
                {"macs": 1},
                functions=("matmul", "__matmul__", "mm", "bmm", "einsum", "aten.mm", "aten.bmm"),
            ),
            Operations({"macs": 1, "bias_elements": 1}, functions=("addmm", "aten.addmm")),
        ),
        tools=("ptflops 0.7.5 with backend aten",),
        but=("a linear layer whose input is not contiguous loses its bias there",),
    ),
    Convention(
        "ptflops-pytorch",
        "products and biases of convolution and linear modules; 2 for each element of a norm "
        "module (1 without a scale); each element of activations and pools, twice if a module "
        "calls them; torch.add, torch.mul and matrix products",
        (
            Operations(
                {"macs": 1, "bias_elements": 1},
                (*CONVOLUTIONS, Kind.LINEAR),
                inside=(*_each("Conv{}d"), *_each("ConvTranspose{}d"), "Linear"),
            ),
            Operations({"flops": 1}, (Kind.BATCH_NORM,), inside=_each("BatchNorm{}d")),
            Operations(
                {"flops": 1, "in_elements": -3},
                (Kind.BATCH_STATISTICS,),
                inside=_each("BatchNorm{}d"),
            ),
            # DeepSpeed's 5 or 4 for each element, less 3
            Operations(
                {"flops": 1, "in_elements": -3},
                (Kind.INSTANCE_NORM, Kind.GROUP_NORM),
                inside=(*_each("InstanceNorm{}d"), "GroupNorm"),
            ),
            Operations({"in_elements": 1}, (Kind.LAYER_NORM,), inside=("LayerNorm",)),
            # functions, whoever calls them
            Operations(
                {"in_elements": 1},
                functions=("relu", "prelu", "elu", "relu6", "gelu", "silu", "softmax"),
            ),
            Operations({"in_elements": 1}, (Kind.POOL, Kind.ADAPTIVE_POOL)),
            Operations({"flops": 1}, (Kind.ADD, Kind.MUL)),
            Operations({"macs": 1}, functions=("matmul", "mm", "bmm")),  # but not @
            Operations({"macs": 1, "bias_elements": 1}, functions=("addmm", "baddbmm")),
            # and once more for the modules that do
            Operations(
                {"out_elements": 1},
                inside=("ReLU", "PReLU", "ELU", "LeakyReLU", "ReLU6", "GELU"),
            ),
            Operations({"in_elements": 1}, inside=_PTFLOPS_POOLS),
        ),
        tools=("ptflops 0.7.5 with backend pytorch",),
        but=(
            "multi-head attention, recurrent and upsampling modules count by other formulas there",
        ),
    ),
    Convention(
        "torchinfo",
        "products and biases of convolutions; for other leaf modules their parameters, for each "
        "sample of the batch and not for each position",
        (
            # A convolution's parameters, once for each position, are its products and biases.
            Operations({"macs": 1, "bias_elements": 1}, CONVOLUTIONS, named="Conv"),
            Modules({"map_params": 1}, leaves=True, named="Conv", without=CONVOLUTIONS),
            Modules({"row_params": 1}, leaves=True, unlike=("Conv", "RecursiveScriptModule")),
        ),
        tools=("torchinfo 1.8.0",),
        but=("transposed convolutions and recurrent layers are counted by other formulas there",),
    ),
)
"""Ways to count work, by name."""

PARAMS: Mapping[str, Convention] = _table(
    Convention(
        "all",
        "all parameters, shared ones once",
        (Modules({"params": 1}),),
        tools=("PyTorch", "DeepSpeed"),
    ),
    Convention(
        "trainable",
        "parameters that training changes",
        (Modules({"trainable_params": 1}),),
        tools=("calflops",),
    ),
    Convention(
        "keras",
        "all parameters, and the running means and variances of norms",
        (Modules({"params": 1, "statistics": 1}),),
        tools=("Keras's total",),
    ),
    Convention(
        "keras-non-trainable",
        "frozen parameters, and the running means and variances of norms",
        (Modules({"params": 1, "trainable_params": -1, "statistics": 1}),),
        tools=("Keras's non-trainable",),
    ),
)
"""Ways to count parameters, by name."""

ACTIVATIONS: Convention = Convention(
    "activations",
    "elements that convolutions, linear layers and matrix products put out",
    (Operations({"out_elements": 1}, (*CONVOLUTIONS, Kind.LINEAR, Kind.MATMUL, Kind.EINSUM)),),
    tools=("fvcore 0.1.5", "mmengine 0.10.7"),
)
"""The one way to count activations."""


def work(name: str) -> Convention:
    """The way to count work called ``name``; UsageError where there is none."""
    return _find(name, WORK)


def params(name: str) -> Convention:
    """The way to count parameters called ``name``; UsageError where there is none."""
    return _find(name, PARAMS)


def _find(name: str, table: Mapping[str, Convention]) -> Convention:
    known = named(table)
    if name in known:
        return known[name]
    close = nearest(name, known)
    raise UsageError(
        f"there is no convention {name!r}. "
        + (f"Did you mean {close!r}? " if close else "")
        + f"Known: {', '.join(sorted(known))}."
    )
