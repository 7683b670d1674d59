"""Weights: found by name and digest, read safely, and loaded strictly."""

from __future__ import annotations

import argparse
import fractions
import gzip
import hashlib
import io
import os
import pickle
import zipfile
from collections import defaultdict
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from reportgen.builds.checkpoint_file import read_checkpoint
from reportgen.builds.state_dicts import load, load_into
from reportgen.common import cache
from reportgen.common.errors import MeasureError, MissingError
from reportgen.data.search import Search
from reportgen.plan.checkpoints import (
    as_file,
    fetch_weights,
    file_name,
    is_here,
    locate_weights,
    weights_digest,
)
from reportgen.sources.catalog import find as find_model
from reportgen.sources.torchvision import NAMES
from reportgen.spec.model import Fit, Weights
from reportgen.zoo.cifar_resnet import resnet20
from tests.data.layouts import serving, write_folder

CONTENT = b"the weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NOBODY = "http://127.0.0.1:9/models/net.th?raw=1"


def pinned(url: str = NOBODY, digits: int = 12) -> Weights:
    return Weights(url=url, sha256=DIGEST[:digits])


def state() -> dict[str, Tensor]:
    return {"weight": torch.arange(6.0).view(2, 3), "bias": torch.ones(2)}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


# Where checkpoints are found.


@pytest.mark.parametrize("place", ["data/net.th", "data/weights/net.th"])
def test_a_url_is_first_looked_for_by_name(place: str, tmp_path: Path) -> None:
    write_folder(tmp_path, {place: CONTENT})
    search = Search((tmp_path / "data",), offline=True)
    assert file_name(pinned()) == "net.th"
    assert locate_weights(pinned(), search) == tmp_path / place
    assert fetch_weights(pinned(), search) == tmp_path / place
    assert weights_digest(pinned(), search) == DIGEST


def test_a_file_is_beside_the_spec_or_in_a_data_directory(tmp_path: Path) -> None:
    search = Search((tmp_path / "data",), spec_dir=tmp_path / "specs")
    weights = Weights(file="nets/net.th")
    assert locate_weights(weights, search) is None
    write_folder(tmp_path, {"data/weights/nets/net.th": b"second"})
    assert fetch_weights(weights, search) == tmp_path / "data/weights/nets/net.th"
    write_folder(tmp_path, {"specs/nets/net.th": CONTENT})
    assert fetch_weights(weights, search) == tmp_path / "specs/nets/net.th"
    absolute = Weights(file=str(tmp_path / "specs/nets/net.th"), sha256=DIGEST)
    assert weights_digest(absolute, Search()) == DIGEST


def test_a_file_that_is_nowhere(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as error:
        fetch_weights(Weights(file="nets/net.th"), Search((tmp_path,)))
    assert str(error.value) == "the weights net.th are not there"
    assert error.value.hint == (
        "'file' is beside the spec, or in a --data-dir or its folder 'weights'."
    )


@pytest.mark.parametrize(
    "weights", [pinned(), Weights(file="net.th", sha256=DIGEST[:12])], ids=["url", "file"]
)
def test_another_file_of_that_name(weights: Weights, tmp_path: Path) -> None:
    write_folder(tmp_path, {"net.th": b"others"})
    search = Search((tmp_path,), offline=True)
    found = hashlib.sha256(b"others").hexdigest()[:12]
    assert locate_weights(weights, search) is None
    assert weights_digest(weights, search) is None
    with pytest.raises(MissingError) as error:
        fetch_weights(weights, search)
    assert str(error.value) == (
        f"the weights net.th are another file: SHA-256 {found} and not {DIGEST[:12]}"
    )
    assert error.value.hint == "Get the file the spec means, or pin this one if you trust it."


def test_a_download_is_verified_and_kept(tmp_path: Path) -> None:
    write_folder(tmp_path, {"server/net.th": CONTENT})
    with serving(tmp_path / "server") as address:
        weights = pinned(f"{address}net.th")
        assert locate_weights(weights, Search()) is None
        path = fetch_weights(weights, Search())
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(cache.root())
    assert fetch_weights(weights, Search()) == path  # with nobody serving it any more

    path.write_bytes(b"gone bad")
    assert locate_weights(weights, Search()) is None
    with pytest.raises(MissingError):
        fetch_weights(weights, Search())


@pytest.mark.parametrize("offline", [True, False])
def test_what_cannot_be_downloaded(offline: bool) -> None:
    with pytest.raises(MissingError) as error:
        fetch_weights(pinned(), Search(offline=offline))
    assert str(error.value) == "the weights net.th could not be downloaded"
    assert error.value.hint == (
        f"Put the file into DIR/weights and pass --data-dir DIR. It is at {NOBODY}"
    )


def test_a_download_of_another_file(tmp_path: Path) -> None:
    write_folder(tmp_path, {"server/net.th": b"<html>not found</html>"})
    found = hashlib.sha256(b"<html>not found</html>").hexdigest()[:12]
    with serving(tmp_path / "server") as address, pytest.raises(MissingError) as error:
        fetch_weights(pinned(f"{address}net.th"), Search())
    assert str(error.value) == (
        f"the weights net.th are another file: SHA-256 {found} and not {DIGEST[:12]}"
    )
    assert not list(cache.root().glob("weights/*/net.th"))


def test_a_url_with_an_odd_name() -> None:
    assert file_name(Weights(url="https://host/a/my%20net.pth?download=1", sha256="0" * 8)) == (
        "my net.pth"
    )
    assert file_name(Weights(url="https://host/", sha256="0" * 8)) == "weights"


# What checkpoints hold.


@pytest.mark.parametrize("kind", ["safetensors", "pt", "old pt"])
def test_checkpoints_in_each_format(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"net.{kind[-11:].split()[-1]}"
    if kind == "safetensors":
        save_file(state(), path)
    else:
        torch.save(state(), path, _use_new_zipfile_serialization=kind == "pt")
    assert same(read_checkpoint(path), state())


wrappers = st.lists(st.sampled_from(["state_dict", "model_state_dict", "model", "net"]), max_size=3)
prefixes = st.lists(st.sampled_from(["module.", "_orig_mod.", "backbone."]), max_size=3)


@given(wrappers, prefixes)
def test_wrappers_and_prefixes_are_taken_off(around: list[str], before: list[str]) -> None:
    content: dict[str, object] = {"".join(before) + name: value for name, value in state().items()}
    for wrapper in around:
        content = {wrapper: content, "epoch": 3, "best": 0.9}
    module, taken = load(lambda: nn.Linear(3, 2), content, "net.th")
    assert same(module.state_dict(), state())
    assert taken == ""


@pytest.mark.parametrize("content", [nn.Linear(1, 1).state_dict, [1], {}, {"epoch": 3}, "text"])
def test_what_is_no_state_dict(content: object) -> None:
    with pytest.raises(MeasureError) as error:
        load(lambda: nn.Linear(1, 1), content, "net.th")
    assert str(error.value) == "the weights net.th hold no state dict"
    assert error.value.hint == "Save model.state_dict(), alone or under the key 'state_dict'."


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("model.safetensors.index.json", "the index of a checkpoint in several files"),
        ("pytorch_model.bin.index.json", "the index of a checkpoint in several files"),
        ("model-00001-of-00003.safetensors", "one of 3 parts"),
    ],
)
def test_checkpoints_in_several_files_are_refused(name: str, what: str, tmp_path: Path) -> None:
    write_folder(tmp_path, {name: b"{}"})
    with pytest.raises(MeasureError) as error:
        read_checkpoint(tmp_path / name)
    assert str(error.value) == f"the weights {name} are {what}"
    assert error.value.hint == (
        "Load all parts where they are, and save model.state_dict() to one file."
    )


class Runs:
    """Runs a command when it is read."""

    def __reduce__(self) -> object:
        return os.system, ("exit 1",)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (Runs(), f"{os.system.__module__}.system"),
        (nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
    ],
)
def test_code_in_a_checkpoint_is_refused(content: object, what: str, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.save({"state_dict": state(), "net": content}, path)
    with pytest.raises(MeasureError) as error:
        read_checkpoint(path)
    assert str(error.value) == (
        f"the weights net.pt hold an object of {what}, which could run code"
    )


def test_objects_in_a_checkpoint_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.save({"state_dict": state(), "ratio": fractions.Fraction(1, 3)}, path)
    with pytest.raises(MeasureError) as error:
        read_checkpoint(path)
    assert str(error.value) == (
        "the weights net.pt hold an object of fractions.Fraction, which could run code"
    )
    assert error.value.hint == (
        "Load the file where you trust it and save model.state_dict() alone, or safetensors."
    )


def test_what_trainers_save_beside_the_weights(tmp_path: Path) -> None:
    beside = {
        "args": argparse.Namespace(lr=0.1, out=tmp_path),
        "history": defaultdict(list, loss=[1.0]),
        "steps": defaultdict(int),
    }
    path = tmp_path / "net.pt"
    for zipped in (True, False):
        torch.save({"model": state(), **beside}, path, _use_new_zipfile_serialization=zipped)
        content = read_checkpoint(path)
        assert content["args"].lr == 0.1
        assert content["history"]["loss"] == [1.0]
        assert same(content["model"], state())


def test_the_content_says_which_format_a_file_has(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "net.bin")
    torch.save(state(), tmp_path / "net.safetensors")
    for name in ("net.bin", "net.safetensors"):
        assert same(read_checkpoint(tmp_path / name), state())


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        for name in names:
            out.writestr(name, b"x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "what", "hint"),
    [
        (b"", "is empty", "Copy or download it again."),
        (
            b"\n<!DOCTYPE html>",
            "is a web page",
            "Download the file itself: the address was that of a page about it.",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n",
            "is a pointer of Git LFS",
            "Run `git lfs pull`.",
        ),
        (gzip.compress(b"x"), "is compressed with gzip", "Unpack it."),
        (
            archive("net/data.pkl", "net/constants.pkl"),
            "holds TorchScript",
            "Save torch.jit.load(FILE).state_dict().",
        ),
        (
            archive("net/archive_format"),
            "holds a program of torch.export",
            "Save torch.export.load(FILE).state_dict.",
        ),
        (
            archive("weight.npy"),
            "holds arrays of NumPy",
            "Save them as a dictionary, with torch.save.",
        ),
    ],
)
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_files_that_are_taken_for_checkpoints(
    content: bytes, what: str, hint: str, suffix: str, tmp_path: Path
) -> None:
    (tmp_path / f"net.{suffix}").write_bytes(content)
    with pytest.raises(MeasureError) as error:
        read_checkpoint(tmp_path / f"net.{suffix}")
    assert str(error.value) == (
        f"the weights net.{suffix} are no readable checkpoint: the file {what}"
    )
    assert error.value.hint == hint


@pytest.mark.parametrize("suffix", ["pt", "th", "safetensors"])
@pytest.mark.parametrize("damage", ["truncated", "text", "protocol 5"])
def test_a_file_that_is_no_checkpoint(damage: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net.{suffix}"
    if suffix == "safetensors":
        save_file(state(), path)
    else:
        torch.save(state(), path)
    content = {
        "truncated": path.read_bytes()[:-30],
        "text": b"not found",
        "protocol 5": pickle.dumps({"a": 1}, protocol=5),
    }[damage]
    path.write_bytes(content)
    with pytest.raises(MeasureError) as error:
        read_checkpoint(path)
    assert str(error.value) == f"the weights net.{suffix} are no readable checkpoint"
    assert error.value.hint == "Give a state dict saved by torch.save, or a .safetensors file."


# Into modules.


def test_loading_is_strict_and_names_what_does_not_fit() -> None:
    module = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 5), nn.Linear(5, 5))
    wrong = {
        "0.weight": torch.zeros(2, 3),
        "0.bias": torch.zeros(()),
        "1.weight": torch.zeros(10, 2),
        "head": torch.zeros(1),
    }
    with pytest.raises(MeasureError) as error:
        load_into(module, wrong)
    assert str(error.value) == (
        "the weights do not fit the model: 3 missing: 1.bias, 2.bias, 2.weight; "
        "1 unexpected: head; "
        "2 of another shape: 0.bias (a single number, the model's is 2), "
        "1.weight (10×2, the model's is 5×2)"
    )
    assert error.value.hint == (
        "They are of another architecture, or of another number of classes."
    )


@pytest.mark.parametrize("name", ["resnet20-12fca82f.th"])
def test_a_published_checkpoint_loads(name: str, data_dir: Path) -> None:
    weights = Weights(url=f"https://host/{name}", sha256="12fca82f")
    path = fetch_weights(weights, Search((data_dir,), offline=True))
    content = read_checkpoint(path)
    module, taken = load(lambda: resnet20(10), content, name)
    assert torch.equal(module.linear.bias, content["state_dict"]["module.linear.bias"])
    assert taken == ""
    with pytest.raises(MeasureError, match="2 of another shape: linear"):
        load(lambda: resnet20(100), content, name)


# torchvision's enums.


def published(model: str, member: str) -> Weights:
    return as_file(Weights(torchvision=member), find_model(f"torchvision/{model}"))


def test_torchvision_names_its_checkpoints_after_their_digests() -> None:
    from torchvision.models import get_model_weights

    for model in NAMES.split():
        for member in get_model_weights(model).__members__:
            weights = published(model, member)
            assert weights.sha256
            assert weights.sha256 in file_name(weights)


def test_published_weights_are_here_or_not(tmp_path: Path) -> None:
    search = Search((tmp_path,), offline=True)
    resnet50 = find_model("torchvision/resnet50")
    weights = Weights(torchvision="IMAGENET1K_V1")
    assert not is_here(weights, resnet50, search)
    write_folder(tmp_path, {"weights/resnet50-0676ba61.pth": b"of another digest"})
    assert not is_here(weights, resnet50, search)
    assert is_here(Weights(fit=Fit(epochs=1)), resnet50, search)
    assert is_here(Weights(file="weights/resnet50-0676ba61.pth"), resnet50, search)


def test_default_is_the_latest() -> None:
    assert published("resnet50", "DEFAULT") == published("resnet50", "IMAGENET1K_V2")


def test_a_member_that_is_not() -> None:
    with pytest.raises(MeasureError) as error:
        published("resnet50", "IMAGENET_V2")
    assert str(error.value) == "torchvision's resnet50 has no weights 'IMAGENET_V2'"
    with pytest.raises(MeasureError) as of_enum:
        published("resnet50", "ResNet50_Weights.IMAGENET1K_V2")
    assert of_enum.value.hint == error.value.hint
    assert error.value.hint == (
        "Did you mean 'IMAGENET1K_V2'? Known: IMAGENET1K_V1, IMAGENET1K_V2, DEFAULT."
    )
