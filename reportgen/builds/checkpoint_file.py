"""Reading a checkpoint file of any usual format, without running what it holds."""

from __future__ import annotations

import argparse
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from reportgen.common.errors import MeasureError

SAVE = "Save model.state_dict(), alone or under the key 'state_dict'."
# Files that are mistaken for checkpoints: their first bytes, what they are, and what to do.
_STARTS = (
    (b"version https://git-lfs", "a pointer of Git LFS", "Run `git lfs pull`."),
    (b"<", "a web page", "Download the file itself: the address was that of a page about it."),
    (b"\x1f\x8b", "compressed with gzip", "Unpack it."),
)
# The same for zip archives that torch.save did not write, by the end of a member's name.
_MEMBERS = (
    ("/constants.pkl", "TorchScript", "Save torch.jit.load(FILE).state_dict()."),
    ("/archive_format", "a program of torch.export", "Save torch.export.load(FILE).state_dict."),
    (".npy", "arrays of NumPy", "Save them as a dictionary, with torch.save."),
)
_USUAL = "Give a state dict saved by torch.save, or a .safetensors file."

_SHARD = re.compile(r"-\d+-of-0*(\d+)\.\w+$")


def read_checkpoint(path: Path) -> Any:
    """Return what a checkpoint holds, on the CPU.

    Raises MeasureError if the file is not a checkpoint, is one shard of several, or holds pickled
    objects. These are never run.
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
    except Exception:  # a damaged file can raise anything
        raise _broken(path) from None


@contextmanager
def _plain_allowed() -> Iterator[None]:
    """Let torch read what trainers save beside the weights: NumPy's arrays, arguments, paths."""
    # Under their names of NumPy 2, and those of NumPy 1.
    places = ("numpy._core.multiarray", "numpy.core.multiarray")
    scalar, reconstruct = np.float64(0).__reduce__()[0], np.empty(0).__reduce__()[0]
    plain = {type(np.dtype(code)) for code in np.typecodes["All"] if code != "O"}
    allowed: list[Any] = [np.ndarray, np.dtype, *plain, (_bytes, "_codecs.encode")]
    # Torch refuses to set the entries of a `defaultdict`: it becomes a plain dictionary.
    allowed += [argparse.Namespace, list, dict, int, float]
    allowed += [(lambda *_: {}, "collections.defaultdict")]
    for module in ("pathlib", "pathlib._local"):  # that of Python 3.13
        allowed += [(PurePosixPath, f"{module}.PosixPath")]
        allowed += [(PureWindowsPath, f"{module}.WindowsPath")]
    allowed += [(scalar, f"{place}.scalar") for place in places]
    allowed += [(reconstruct, f"{place}._reconstruct") for place in places]
    with torch.serialization.safe_globals(allowed):
        yield


def _bytes(text: str, encoding: str) -> bytes:
    """Encode bytes as old pickles do, and refuse any other encoding."""
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
    """Name the object that keeps torch from reading a pickle."""
    named = re.search(r"GLOBAL (\S+) (?:was not an allowed global|whose module)", reason)
    if named is None:
        return _broken(path)
    return MeasureError(
        f"the weights {path.name} hold an object of {named[1]}, which could run code",
        "Load the file where you trust it and save model.state_dict() alone, or safetensors.",
    )


def _is_safetensors(path: Path) -> bool:
    """Whether a file is in the safetensors format, by its content: a length, then JSON."""
    with path.open("rb") as file:
        head = file.read(9)
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size


def _broken(path: Path) -> MeasureError:
    what, hint = _kind(path)
    said = f"the weights {path.name} are no readable checkpoint"
    return MeasureError(f"{said}: the file {what}" if what else said, hint)


def _kind(path: Path) -> tuple[str, str]:
    """Recognise common files that are not checkpoints: return what it is, and what to do."""
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
    except Exception:  # a damaged file can raise anything
        return "", _USUAL
    for end, what, hint in _MEMBERS:
        if any(name.endswith(end) for name in names):
            return f"holds {what}", hint
    return "", _USUAL
