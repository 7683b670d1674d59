"""Weights by training: small networks, from a fixed seed, once; then from the cache."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from reportgen.builds.state_dicts import State
from reportgen.common import cache
from reportgen.common.errors import MeasureError
from reportgen.data.batches import MeanAndDeviation, Normalize
from reportgen.data.search import Progress
from reportgen.data.store import Split
from reportgen.spec.model import Fit

# Raise it when a change here makes the same recipe give other weights.
_METHOD = 1

_MOMENTUM = 0.9  # of sgd

# The order of additions, and with it the last bits of the weights, depends on how many threads
# share them. Networks small enough to be fitted in a report gain little from more than one.
_THREADS = 1


def fitted(key: str, train: Callable[[], State], *, refresh: bool = False) -> State:
    """Return the weights that the cache holds under this key, or those that `train` makes now.

    `key` is a digest of model, code, recipe and data. `refresh` always trains. If `train` raises,
    nothing is kept.
    """
    path = cache.root() / "fitted" / f"{key}-{_METHOD}.safetensors"
    with contextlib.suppress(OSError):
        cache.folder("fitted")
    with cache.lock(path):
        if not refresh and (kept := _read(path)) is not None:
            return kept
        state = train()
        with contextlib.suppress(OSError, SafetensorError):  # what cannot be kept is made again
            _keep(state, path)
        return state


def fit(
    factory: Callable[[], nn.Module],
    split: Split,
    recipe: Fit,
    normalization: MeanAndDeviation,
    *,
    progress: Progress | None = None,
) -> State:
    """Train a network with cross entropy and return its state dict, detached, on the CPU.

    The result is the same every time on one machine. The caller's random state, threads and
    gradient mode do not change. The learning rate falls to zero along a cosine. `progress` gets the
    number of epochs that are done, and of all. Raises MeasureError if training diverges, or if the
    images do not fit.
    """
    normalize = Normalize(normalization, split.images.shape[1])
    images, labels = torch.from_numpy(split.images), torch.from_numpy(split.labels)
    with torch.random.fork_rng(devices=[]), _threads(_THREADS), torch.enable_grad():
        torch.manual_seed(recipe.seed)
        module = factory().train()
        optimizer = _optimizer(module, recipe)
        orders = torch.Generator().manual_seed(recipe.seed)
        steps = recipe.epochs * sum(1 for _ in _batches(len(split), recipe.batch_size))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
        for epoch in range(recipe.epochs):
            order = torch.randperm(len(split), generator=orders)
            for start, stop in _batches(len(split), recipe.batch_size):
                chosen = order[start:stop]
                loss = F.cross_entropy(module(normalize(images[chosen])), labels[chosen])
                if not math.isfinite(loss.item()):
                    raise MeasureError(
                        f"training diverged in epoch {epoch + 1} of {recipe.epochs}",
                        f"Lower 'learning_rate', which is {recipe.learning_rate:g}.",
                    )
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
            if progress:
                progress(epoch + 1, recipe.epochs)
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def _batches(count: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds of batches; a single last image joins the batch before, for batch norm."""
    starts = [start for start in range(0, count, size) if start == 0 or count - start > 1]
    yield from zip(starts, [*starts[1:], count], strict=True)


def _optimizer(module: nn.Module, recipe: Fit) -> torch.optim.Optimizer:
    trained: list[Tensor] = [p for p in module.parameters() if p.requires_grad]
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(trained, rate, momentum=_MOMENTUM, weight_decay=decay)
    adam = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return adam(trained, rate, weight_decay=decay)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _keep(state: State, path: Path) -> None:
    with cache.whole(path) as made:
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, made)
    cache.seal(path)


def _read(path: Path) -> State | None:
    """Return a checkpoint from the cache, or None if it is missing or damaged."""
    if not cache.is_sound(path):
        return None
    try:
        return load_file(path)
    except (OSError, SafetensorError):
        return None
