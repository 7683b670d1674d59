"""Heads: classifiers inside a network, one at each tap.

A tap is a module whose output is a feature map, `(N, C, H, W)`. A model names its taps, in order,
in a method `taps()`; any other module can be tapped by its path. A head is a global average pool
and a linear layer. It runs in a forward hook of its tap, before any in-place operation that
follows.

All heads run in every forward pass, so they are counted and timed. The model still returns the
output of its own last classifier, which is evaluated and fitted.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_map_only

from reportgen.common.errors import MeasureError, did_you_mean
from reportgen.spec.variants import Heads as Wanted
from reportgen.spec.variants import Tap, TapRange

NAME = "heads"
"""Path of the module that holds the heads."""

_SHOWN = 3


class Heads(nn.ModuleDict):
    """The heads of a model, by the names of their taps (of a path, with `-` for its dots)."""

    def forward(self, x: Any) -> Any:
        """Return `x`: an `nn.Sequential` calls every module that it holds."""
        return x


@dataclass(frozen=True)
class _Run:
    """A hook that runs a head. Not a closure: it is copied with its model, head and all."""

    head: nn.Module

    def __call__(self, module: nn.Module, args: Any, output: Tensor) -> None:
        self.head(output)


def attach(
    model: nn.Module,
    wanted: Wanted,
    *,
    num_classes: int,
    shown: tuple[Sequence[Any], Mapping[str, Any]],
) -> None:
    """Attach heads of `num_classes` classes to a model, as its module `heads`.

    `shown` is an input of the model, by position and by name. Raises MeasureError for taps that
    the model lacks, or whose output does not fit a head.
    """
    if hasattr(model, NAME):
        raise MeasureError(f"{_name(model)} has a module '{NAME}' of its own", "Remove 'heads'.")
    taps = _chosen(model, wanted)
    channels = _channels(model, taps, shown)
    heads = Heads()
    for name, tap in taps.items():
        fc = nn.Linear(channels[name], num_classes)
        head = nn.Sequential(
            OrderedDict[str, nn.Module](pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=fc)
        )
        heads[name.replace(".", "-")] = head
        tap.register_forward_hook(_Run(head))
    model.add_module(NAME, heads)


def trace(model: nn.Module) -> tuple[fx.GraphModule, bool]:
    """Trace a model as `fx.symbolic_trace` does, its heads too; also say whether it has any.

    The outputs of heads are added to the model's own, so that heads are not removed as dead code
    before `keep_own_output`. Their hooks are removed from the model: they would run heads twice.
    """
    heads: dict[nn.Module, nn.Module] = {}
    for module in model.modules():
        for key, hook in list(module._forward_hooks.items()):
            if isinstance(hook, _Run):
                heads[module] = hook.head
                del module._forward_hooks[key]
    tracer = _Tracer(heads)
    graph = tracer.trace(model)
    if heads:
        output = graph.output_node()
        output.args = ((output.args[0], tuple(tracer.ends)),)
    return fx.GraphModule(model, graph, _name(model)), bool(heads)


def keep_own_output(traced: fx.GraphModule) -> None:
    """Let a traced model return only what the model returns. Its heads still run."""
    output = traced.graph.output_node()
    output.args = (output.args[0][0],)  # type: ignore[index]
    traced.recompile()


class _Tracer(fx.Tracer):
    """Runs heads where their taps run, also at PyTorch's own layers, which it does not trace."""

    def __init__(self, heads: Mapping[nn.Module, nn.Module]) -> None:
        super().__init__()
        self._heads = heads
        self.ends: list[fx.Node] = []

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        output = super().call_module(m, forward, args, kwargs)
        if head := self._heads.get(m):
            self.ends.append(head(output).node)
        return output


def _chosen(model: nn.Module, wanted: Wanted) -> dict[str, nn.Module]:
    """Return the taps that a spec asks for, by name."""
    taps: Any = getattr(model, "taps", dict)
    named: dict[str, nn.Module] = dict(taps())
    if isinstance(wanted, list):
        chosen = [_find(model, named, tap) for tap in wanted]
    elif not named:
        raise MeasureError(f"{_name(model)} names no taps", _by_path(model))
    elif isinstance(wanted, TapRange):
        order = list(named)
        first = order.index(_find(model, named, wanted.first, by_path=False))
        last = order.index(_find(model, named, wanted.last or len(order), by_path=False))
        if first > last:
            raise MeasureError(
                f"the taps from {order[first]} to {order[last]} are none", "Swap `from` and `to`."
            )
        chosen = order[first : last + 1]
    else:
        chosen = list(named)
    for name in chosen:
        if chosen.count(name) > 1:
            raise MeasureError(f"the tap {name} is listed twice", "Remove one.")
    return {name: named.get(name) or model.get_submodule(name) for name in chosen}


def _find(
    model: nn.Module, named: Mapping[str, nn.Module], tap: Tap, *, by_path: bool = True
) -> str:
    """Return the name of a tap that is given by name, by number from 1, or by path."""
    if isinstance(tap, int):
        if tap <= len(named):
            return list(named)[tap - 1]
        if not named:
            raise MeasureError(f"{_name(model)} names no taps", _by_path(model))
        raise MeasureError(
            f"{_name(model)} has {len(named)} taps, none of them number {tap}",
            f"They are {', '.join(named)}.",
        )
    paths = dict(model.named_modules()) if by_path else {}
    if tap not in named and (not tap or tap not in paths):
        known = named or (path for path in paths if path)
        raise MeasureError(f"{_name(model)} has no tap '{tap}'", did_you_mean(tap, known, show=20))
    return tap


def _channels(
    model: nn.Module, taps: Mapping[str, nn.Module], shown: tuple[Sequence[Any], Mapping[str, Any]]
) -> dict[str, int]:
    """Find how many channels each tap gives, in one forward pass of a copy without values."""
    tensors = [*model.parameters(), *model.buffers()]
    twin = copy.deepcopy(model, {id(tensor): _on_meta(tensor) for tensor in tensors})
    paths = {module: path for path, module in model.named_modules()}
    shapes: dict[str, list[tuple[int, ...]]] = {name: [] for name in taps}
    for name, module in taps.items():

        def note(module: nn.Module, args: Any, output: Any, name: str = name) -> None:
            shapes[name].append(tuple(output.shape) if isinstance(output, Tensor) else ())

        twin.get_submodule(paths[module]).register_forward_hook(note)
    args, kwargs = tree_map_only(Tensor, lambda tensor: tensor.to("meta"), shown)
    with torch.no_grad():
        twin.eval()(*args, **kwargs)
    for name, found in shapes.items():
        if len(found) != 1:
            raise MeasureError(
                f"the tap {name} runs {len(found)} times in a forward pass",
                "Tap a module that runs once.",
            )
        if len(found[0]) != 4:
            shape = "×".join(map(str, found[0])) or "no tensor"
            raise MeasureError(
                f"the tap {name} gives {shape}",
                "A head needs a feature map: images × channels × height × width.",
            )
    return {name: found[0][1] for name, found in shapes.items()}


def _on_meta(tensor: Tensor) -> Tensor:
    meta = tensor.detach().to("meta")
    return nn.Parameter(meta, requires_grad=False) if isinstance(tensor, nn.Parameter) else meta


def _name(model: nn.Module) -> str:
    return type(model).__name__


def _by_path(model: nn.Module) -> str:
    children = [name for name, _ in model.named_children()][:_SHOWN]
    return f"List the paths of modules: `{NAME}: [{', '.join(children)}]`."
