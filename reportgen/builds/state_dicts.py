"""Weights into modules: state dicts out of any usual checkpoint. torch decides what fits."""

from __future__ import annotations

import argparse
import copy
import pickle
import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, TypeAlias

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
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
from reportgen.common.errors import MeasureError, did_you_mean

State: TypeAlias = dict[str, Tensor]

# How many names a message shows, and how many candidates are tried.
_SHOWN = 3
_TRIED = 3
# How much a report quotes of what a model's own code raises.
_LONGEST = 200

# Modules of the published DenseNets had dots in their names. torchvision takes them out of the
# names of weights and statistics, but not of counters, which files saved anew have too.
_DOTTED = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])(?=\.)")

# How files begin that are taken for checkpoints: what they are, and what to do about them.
_STARTS = (
    (b"version https://git-lfs", "a pointer of Git LFS", "Run `git lfs pull`."),
    (b"<", "a web page", "Download the file itself: the address was that of a page about it."),
    (b"\x1f\x8b", "compressed with gzip", "Unpack it."),
)
# Files in zip archives that are no checkpoints of torch.save.
_MEMBERS = (
    ("/constants.pkl", "TorchScript", "Save torch.jit.load(FILE).state_dict()."),
    ("/archive_format", "a program of torch.export", "Save torch.export.load(FILE).state_dict."),
    (".npy", "arrays of NumPy", "Save them as a dictionary, with torch.save."),
)
_SAVE = "Save model.state_dict(), alone or under the key 'state_dict'."
_USUAL = "Give a state dict saved by torch.save, or a .safetensors file."

# What torch says of a tensor that it cannot copy, after what it says of shapes that are alike.
_COPYING = re.compile(
    r"""copying the parameter named "(.+?)".*? an exception occurred : \((['"])(.+?)\2,\)"""
)

_SHARD = re.compile(r"-\d+-of-0*(\d+)\.\w+$")


def read_checkpoint(path: Path) -> Any:
    """Return what a checkpoint holds, on the CPU.

    Raises MeasureError when the file is no checkpoint, is a part of one, or holds pickled objects,
    which are never run.
    """
    _refuse_shards(path)
    if _is_safetensors(path):
        try:
            return load_file(path)
        except SafetensorError:
            raise _broken(path) from None
    try:
        # As a file: torch would believe a name that ends with `.safetensors`.
        with warnings.catch_warnings(), _plain_allowed(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # torch on its own older formats
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(path, str(error)) from None
    except Exception:  # torch and pickle raise anything at a file that is damaged
        raise _broken(path) from None


def load(
    make: Callable[[], nn.Module],
    content: Any,
    name: str,
    *,
    key: str | None = None,
    optional: str = "",
) -> tuple[nn.Module, str]:
    """Make a module with a checkpoint's weights; also say what of the file was taken, if not all.

    `name` is the file's; `key` says what in it to take. Entries of the module that begin with
    `optional` may be missing. A module that refused weights is thrown away. Raises MeasureError
    when nothing in the file fits, or several things do and neither `key` nor an average decides.
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
                other
                for other in _rivals(candidate, found)
                if _try(make(), other, optional) is None
            ]
            _check_alone(candidate, rivals, name, key)
            unversioned = _unversioned(module, candidate.state)
            taken = _taken(candidate, found, key, unversioned)
            if not key and not candidate.averaged and (lists := unnamed_averages(content)):
                taken = "; ".join(
                    filter(None, (taken, f"averages without names are not read: {_first(lists)}"))
                )
            return module, taken
        refusals.append(refusal)
    raise refusals[0]


def load_into(module: nn.Module, state: State) -> None:
    """Load a state dict that the same code saved; raise MeasureError where it does not fit.

    A file of safetensors keeps no versions of modules: they are the module's own.
    """
    (found, *_) = candidates(with_versions_of(module, state), module)
    if refusal := _try(module, found, ""):
        raise refusal


def with_versions_of(module: nn.Module, state: State) -> OrderedDict[str, Tensor]:
    """Return a state dict that says it was saved by this version of the module's code."""
    versioned = OrderedDict(state)
    versioned._metadata = module.state_dict()._metadata  # type: ignore[attr-defined]
    return versioned


def holding(member: Any, content: Any, name: str) -> Any:
    """Return a copy of a member of torchvision's weights that gives what a file holds.

    With it, torchvision's own factory makes the model and loads the weights; nothing is downloaded,
    and no pickled object is run. The member that others see stays as it is.
    """
    if not isinstance(content, Mapping):
        raise _no_state(name)
    if type(member).__name__.startswith("DenseNet"):
        content = {_DOTTED.sub(r"\1\2", name): value for name, value in content.items()}
    twin = object.__new__(type(member))
    twin.__dict__.update(member.__dict__)
    twin.get_state_dict = lambda *_, **__: copy.copy(content)
    return twin


def _under(content: Any, name: str, key: str | None) -> Any:
    """Return what stands under a spec's `key`; raise MeasureError where nothing does."""
    if key is None:
        return content
    found = find(content, key)
    if not isinstance(found, Mapping):
        known = known_keys(content)
        raise MeasureError(
            f"the weights {name} hold no state dict under the key '{key}'",
            did_you_mean(key, known)
            or ("It holds one, under no key: remove `key`." if sections(content) else _SAVE),
        )
    return found


def _try(module: nn.Module, candidate: StateCandidate, optional: str) -> MeasureError | None:
    """Load a candidate; return why the module refused it, or None. It may have taken some of it."""
    state = copy.copy(candidate.state)
    for name, own in module.state_dict().items() if optional else ():
        if name.startswith(optional):
            state.setdefault(name, own)
    try:
        module.load_state_dict(state)
    except Exception as error:  # a hook of somebody's may raise anything
        return _unfit(candidate, error, optional)
    return None


def _unfit(candidate: StateCandidate, error: Exception, optional: str) -> MeasureError:
    """Say what does not fit by names and shapes, or else what the module raised."""
    own = [name for name in candidate.missing if not (optional and name.startswith(optional))]
    faults = [
        _list("missing", sorted(own)),
        _list("unexpected", sorted(candidate.origins[name] for name in candidate.unexpected)),
        _list("of another shape", candidate.misshapen),
    ]
    hint = "They are of another architecture, or of another number of classes."
    if any(faults):
        said = "; ".join(fault for fault in faults if fault)
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
    candidate: StateCandidate,
    found: Sequence[StateCandidate],
    key: str | None,
    unversioned: Sequence[str],
) -> str:
    """Say what was taken of a file, and what was not; empty for a file that is taken whole."""
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
    parts += [f"it holds no version of {name}, which reads it as its first" for name in unversioned]
    return "; ".join(parts)


def _unversioned(module: nn.Module, state: Mapping[str, Any]) -> list[str]:
    """List modules, but torch's own, that have changed and are not told which version they read."""
    if hasattr(state, "_metadata"):
        return []
    kinds = {type(part) for part in module.modules() if (part._version or 1) > 1}
    return sorted(kind.__name__ for kind in kinds if not kind.__module__.startswith("torch."))


def _full(candidate: StateCandidate, key: str | None) -> str:
    return ".".join(part for part in (key, candidate.label) if part)


@contextmanager
def _plain_allowed() -> Iterator[None]:
    """Let torch read what trainers save beside the weights: NumPy's arrays, arguments, paths."""
    # Under their names of NumPy 2, and those of NumPy 1.
    places = ("numpy._core.multiarray", "numpy.core.multiarray")
    scalar, reconstruct = np.float64(0).__reduce__()[0], np.empty(0).__reduce__()[0]
    plain = {type(np.dtype(code)) for code in np.typecodes["All"] if code != "O"}
    allowed: list[Any] = [np.ndarray, np.dtype, *plain, (_bytes, "_codecs.encode")]
    allowed += [
        argparse.Namespace,
        list,
        dict,
        int,
        float,
        (_dictionary, "collections.defaultdict"),
    ]
    for module in ("pathlib", "pathlib._local"):  # that of Python 3.13
        allowed += [(PurePosixPath, f"{module}.PosixPath")]
        allowed += [(PureWindowsPath, f"{module}.WindowsPath")]
    allowed += [(scalar, f"{place}.scalar") for place in places]
    allowed += [(reconstruct, f"{place}._reconstruct") for place in places]
    with torch.serialization.safe_globals(allowed):
        yield


def _dictionary(*_: Any) -> dict[Any, Any]:
    """Make a plain one for a `defaultdict`, whose entries torch refuses to set."""
    return {}


def _bytes(text: str, encoding: str) -> bytes:
    """Encode as old pickles write bytes, and in no other way."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes written as {encoding}")
    return text.encode("latin1")


def _refuse_shards(path: Path) -> None:
    """Refuse a checkpoint that is spread over several files."""
    shard = _SHARD.search(path.name)
    if not shard and not path.name.endswith(".index.json"):
        return
    what = f"one of {shard[1]} parts" if shard else "the index of a checkpoint in several files"
    raise MeasureError(
        f"the weights {path.name} are {what}",
        "Load all parts where they are, and save model.state_dict() to one file.",
    )


def _refused(path: Path, reason: str) -> MeasureError:
    """Say which objects a pickle holds besides tensors."""
    named = re.search(r"GLOBAL (\S+) (?:was not an allowed global|whose module)", reason)
    if named is None:
        return _broken(path)
    return MeasureError(
        f"the weights {path.name} hold an object of {named[1]}, which could run code",
        "Load the file where you trust it and save model.state_dict() alone, or safetensors.",
    )


def _is_safetensors(path: Path) -> bool:
    """Whether a file is of safetensors, whatever its name: the length of JSON, and JSON."""
    with path.open("rb") as file:
        head = file.read(9)
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size


def _broken(path: Path) -> MeasureError:
    what, hint = _kind(path)
    said = f"the weights {path.name} are no readable checkpoint"
    return MeasureError(f"{said}: the file {what}" if what else said, hint)


def _kind(path: Path) -> tuple[str, str]:
    """Say what a file is that is no checkpoint, if it is easily told, and what to do about it."""
    with path.open("rb") as file:
        head = file.read(64).lstrip()
    if not head:
        return "is empty", "Copy or download it again."
    for start, what, hint in _STARTS:
        if head.startswith(start):
            return f"is {what}", hint
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # zipfile raises anything at a file that is damaged
        return "", _USUAL
    for end, what, hint in _MEMBERS:
        if any(name.endswith(end) for name in names):
            return f"holds {what}", hint
    return "", _USUAL


def _no_state(name: str) -> MeasureError:
    return MeasureError(f"the weights {name} hold no state dict", _SAVE)


def _list(what: str, names: Sequence[str]) -> str:
    return f"{len(names)} {what}: {_first(names)}" if names else ""


def _first(names: Sequence[str]) -> str:
    """Write the first names of a list, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    shown = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in names[:_SHOWN]]
    return ", ".join(shown) + more
