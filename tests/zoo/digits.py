"""scikit-learn's digits, and a network fitted to them in a second."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn


@cache
def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return images and labels to train on (1,437) and to test with (360)."""
    pixels, labels = load_digits(return_X_y=True)
    train, test, train_labels, test_labels = train_test_split(
        pixels, labels, test_size=0.2, random_state=0, stratify=labels
    )

    def images(rows: object) -> Tensor:
        return torch.tensor(rows, dtype=torch.float32).view(-1, 1, 8, 8) / 16

    return images(train), torch.tensor(train_labels), images(test), torch.tensor(test_labels)


def fit(model: nn.Module, epochs: int) -> nn.Module:
    """Train in place, reproducibly, and return the model in eval mode."""
    images, labels, _, _ = digits()
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    model.train()
    threads = torch.get_num_threads()
    torch.set_num_threads(
        1
    )  # these operations are too small to share, least of all on a busy machine
    try:
        for _ in range(epochs):
            for batch in torch.randperm(len(images), generator=generator).split(64):
                optimizer.zero_grad()
                F.cross_entropy(model(images[batch]), labels[batch]).backward()
                optimizer.step()
    finally:
        torch.set_num_threads(threads)
    return model.eval()


def predict(model: nn.Module) -> Tensor:
    """Return the model's answers to the test images."""
    with torch.inference_mode():
        answers: Tensor = model(digits()[2]).argmax(1)
    return answers


def accuracy(model: nn.Module) -> float:
    """Return the share of the test images that come out right."""
    return float((predict(model) == digits()[3]).float().mean())
