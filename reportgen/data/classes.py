"""Which folder holds which class, and the names that the binary layouts leave out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized

from reportgen.common.errors import MeasureError, did_you_mean
from reportgen.data.names import listed, visible
from reportgen.data.search import DataSource

_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"

_CIFAR100 = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
    butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach
    couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster
    house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
    motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
    pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket
    rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
    sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip
    turtle wardrobe whale willow_tree wolf woman worm
"""

_FASHION_MNIST = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# The classes of the catalogue's data sets, in the order of their labels.
CLASS_NAMES: Mapping[str, tuple[str, ...]] = {
    "cifar10": tuple(_CIFAR10.split()),
    "cifar100": tuple(_CIFAR100.split()),
    "mnist": tuple("0123456789"),
    "fashion_mnist": _FASHION_MNIST,
    "digits": tuple("0123456789"),
}


def class_of_folder(dataset: DataSource, images: Mapping[str, Sized]) -> dict[str, str]:
    """Map the folder of each class to its name, in the order of the labels.

    `images` has what lies in each folder. Folders of a known data set are named after its classes
    (`T-shirt/top` may lie in `t_shirt_top`) or its labels; the order of the names counts for data
    sets of the user's own, as it does for torchvision. An empty folder is a class where the spec
    declares so many that it must be.

    Raises MeasureError when there are more or fewer classes than the spec declares, or when a
    folder is none of the data set's classes.
    """
    folders = sorted(folder for folder in images if images[folder])
    if len(folders) != dataset.classes == len(images):
        folders = sorted(images)
    if dataset.catalogued:
        return _known_classes(dataset, folders)
    check_count(dataset, folders)
    return {folder: folder for folder in folders}


def check_count(dataset: DataSource, names: Sequence[str]) -> None:
    """Raise MeasureError where these are not as many classes as the spec declares."""
    if len(names) != dataset.classes:
        there = "is 1 class" if len(names) == 1 else f"are {len(names)} classes"
        raise MeasureError(
            f"there {there} in {dataset.title} ({listed(names, most=8)}), and the spec declares "
            f"{dataset.classes}",
            "Each folder of images is one class. Correct `classes` in the spec, or the folders.",
        )


def _known_classes(dataset: DataSource, folders: Sequence[str]) -> dict[str, str]:
    names = CLASS_NAMES[dataset.source]
    labels = {_plain(name): label for label, name in enumerate(names)}
    labels |= {str(label): label for label in range(len(names))}
    found: dict[int, str] = {}
    for folder in folders:
        label = labels.get(_plain(folder))
        if label in found:
            raise MeasureError(
                f"the folders {listed([found[label], folder])} are one class of {dataset.title}",
                "Put their images into one folder.",
            )
        if label is None:
            raise MeasureError(
                f"the folder '{visible(folder)}' is no class of {dataset.title}",
                f"Name folders after the classes. {did_you_mean(folder, names)}".strip(),
            )
        found[label] = folder
    if missing := [name for label, name in enumerate(names) if label not in found]:
        raise MeasureError(
            f"{dataset.title} has {len(names)} classes, and there are folders of {len(found)}: "
            f"without {listed(missing)}",
            "Add images of every class.",
        )
    return {found[label]: names[label] for label in sorted(found)}


def _plain(name: str) -> str:
    """Leave out case and what file systems or people change in a name."""
    letters = "".join(character for character in name.lower() if character.isalnum())
    return (letters.lstrip("0") or "0") if letters.isdecimal() else letters
