"""Which folder holds which class, and the names that the binary layouts leave out."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reportgen.data.source import DataSource
from reportgen.errors import MeasureError, did_you_mean

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


def class_of_folder(dataset: DataSource, folders: Collection[str]) -> dict[str, str]:
    """Map each folder to its class, in the order of the labels.

    Folders of a known data set are named after its classes (`T-shirt/top` may lie in
    `t_shirt_top`) or its labels; their alphabetical order counts for data sets of the user's own.

    Raises MeasureError when there are more or fewer classes than the spec declares, or when a
    folder is none of the data set's classes.
    """
    if len(folders) != dataset.classes:
        raise MeasureError(
            f"{dataset.title} has {len(folders)} classes and not the declared {dataset.classes}",
            "Each class is one folder of images. Correct 'classes' in the spec, or the folders.",
        )
    if not dataset.catalogued:
        return {folder: folder for folder in sorted(folders)}
    names = CLASS_NAMES[dataset.source]
    labels = {_plain(name): label for label, name in enumerate(names)}
    labels |= {str(label): label for label in range(len(names))}
    found: dict[int, str] = {}
    for folder in sorted(folders):
        label = labels.get(_plain(folder))
        if label is None or label in found:
            raise MeasureError(
                f"the folder '{folder}' is no class of {dataset.title}",
                f"Name folders after the classes. {did_you_mean(folder, names)}".strip(),
            )
        found[label] = folder
    return {found[label]: names[label] for label in sorted(found)}


def _plain(name: str) -> str:
    """Leave out case and what file systems or people change in a name."""
    letters = "".join(character for character in name.lower() if character.isalnum())
    return str(int(letters)) if letters.isdecimal() else letters
