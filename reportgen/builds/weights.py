"""Weights into modules: state dicts out of any usual checkpoint, loaded strictly."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from reportgen.errors import MeasureError, nearest
from reportgen.spec.model import Weights

State: TypeAlias = dict[str, Tensor]

# Under which key trainers put the state dict, in this order, beside epochs and optimisers.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "module")
# What nn.DataParallel and torch.compile put before every name.
_PREFIXES = ("module.", "_orig_mod.")
# How many names a message shows.
_SHOWN = 3


def read_state(path: Path) -> State:
    """Return the state dict in a checkpoint, on the CPU, its names without wrappers' prefixes.

    Raises MeasureError when the file is no checkpoint, holds no state dict, or holds pickled
    objects, which are never run.
    """
    if path.suffix == ".safetensors":
        try:
            return unwrap(load_file(path), path.name)
        except SafetensorError:
            raise _broken(path) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch on its own older formats
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(path, str(error)) from None
    except (RuntimeError, EOFError, ValueError, KeyError, OSError, zipfile.BadZipFile):
        raise _broken(path) from None
    return unwrap(content, path.name)


def unwrap(content: Any, name: str) -> State:
    """Return the state dict in what was loaded; raise MeasureError, naming the file, if none."""
    for _ in _WRAPPERS:
        inner = next(
            (
                content[key]
                for key in _WRAPPERS
                if isinstance(content, Mapping) and isinstance(content.get(key), Mapping)
            ),
            None,
        )
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping) or not content or not _all_tensors(content):
        raise MeasureError(
            f"the weights {name} hold no state dict",
            "Save model.state_dict(), alone or under the key 'state_dict'.",
        )
    state = dict(content)
    while prefix := next((p for p in _PREFIXES if all(key.startswith(p) for key in state)), ""):
        state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    return state


def load_into(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load a state dict; every name and shape must fit.

    Raises MeasureError that names what does not fit; the module is then unchanged.
    """
    own = module.state_dict()
    # Checkpoints from before PyTorch 0.4.1 have no counters of batches, which nothing reads here.
    complete = {
        name: own[name]
        for name in own.keys() - state.keys()
        if name.rpartition(".")[2] == "num_batches_tracked"
    } | dict(state)
    faults = [
        _list("missing", sorted(own.keys() - complete.keys())),
        _list("unexpected", sorted(complete.keys() - own.keys())),
        _list(
            "of another shape",
            [
                f"{name} ({_shape(complete[name])}, the model's is {_shape(own[name])})"
                for name in sorted(own.keys() & complete.keys())
                if complete[name].shape != own[name].shape
            ],
        ),
    ]
    if any(faults):
        raise MeasureError(
            f"the weights do not fit the model: {'; '.join(fault for fault in faults if fault)}",
            "They are of another architecture, or of another number of classes.",
        )
    module.load_state_dict(complete)


def torchvision_weights(model: str, member: str) -> Weights:
    """Return the url and digest of a member of a torchvision model's weights enum.

    Raises MeasureError, with the members there are, for one that is not.
    """
    from torchvision.models import get_model_weights

    members = get_model_weights(model).__members__
    if member not in members:
        close = nearest(member, members)
        guess = f"Did you mean '{close}'? " if close else ""
        raise MeasureError(
            f"torchvision's {model} has no weights '{member}'",
            f"{guess}Known: {', '.join(members) or 'none'}.",
        )
    url = members[member].value.url
    digits = re.search(r"-([0-9a-f]{8,64})\.\w+$", url)
    assert digits is not None, "torchvision names every checkpoint after its digest"
    return Weights(url=url, sha256=digits[1])


def _all_tensors(content: Mapping[Any, Any]) -> bool:
    return all(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items())


def _refused(path: Path, reason: str) -> MeasureError:
    """Say which objects a pickle holds besides tensors."""
    named = re.search(r"GLOBAL (\S+) was not an allowed global", reason)
    if named is None:
        return _broken(path)
    return MeasureError(
        f"the weights {path.name} hold an object of {named[1]}, which could run code",
        "Load the file where you trust it and save model.state_dict() alone, or safetensors.",
    )


def _broken(path: Path) -> MeasureError:
    return MeasureError(
        f"the weights {path.name} are no readable checkpoint",
        "Give a state dict saved by torch.save, or a .safetensors file.",
    )


def _list(what: str, names: Iterable[str]) -> str:
    names = list(names)
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)} {what}: {', '.join(names[:_SHOWN])}{more}"


def _shape(tensor: Tensor) -> str:
    return "×".join(str(length) for length in tensor.shape) or "a single number"
