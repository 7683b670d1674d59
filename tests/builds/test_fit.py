"""Training: the same every time, learning something, leaving no trace in the process."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from reportgen.builds.fit import fit, fitted
from reportgen.common import cache
from reportgen.common.errors import MeasureError
from reportgen.data.splits import load
from reportgen.data.store import Split
from reportgen.measures.accuracy import evaluate
from reportgen.spec.model import Fit, Normalization
from reportgen.zoo.digits import digits_cnn, digits_mlp
from tests.data.layouts import catalogued, here

AS_IS = Normalization(mean=[0.3059], std=[0.3763])


def digits(split: str = "train", count: int | None = None) -> Split:
    whole = load(catalogued("digits"), split, here())
    return dataclasses.replace(whole, images=whole.images[:count], labels=whole.labels[:count])


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def noisy() -> nn.Module:
    """A network that draws random numbers while it runs."""
    return nn.Sequential(nn.Dropout(0.2), digits_mlp(10, hidden=8))


def test_it_learns() -> None:
    module = digits_mlp(10)
    steps: list[tuple[int, int]] = []
    recipe = Fit(epochs=12)
    module.load_state_dict(
        fit(
            lambda: digits_mlp(10),
            digits(),
            recipe,
            AS_IS,
            progress=lambda done, total: steps.append((done, total)),
        )
    )
    result = evaluate(module, digits("test"), normalization=AS_IS, batch_size=64, metrics=["top1"])
    assert result.figures["top1"] > 95
    assert steps == [(epoch, 12) for epoch in range(1, 13)]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("factory", [noisy, lambda: digits_cnn(10, width=4)])
def test_it_is_the_same_every_time(optimizer: str, factory: Callable[[], nn.Module]) -> None:
    recipe = Fit(epochs=1, optimizer=optimizer)  # type: ignore[arg-type]
    data = digits(count=200)
    torch.manual_seed(1)
    first = fit(factory, data, recipe, AS_IS)
    torch.manual_seed(2)
    assert same(first, fit(factory, data, recipe, AS_IS))
    assert not same(first, fit(factory, data, recipe.model_copy(update={"seed": 1}), AS_IS))


def test_the_process_is_left_as_it_was() -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    torch.set_num_threads(2)
    try:
        with torch.no_grad():
            result = fit(noisy, digits(count=100), Fit(epochs=1), AS_IS)
            assert not torch.is_grad_enabled()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.rand(3), expected)
    assert not any(tensor.requires_grad for tensor in result.values())


@pytest.mark.parametrize("count", [1, 2, 16, 17, 18])
def test_no_batch_has_a_single_image(count: int) -> None:
    seen: list[int] = []

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = digits_mlp(10, hidden=4)

        def forward(self, x: Tensor) -> Tensor:
            seen.append(len(x))
            out: Tensor = self.net(x)
            return out

    fit(Watched, digits(count=count), Fit(epochs=1, batch_size=16), AS_IS)
    assert seen == {1: [1], 2: [2], 16: [16], 17: [17], 18: [16, 2]}[count]


def test_a_rate_that_diverges() -> None:
    recipe = Fit(epochs=3, optimizer="sgd", learning_rate=1e9)
    with pytest.raises(MeasureError) as error:
        fit(lambda: digits_mlp(10), digits(count=200), recipe, AS_IS)
    assert str(error.value) == "training diverged in epoch 1 of 3"
    assert error.value.hint == "Lower 'learning_rate', which is 1e+09."


def test_a_normalisation_for_other_images() -> None:
    colour = Normalization(mean=[0.5] * 3, std=[0.5] * 3)
    with pytest.raises(MeasureError) as error:
        fit(lambda: digits_mlp(10), digits(), Fit(epochs=1), colour)
    assert str(error.value) == "the normalisation is for 3 channels and the images have 1"


def test_a_checkpoint_is_kept_and_made_again_on_demand() -> None:
    made = 0

    def train() -> dict[str, Tensor]:
        nonlocal made
        made += 1
        # Tied and strided tensors are what safetensors does not take as they are.
        return {"a": torch.full((2, 3), float(made)).t(), "b": torch.tensor(made)}

    first = fitted("key", train)
    assert same(fitted("key", train), first)
    assert made == 1
    assert fitted("other key", train)["b"] == 2
    assert fitted("key", train, refresh=True)["b"] == 3
    assert fitted("key", train)["b"] == 3


def test_what_fails_or_breaks_is_not_kept() -> None:
    def fail() -> dict[str, Tensor]:
        raise MeasureError("no")

    with pytest.raises(MeasureError):
        fitted("key", fail)
    fitted("key", lambda: {"a": torch.ones(1)})
    (path,) = cache.root().glob("fitted/*.safetensors")
    path.write_bytes(b"broken")
    assert fitted("key", lambda: {"a": torch.zeros(1)})["a"] == 0


def test_kept_weights_that_are_not_what_was_kept_are_made_anew() -> None:
    for key, value in (("one", 1.0), ("two", 2.0)):
        fitted(key, lambda value=value: {"a": torch.full((8,), value)})  # type: ignore[misc]
    one, two = sorted(cache.root().glob("fitted/*.safetensors"))
    content = bytearray(one.read_bytes())
    content[-1] ^= 1  # still a checkpoint, with another number in it
    one.write_bytes(content)
    assert fitted("one", lambda: {"a": torch.zeros(8)})["a"].sum() == 0
    one.write_bytes(two.read_bytes())
    assert fitted("one", lambda: {"a": torch.ones(8)})["a"].sum() == 8
    assert fitted("two", dict)["a"].sum() == 16


def test_weights_are_fitted_where_nothing_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("REPORTGEN_CACHE", str(tmp_path / "file"))
    assert fitted("key", lambda: {"a": torch.ones(1)})["a"] == 1
