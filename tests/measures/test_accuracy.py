"""Accuracy: the same to the last image as counting by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn import metrics as sklearn_metrics
from torch import Tensor, nn
from torchvision import transforms

from reportgen.builds.checkpoint_file import read_checkpoint
from reportgen.builds.fit import fit
from reportgen.builds.state_dicts import load as load_weights
from reportgen.builds.state_dicts import load_into
from reportgen.common.errors import MeasureError
from reportgen.data.batches import batches
from reportgen.data.search import Search
from reportgen.data.splits import load
from reportgen.data.store import Split
from reportgen.measures import batch_layout
from reportgen.measures.accuracy import Evaluation, evaluate
from reportgen.plan.checkpoints import fetch_weights
from reportgen.record.metrics import metrics
from reportgen.spec.model import Fit, Normalization, Weights
from reportgen.zoo.cifar_resnet import resnet20
from reportgen.zoo.digits import digits_cnn
from tests.data.layouts import catalogued, here

QUALITY = list(metrics("accuracy"))
IMAGENET = Normalization(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
GREY = Normalization(mean=[0.3059], std=[0.3763])
PLAIN = Normalization(mean=[0.0], std=[1.0])


class Answers(nn.Module):
    """Answers with given logits, image after image."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits
        self.asked = 0

    def forward(self, x: Tensor) -> Tensor:
        start, self.asked = self.asked, self.asked + len(x)
        return self.logits[start : self.asked]


def labelled(labels: Sequence[int], classes: int) -> Split:
    """Make a split of grey images of one pixel."""
    names = tuple(f"class {label}" for label in range(classes))
    images = np.zeros((len(labels), 1, 1, 1), np.uint8)
    return Split(images, np.array(labels, np.int64), names, "fingerprint")


def evaluated(
    logits: Tensor, labels: Sequence[int], *names: str, batch_size: int = 3
) -> Evaluation:
    return evaluate(
        Answers(logits),
        labelled(labels, logits.shape[1]),
        normalization=PLAIN,
        batch_size=3,
        metrics=names,
    )


def by_hand(module: nn.Module, split: Split, normalization: Normalization) -> dict[str, float]:
    """Evaluate image by image, with torchvision's transforms and scikit-learn's metrics."""
    prepare = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Normalize(normalization.mean, normalization.std),
        ]
    )
    with torch.no_grad():
        logits = torch.cat(
            [
                module.eval()(torch.stack([prepare(image.transpose(1, 2, 0)) for image in images]))
                for images in np.array_split(split.images, max(1, len(split) // 100))
            ]
        ).double()
    labels = torch.from_numpy(split.labels)
    guesses = logits.argsort(1, descending=True)
    first = guesses[:, 0].numpy()
    averages = {"zero_division": 0, "y_true": split.labels, "y_pred": first}
    return {
        "top1": 100 * float((first == split.labels).mean()),
        "top5": 100 * float((guesses[:, :5] == labels[:, None]).any(1).double().mean()),
        "error": 100 * float((first != split.labels).mean()),
        "f1_macro": 100 * sklearn_metrics.f1_score(average="macro", **averages),
        "f1_weighted": 100 * sklearn_metrics.f1_score(average="weighted", **averages),
        "precision_macro": 100 * sklearn_metrics.precision_score(average="macro", **averages),
        "recall_macro": 100 * sklearn_metrics.recall_score(average="macro", **averages),
        "loss": float(-logits.log_softmax(1)[torch.arange(len(split)), labels].mean()),
    }


def test_figures_derived_by_hand() -> None:
    # Six images of three classes; the answers are 0 0 1 | 1 2 0, the labels 0 0 1 | 0 2 2.
    logits = F.one_hot(torch.tensor([0, 0, 1, 1, 2, 0]), 3).float()
    result = evaluated(
        logits, [0, 0, 1, 0, 2, 2], "top1", "error", "f1_macro", "recall_macro", "f1_weighted"
    )
    # Right: four of six. F1 of the classes: 2·2/(3+3) = 2/3, 2·1/(2+1) = 2/3, 2·1/(1+2) = 2/3.
    # Recall: 2/3, 1/1, 1/2.
    assert result.figures == {
        "top1": 66.6667,
        "error": 33.3333,
        "f1_macro": 66.6667,
        "recall_macro": 72.2222,
        "f1_weighted": 66.6667,
    }
    assert result.correct == {"top1": 4}
    assert result.images == 6


def test_the_loss_is_in_nats() -> None:
    # Certain answers cost log(1 + 2/e): each has a logit of 1 against two of 0.
    logits = F.one_hot(torch.tensor([0, 1, 2, 0]), 3).float()
    assert evaluated(logits, [0, 1, 2, 0], "loss").figures == {"loss": 0.5514}


def test_a_first_batch_that_is_all_right_mixes_nothing_up() -> None:
    # Top-1 and top-5 agree on the first batch, and differ afterwards.
    answers = torch.tensor([0, 1, 2, 3, 4, 5])
    logits = F.one_hot(answers, 6).float() - 0.1 * torch.arange(6)
    result = evaluated(logits, [0, 1, 2, 0, 0, 0], "top1", "top5")
    assert result.correct == {"top1": 3, "top5": 6}


def test_a_class_that_never_occurs_is_left_out_of_the_mean() -> None:
    logits = F.one_hot(torch.tensor([0, 1]), 5).float()
    result = evaluated(logits, [0, 1], "f1_macro", "precision_macro", "recall_macro")
    assert set(result.figures.values()) == {100.0}


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_digits_against_a_plain_loop(batch_size: int) -> None:
    train = load(catalogued("digits"), "train", here())
    test = load(catalogued("digits"), "test", here())
    few = dataclasses.replace(train, images=train.images[:300], labels=train.labels[:300])
    module = digits_cnn(10, width=4)
    load_into(module, fit(lambda: digits_cnn(10, width=4), few, Fit(epochs=2), GREY))
    expected = by_hand(module, test, GREY)

    result = evaluate(module, test, normalization=GREY, batch_size=batch_size, metrics=QUALITY)

    assert expected["top1"] < 99  # there is something to tell apart
    assert list(result.figures) == list(QUALITY)
    assert result.figures == pytest.approx(expected, abs=1e-4)
    assert result.correct["top1"] == round(expected["top1"] * 359 / 100)
    assert result.images == 359
    assert result.seconds_forward > 0


@pytest.mark.slow
def test_resnet20_on_cifar10(data_dir: Path) -> None:
    search = Search((data_dir,), offline=True)
    weights = Weights(url="https://host/resnet20-12fca82f.th", sha256="12fca82f0bebc413")
    content = read_checkpoint(fetch_weights(weights, search))
    module, _ = load_weights(lambda: resnet20(10), content, "resnet20-12fca82f.th")
    split = load(catalogued("cifar10"), "test", search)

    result = evaluate(module, split, normalization=IMAGENET, batch_size=256, metrics=QUALITY)

    assert result.correct["top1"] == 9_173
    assert result.figures["top1"] == 91.73
    assert result.figures["error"] == 8.27
    assert result.figures == pytest.approx(by_hand(module, split, IMAGENET), abs=1e-4)


def test_batches_are_what_torchvision_makes_of_the_images() -> None:
    split = load(catalogued("digits"), "test", here())
    prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize(GREY.mean, GREY.std)])
    found = list(batches(split, 100, GREY, limit=250))
    assert [len(labels) for _, labels in found] == [100, 100, 50]
    for (images, labels), start in zip(found, (0, 100, 200), strict=True):
        assert images.dtype == torch.float32
        assert labels.tolist() == split.labels[start : start + len(labels)].tolist()
        for image, original in zip(images, split.images[start:], strict=False):
            assert torch.equal(image, prepare(original.transpose(1, 2, 0)))


def test_the_module_and_the_threads_are_left_as_they_were() -> None:
    class Checking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.frozen = nn.BatchNorm2d(1).eval()
            self.free = nn.BatchNorm2d(1)

        def forward(self, x: Tensor) -> Tensor:
            assert not self.training
            assert not self.free.training
            assert torch.is_inference_mode_enabled()
            assert torch.get_num_threads() == 1
            return self.free(self.frozen(x)).flatten(1).repeat(1, 2)

    module = Checking()
    threads = torch.get_num_threads()
    steps: list[tuple[int, int]] = []
    evaluate(
        module,
        labelled([0, 1, 0], 2),
        normalization=PLAIN,
        batch_size=2,
        metrics=["top1"],
        threads=1,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert torch.get_num_threads() == threads
    assert [part.training for part in module.modules()] == [True, False, True]
    assert module.free.running_mean == 0
    assert steps == [(2, 3), (3, 3)]


class Returns(nn.Module):
    """Returns whatever it was given."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> object:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (
            torch.full((4, 3), float("nan")),
            "the model returns NaN",
            "Check the weights and the normalisation of the images.",
        ),
        (
            torch.tensor([[0.0, 1.0, float("nan")]] * 4),
            "the model returns NaN",
            "Check the weights and the normalisation of the images.",
        ),
        (
            torch.tensor([[0.0, 1.0, float("inf")]] * 4),
            "the model returns infinity",
            "Check the weights and the normalisation of the images.",
        ),
        (
            torch.full((4, 3), float("-inf")),
            "the model returns infinity",
            "Check the weights and the normalisation of the images.",
        ),
        (
            torch.zeros(4, 1000),
            "the model gives 1,000 scores for 3 classes",
            "Give it as many classes as the data set has.",
        ),
        (
            torch.zeros(4, 3, 7, 7),
            "the model returns N×3×7×7 and not logits of N×3",
            "Check its number of classes.",
        ),
        (
            torch.zeros(1, 3),
            "the model returns 1×3 and not logits of N×3",
            "Check its number of classes.",
        ),
        (
            torch.zeros(()),
            "the model returns a single number and not logits of N×3",
            "Check its number of classes.",
        ),
        (
            (torch.zeros(4, 3), torch.zeros(4, 3)),
            "the model returns a tuple and not logits of N×3",
            "Wrap it in one that returns logits.",
        ),
        (
            {"logits": torch.zeros(4, 3)},
            "the model returns a dict and not logits of N×3",
            "Wrap it in one that returns logits.",
        ),
        (
            torch.zeros(4, 3, dtype=torch.int64),
            "the model returns a tensor of torch.int64 and not logits of N×3",
            "Wrap it in one that returns logits.",
        ),
    ],
)
def test_what_is_no_logits(answer: object, message: str, hint: str) -> None:
    with pytest.raises(MeasureError) as error:
        evaluate(
            Returns(answer),
            labelled([0, 1, 2, 0], 3),
            normalization=PLAIN,
            batch_size=4,
            metrics=["top1"],
        )
    assert (str(error.value), error.value.hint) == (message, hint)


def test_what_cannot_be_evaluated() -> None:
    with pytest.raises(MeasureError) as error:
        evaluate(
            Returns(None),
            dataclasses.replace(labelled([0], 3), no_answers="random images have no right answer"),
            normalization=PLAIN,
            batch_size=4,
            metrics=["top1"],
        )
    assert str(error.value) == "random images have no right answer"


def test_a_metric_that_fails_costs_no_other() -> None:
    logits = torch.tensor([[0.0, float("-inf")], [1.0, 0.0]])
    result = evaluated(logits, [1, 0], "loss", "top5", "top1", "f1_macro", "error")
    # One of two is right; class 0 has F1 2/3, class 1 has 0.
    assert result.figures == {"top1": 50.0, "f1_macro": 33.3333, "error": 50.0}
    assert result.correct == {"top1": 1}
    assert {name: str(error) for name, error in result.failed.items()} == {
        "loss": "the loss is infinite: the model excludes a right class altogether",
        "top5": "there is no top-5 of 2 classes",
    }


def test_a_way_that_is_chosen_changes_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_layout, "FEWEST_IMAGES", 100)  # digits are few
    split = load(catalogued("digits"), "test", here())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = digits_cnn(num_classes=10)
    asked = ("top1", "f1_macro", "loss")
    usual = evaluate(module, split, normalization=GREY, metrics=asked, batch_size=256)
    chosen = evaluate(
        module, split, normalization=GREY, metrics=asked, batch_size=64, channels_last=None
    )
    assert (usual.way, usual.unusual) == ("batches of 256", False)
    assert chosen.way in (
        "batches of 64, chosen by measurement",
        "batches of 64, channels last, chosen by measurement",
    )
    assert chosen.unusual
    assert (chosen.images, chosen.correct) == (len(split), usual.correct)
    assert chosen.figures == pytest.approx(usual.figures, abs=1e-3)
