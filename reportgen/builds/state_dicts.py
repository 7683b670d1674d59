"""Weights into modules: state dicts out of any usual checkpoint. torch decides what fits."""

from __future__ import annotations

import copy
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from torch import Tensor, nn

from reportgen.builds.candidate_states import (
    COUNTER_OF_AVERAGES,
    StateCandidate,
    candidates,
    find,
    known_keys,
    sections,
    unnamed_averages,
)
from reportgen.builds.checkpoint_file import SAVE
from reportgen.common.errors import MeasureError, did_you_mean

State: TypeAlias = dict[str, Tensor]

# How many names a message shows, and how many candidates are tried.
_SHOWN = 3
_TRIED = 3
# How much a report quotes of what a model's own code raises.
_LONGEST = 200


# What torch says of a tensor that it cannot copy, after what it says of shapes that are alike.
_COPYING = re.compile(
    r"""copying the parameter named "(.+?)".*? an exception occurred : \((['"])(.+?)\2,\)"""
)


def load(
    make: Callable[[], nn.Module],
    content: Any,
    name: str,
    *,
    key: str | None = None,
    optional: str = "",
) -> tuple[nn.Module, str]:
    """Make a module and load a checkpoint; also say which part of the file was taken, if not all.

    `name` is the file's; `key` selects a part of it. Entries of the module that begin with
    `optional` may be missing. A module that refuses weights is discarded. Raises MeasureError if
    nothing in the file fits, or if several things do and neither `key` nor an average decides.
    """
    module = make()
    found = candidates(_under(content, name, key), module)
    if not found:
        raise _no_state(name)
    refusals: list[MeasureError] = []
    for candidate in found[:_TRIED]:
        module = make() if refusals else module
        refusal = _try(module, candidate, optional)
        if refusal is None:
            rivals = [
                other for other in _rivals(candidate, found) if not _try(make(), other, optional)
            ]
            _check_alone(candidate, rivals, name, key)
            taken = _taken(candidate, found, key)
            taken += _unversioned(module, candidate.state)
            if not key and not candidate.averaged and (lists := unnamed_averages(content)):
                taken.append(f"averages without names are not read: {_first(lists)}")
            return module, "; ".join(taken)
        refusals.append(refusal)
    raise refusals[0]


def load_into(module: nn.Module, state: State) -> None:
    """Load a state dict that the same code saved; raise MeasureError if it does not fit."""
    versioned = OrderedDict(state)  # safetensors keeps no versions: they are the module's own
    versioned._metadata = module.state_dict()._metadata  # type: ignore[attr-defined]
    (found, *_) = candidates(versioned, module)
    if refusal := _try(module, found, ""):
        raise refusal


def _under(content: Any, name: str, key: str | None) -> Any:
    """Return the part of a checkpoint that a spec's `key` selects; raise MeasureError if none."""
    if key is None:
        return content
    found = find(content, key)
    if not isinstance(found, Mapping):
        known = known_keys(content)
        raise MeasureError(
            f"the weights {name} hold no state dict under the key '{key}'",
            did_you_mean(key, known)
            or ("It holds one, under no key: remove `key`." if sections(content) else SAVE),
        )
    return found


def _try(module: nn.Module, candidate: StateCandidate, optional: str) -> MeasureError | None:
    """Load a candidate; return why the module refused it, or None. It may be loaded in part."""
    state = copy.copy(candidate.state)
    for name, own in module.state_dict().items() if optional else ():
        if name.startswith(optional):
            state.setdefault(name, own)
    try:
        module.load_state_dict(state)
    except Exception as error:  # the model's own hooks can raise anything
        return _unfit(candidate, error, optional)
    return None


def _unfit(candidate: StateCandidate, error: Exception, optional: str) -> MeasureError:
    """Say which names and shapes do not fit, or else what the module raised."""
    own = [name for name in candidate.missing if not (optional and name.startswith(optional))]
    faults = [
        _list("missing", sorted(own)),
        _list("unexpected", sorted(candidate.origins[name] for name in candidate.unexpected)),
        _list("of another shape", candidate.misshapen),
    ]
    hint = "They are of another architecture, or of another number of classes."
    if said := "; ".join(filter(None, faults)):
        return MeasureError(f"the weights do not fit the model: {said}", hint)
    said = " ".join(str(error).split())
    if why := _COPYING.search(said):
        return MeasureError(
            f"the model refuses the weights: {why[1]}: {why[3]}",
            "Save dense tensors of ordinary types, as `state_dict()` of a model in float32 has.",
        )
    return MeasureError(
        f"the model refuses the weights: {type(error).__name__}: {said[:_LONGEST]}".rstrip(": "),
        hint,
    )


def _rivals(candidate: StateCandidate, found: Sequence[StateCandidate]) -> list[StateCandidate]:
    """List the candidates that fit as well by their names and shapes, and hold something else."""
    return [
        other
        for other in found
        if other.faults == candidate.faults
        and other.averaged == candidate.averaged
        and not other.same_as(candidate)
    ]


def _check_alone(
    candidate: StateCandidate, rivals: Sequence[StateCandidate], name: str, key: str | None
) -> None:
    """Refuse to guess between state dicts that fit equally well."""
    if candidate.own_left_out and not candidate.averaged:
        label = _full(candidate, key)
        raise MeasureError(
            f"the weights {name} hold 2 state dicts that fit the model: '{label}', and one of no "
            "key",
            f"Say `key: {label}`, or save the other alone.",
        )
    if rivals:
        labels = [_full(one, key) for one in (candidate, *rivals)]
        raise MeasureError(
            f"the weights {name} hold {len(labels)} state dicts that fit the model: "
            + ", ".join(f"'{label}'" for label in labels),
            f"Say which: `key: {labels[0]}`.",
        )


def _taken(
    candidate: StateCandidate, found: Sequence[StateCandidate], key: str | None
) -> list[str]:
    """List what was taken from a file, and what was not; empty if all of it was taken."""
    others = [
        other
        for other in found
        if other.label != candidate.label
        and (other.faults == candidate.faults or other.section != candidate.section)
        and 2 * (other.matched - len(other.misshapen)) >= candidate.matched
        and (other.averaged != candidate.averaged or not other.same_as(candidate))
    ]
    elsewhere = {name for other in others for name in other.origins.values()}
    left = [
        name
        for name in candidate.left_out
        if name not in elsewhere and name.rpartition(".")[2] != COUNTER_OF_AVERAGES
    ]
    label = _full(candidate, key)
    parts = []
    if label and (others or left or key):
        parts.append(f"from '{label}'" + (" (averaged)" if candidate.averaged else ""))
    if others:
        labels = [_full(other, key) for other in others[:_SHOWN]]
        named = " and ".join(f"'{label}'" if label else "weights of no key" for label in labels)
        parts.append(f"the file holds {named} too")
    if left:
        parts.append(f"left out: {_first(left)}")
    if candidate.untied:
        parts.append(f"the model ties what differs in the file: {_first(candidate.untied)}")
    return parts


def _unversioned(module: nn.Module, state: Mapping[str, Any]) -> list[str]:
    """List the model's own classes that have several versions, if the file does not name one."""
    if hasattr(state, "_metadata"):
        return []
    kinds = {type(part) for part in module.modules() if (part._version or 1) > 1}
    names = sorted(kind.__name__ for kind in kinds if not kind.__module__.startswith("torch."))
    return [f"it holds no version of {name}, which reads it as its first" for name in names]


def _full(candidate: StateCandidate, key: str | None) -> str:
    return ".".join(part for part in (key, candidate.label) if part)


def _no_state(name: str) -> MeasureError:
    return MeasureError(f"the weights {name} hold no state dict", SAVE)


def _list(what: str, names: Sequence[str]) -> str:
    return f"{len(names)} {what}: {_first(names)}" if names else ""


def _first(names: Sequence[str]) -> str:
    """Write the first names of a list, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    shown = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in names[:_SHOWN]]
    return ", ".join(shown) + more
