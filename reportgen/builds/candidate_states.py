"""Find a module's state dict in a checkpoint: in sections, behind prefixes, inside wrappers.

A prefix or a wrapper is removed only if the module has the names that result.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

# Wrappers: DataParallel's, torch.compile's, Fabric's, FSDP's, and that of activation checkpoints.
_WRAPPERS = (
    "module",
    "_orig_mod",
    "_forward_module",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
)
# Words in a name that mark weights averaged over training.
_AVERAGED = {"ema", "swa", "avg", "average", "averaged", "shadow"}
# What torch's AveragedModel has beside the module.
COUNTER_OF_AVERAGES = "n_averaged"
# Words of what trainers keep under a module's names beside its weights.
_ASIDE = {"optim", "optimizer", "optimizers", "scheduler", "scaler", "exp", "momentum"}
_ASIDE |= {"grad", "grads", "gradients"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_EXTRA_STATE = "_extra_state"
_COUNTER = "num_batches_tracked"
# How deep sections nest, and how many prefixes are tried in each.
_DEEPEST = 6
_PREFIXES = 8


@dataclass(frozen=True)
class StateCandidate:
    """A state dict in the module's names, and what does not fit by names and shapes alone.

    `label` is its place in the file, as a spec's `key`; empty for the whole. `origins` maps entries
    to names in the file, `left_out` are tensors without the prefix, `untied` names of one parameter
    with different values. Names that torch's load hooks convert count as missing and unexpected.
    """

    label: str
    section: str
    state: OrderedDict[str, Any]
    origins: Mapping[str, str]
    left_out: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]
    untied: tuple[str, ...]
    matched: int
    averaged: bool
    """Whether its label, or a counter beside it, marks an average over training."""
    own_left_out: bool
    """Whether all the module's names are among those left out, too."""

    @property
    def faults(self) -> tuple[int, int]:
        """The numbers of missing or misshapen, and of unexpected entries."""
        return len(self.missing) + len(self.misshapen), len(self.unexpected)

    def same_as(self, other: StateCandidate) -> bool:
        """Whether both hold the same values under the same names."""
        return self.state.keys() == other.state.keys() and all(
            _equal(value, other.state[name]) for name, value in self.state.items()
        )


class Names:
    """The names of a module's own entries, and where a checkpoint's names belong among them."""

    def __init__(self, module: nn.Module) -> None:
        self.modules = {path for path, _ in module.named_modules(remove_duplicate=False)}
        self.own: Mapping[str, Any] = module.state_dict()
        tensors: dict[int, list[str]] = defaultdict(list)
        for kind in (module.named_parameters, module.named_buffers):
            for name, tensor in kind(remove_duplicate=False):
                tensors[id(tensor)].append(name)
        self.ties = {name: tied for tied in tensors.values() if len(tied) > 1 for name in tied}
        """The names of each parameter or buffer that has several."""

    def place(self, name: str, *, of_module: bool = False) -> str:
        """Return a name with the module's own wrappers, and without others."""
        here, parts = "", name.split(".") if name else []
        while parts:
            part, *rest = parts
            if (found := self._below(here, part)) is not None:
                here, parts = found, rest
            elif rest and (inner := self._below(here, part + rest[0])) and inner in self.modules:
                # Old checkpoints have dots in names of modules: `norm.1` for `norm1`.
                here, parts = inner, rest[1:]
            elif part in _WRAPPERS and (rest or of_module):
                parts = rest
            else:
                return _join(here, *parts)
        return here

    def _below(self, path: str, part: str) -> str | None:
        """Return the name of a module's part, which may be inside wrappers, or None."""
        name = _join(path, part)
        if name in self.modules or name in self.own:
            return name
        for wrapper in _WRAPPERS:
            inside = _join(path, wrapper)
            if inside in self.modules and (found := self._below(inside, part)) is not None:
                return found
        return None


def candidates(content: Any, module: nn.Module) -> list[StateCandidate]:
    """List what could be the module's state dict, the best first."""
    names = Names(module)
    every = sections(content)
    prefixes = {label: _prefixes(section, names) for label, section in every.items()}
    if every and not any(prefixes.values()):  # nothing is alike: the largest stands for all
        largest = max(every, key=lambda label: len(every[label]))
        prefixes[largest] = ["", _common_prefix(_tensors(every[largest]))]
    found: dict[Any, StateCandidate] = {}
    for label, section in every.items():
        for prefix in prefixes[label]:
            made = _candidate(label, section, prefix, names)
            # Two prefixes that lead to the same tensors are one.
            held = tuple((name, id(value)) for name, value in made.state.items())
            found.setdefault((label, held), made)
    return sorted(found.values(), key=_order)


def sections(content: Any) -> dict[str, Mapping[Any, Any]]:
    """Map labels (keys, joined by dots) to the mappings in a checkpoint that hold tensors."""
    return {label: node for label, node in _mappings(content, "", ()) if _tensors(node)}


def unnamed_averages(content: Any) -> list[str]:
    """List the keys of averages that are lists of tensors without names: they cannot be loaded."""
    return [
        _join(label, key)
        for label, node in _mappings(content, "", ())
        for key, value in node.items()
        if isinstance(key, str) and isinstance(value, list | tuple) and any(map(_is_tensor, value))
        if _words(_join(label, key)) & _AVERAGED
    ]


def find(content: Any, key: str) -> Any:
    """Return the value of a key, which may be nested (`a.b`) or a prefix of names; or None."""
    if not key:
        return content
    if not isinstance(content, Mapping):
        return None
    parts = key.split(".")
    for cut in range(len(parts), 0, -1):
        head, rest = ".".join(parts[:cut]), ".".join(parts[cut:])
        if head in content and (found := find(content[head], rest)) is not None:
            return found
    return _below_prefix(content, f"{key}.")


def known_keys(content: Any) -> list[str]:
    """List the keys that lead to tensors: sections, and the prefixes in them."""
    keys = []
    for label, section in sections(content).items():
        common = _common_prefix(_tensors(section))
        rests = [name.removeprefix(common).split(".") for name in _tensors(section)]
        firsts = sorted({common + first for first, *more in rests if more})
        keys += [label, *(_join(label, first) for first in firsts)]
    return [key for key in dict.fromkeys(keys) if key]


def _order(candidate: StateCandidate) -> tuple[Any, ...]:
    """Sort candidates: the best fit, then the largest, then the simplest."""
    lacking, unexpected = candidate.faults
    size = unexpected if candidate.matched else -len(candidate.state)
    return lacking, size, not candidate.averaged, len(candidate.left_out), len(candidate.label)


def _mappings(
    node: Any, label: str, above: tuple[Any, ...]
) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    if not isinstance(node, Mapping) or len(above) > _DEEPEST:
        return
    if any(node is one for one in above):
        return
    yield label, node
    for key, value in node.items():
        if isinstance(key, str) and not _words(key) & _ASIDE:
            yield from _mappings(value, _join(label, key), (*above, node))


def _words(key: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(key)}


def _tensors(section: Mapping[Any, Any]) -> list[str]:
    return [name for name, value in section.items() if isinstance(name, str) and _is_tensor(value)]


def _prefixes(section: Mapping[Any, Any], names: Names) -> list[str]:
    """List possible prefixes of the module's names, as `""` or `model.`."""
    tensors = _tensors(section)
    if set(tensors) == names.own.keys():
        return [""]
    counts: Counter[str] = Counter()
    for name in tensors:
        parts = name.split(".")
        for cut in range(len(parts)):
            placed = names.place(".".join(parts[cut:]))
            # A load hook may convert the last part of a name; the module it is of stays.
            parent = placed.rpartition(".")[0]
            weight = 2 * (placed in names.own) + bool(parent and parent in names.modules)
            counts["".join(f"{part}." for part in parts[:cut])] += weight
    likely = [
        prefix
        for prefix, count in counts.most_common(_PREFIXES)
        if count and not _words(prefix) & _ASIDE
    ]
    return list(dict.fromkeys(["", *likely])) if likely else []


def _common_prefix(names: Sequence[str]) -> str:
    first = names[0].split(".")[:-1]
    for name in names:
        parts = name.split(".")
        same = (a == b for a, b in zip(first, parts[:-1], strict=False))
        first = first[: next((i for i, equal in enumerate(same) if not equal), len(parts) - 1)]
    return "".join(f"{part}." for part in first)


def _candidate(label: str, section: Mapping[Any, Any], prefix: str, names: Names) -> StateCandidate:
    beside = tuple(name for name in _tensors(section) if not name.startswith(prefix))
    under: Mapping[str, Any] = _below_prefix(section, prefix) or {}
    placed = {name: names.place(name) for name in under}
    if len(set(placed.values())) < len(placed):  # two parts of the file in one place
        placed = {name: name for name in placed}
    kept = {name: value for name, value in under.items() if _is_entry(placed[name], value, names)}
    state = OrderedDict((placed[name], _as_tensor(value)) for name, value in kept.items())
    origins = {placed[name]: prefix + name for name in kept}
    _tie(state, names)
    _keep_metadata(under, state, names)
    full = _join(label, prefix.rstrip(".")) if prefix and beside else label
    counters = [name for name in beside if name.rpartition(".")[2] == COUNTER_OF_AVERAGES]
    counted = any(
        prefix.startswith(f"{name.removesuffix(COUNTER_OF_AVERAGES)}module.") for name in counters
    )
    return StateCandidate(
        label=full,
        section=label,
        state=state,
        origins=origins,
        left_out=beside,
        missing=tuple(name for name in names.own if _is_missing(name, state)),
        unexpected=tuple(name for name in state if name not in names.own),
        misshapen=tuple(_misshapen(state, names)),
        untied=tuple(_untied(state, names)),
        matched=sum(name in names.own for name in state),
        averaged=bool(_words(full) & _AVERAGED) or counted,
        own_left_out=bool(names.own) and names.own.keys() <= set(beside),
    )


def _below_prefix(section: Mapping[Any, Any], prefix: str) -> OrderedDict[str, Any] | None:
    """Return the entries whose names begin with a prefix, without it, with their metadata."""
    found = OrderedDict(
        (name.removeprefix(prefix), value)
        for name, value in section.items()
        if isinstance(name, str) and name.startswith(prefix)
    )
    versions = getattr(section, "_metadata", None)
    if isinstance(versions, Mapping):
        root = prefix.rstrip(".")
        found._metadata = {  # type: ignore[attr-defined]  # where torch keeps it
            path[len(prefix) :]: value
            for path, value in versions.items()
            if path == root or path.startswith(prefix)
        }
    return found or None


def _keep_metadata(source: Mapping[str, Any], state: OrderedDict[str, Any], names: Names) -> None:
    """Move the versions of modules to the module's own paths, for torch's hooks."""
    versions = getattr(source, "_metadata", None)
    if versions is None:
        return
    placed: dict[str, Any] = {}
    for path in sorted(versions, key=len):  # of a wrapper and what it wraps, the latter's counts
        placed[names.place(path, of_module=True)] = versions[path]
    for path in sorted(names.modules, key=len):
        owner, _, last = path.rpartition(".")
        if last in _WRAPPERS and path not in placed and owner in placed:
            placed[path] = placed[owner]
    state._metadata = placed  # type: ignore[attr-defined]


def _tie(state: OrderedDict[str, Any], names: Names) -> None:
    """Give a tied parameter that was saved once its other names."""
    for name in names.own:
        if name not in state:
            twin = next((twin for twin in names.ties.get(name, ()) if twin in state), None)
            if twin is not None:
                state[name] = state[twin]


def _untied(state: Mapping[str, Any], names: Names) -> Iterator[str]:
    """Yield the names of tied parameters whose values differ: the module keeps the last."""
    for name, tied in names.ties.items():
        twins = [twin for twin in tied if twin in state]
        if name in state and not all(_equal(state[name], state[twin]) for twin in twins):
            yield name


def _is_entry(name: str, value: Any, names: Names) -> bool:
    """Whether a value in a section belongs to a state dict."""
    return _is_tensor(value) or name in names.own or name.rpartition(".")[2] == _EXTRA_STATE


def _is_missing(name: str, state: Mapping[str, Any]) -> bool:
    # Checkpoints from before PyTorch 0.4.1 have no counters of batches: torch adds them.
    return name not in state and name.rpartition(".")[2] != _COUNTER


def _misshapen(state: Mapping[str, Any], names: Names) -> Iterator[str]:
    """Yield names of tensors of another shape than the module's, with both shapes."""
    for name, value in state.items():
        own = names.own.get(name)
        if not isinstance(value, Tensor) or not isinstance(own, Tensor) or is_lazy(own):
            continue
        single = own.shape == () and value.shape == (1,)  # as PyTorch 0.3 saved numbers
        if value.shape != own.shape and not single:
            yield f"{name} ({_shape(value)}, the model's is {_shape(own)})"


def _shape(tensor: Tensor) -> str:
    return "×".join(str(length) for length in tensor.shape) or "a single number"


def _is_tensor(value: Any) -> bool:
    if isinstance(value, np.ndarray):  # not of text, nor of numbers that torch does not have
        return value.dtype.kind in "biuf" and value.dtype.itemsize <= 8
    return isinstance(value, Tensor)


def _as_tensor(value: Any) -> Any:
    if isinstance(value, np.ndarray) and _is_tensor(value):
        return torch.from_numpy(value.astype(value.dtype.newbyteorder("=")))
    return value


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        alike = (left.shape, left.dtype) == (right.shape, right.dtype)
        return alike and (left is right or _equal_values(left, right))
    return left is right


def _equal_values(left: Tensor, right: Tensor) -> bool:
    """Whether two tensors hold the same values; NaN is the same as NaN."""
    try:
        return bool(((left == right) | ((left != left) & (right != right))).all())
    except (RuntimeError, NotImplementedError):  # sparse ones, and those without values
        return False


def _join(*parts: str) -> str:
    return ".".join(part for part in parts if part)
