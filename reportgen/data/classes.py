"""Which folder holds which class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized

from reportgen.common.errors import MeasureError, did_you_mean
from reportgen.data.names import listed, visible
from reportgen.data.source import DataRequest


def class_of_folder(request: DataRequest, images: Mapping[str, Sized]) -> dict[str, str]:
    """Map the folder of each class to its name, in the order of the labels.

    `images` has what lies in each folder. Folders of a known data set are named after its classes
    (`T-shirt/top` may lie in `t_shirt_top`) or its labels; the order of the names counts for data
    sets of the user's own, as it does for torchvision. An empty folder is a class where the spec
    declares so many that it must be.

    Raises MeasureError when there are more or fewer classes than the spec declares, or when a
    folder is none of the data set's classes.
    """
    folders = sorted(folder for folder in images if images[folder])
    if len(folders) != request.classes == len(images):
        folders = sorted(images)
    if request.entry.class_names:
        return _known_classes(request, folders)
    check_count(request, folders, "Each folder of images is one class. ")
    return {folder: folder for folder in folders}


def check_count(request: DataRequest, names: Sequence[str], rule: str = "") -> None:
    """Raise MeasureError unless these are as many classes as the spec declares."""
    if len(names) != request.classes:
        there = "is 1 class" if len(names) == 1 else f"are {len(names)} classes"
        raise MeasureError(
            f"there {there} in {request.title} ({listed(names, most=8)}), and the spec declares "
            f"{request.classes}",
            f"{rule}Correct `classes` in the spec, or the data.",
        )


def _known_classes(request: DataRequest, folders: Sequence[str]) -> dict[str, str]:
    names = request.entry.class_names
    labels = {_plain(name): label for label, name in enumerate(names)}
    labels |= {str(label): label for label in range(len(names))}
    found: dict[int, str] = {}
    for folder in folders:
        label = labels.get(_plain(folder))
        if label in found:
            raise MeasureError(
                f"the folders {listed([found[label], folder])} are one class of {request.title}",
                "Put their images into one folder.",
            )
        if label is None:
            raise MeasureError(
                f"the folder '{visible(folder)}' is no class of {request.title}",
                f"Name folders after the classes. {did_you_mean(folder, names)}".strip(),
            )
        found[label] = folder
    if missing := [name for label, name in enumerate(names) if label not in found]:
        raise MeasureError(
            f"{request.title} has {len(names)} classes, and there are folders of {len(found)}: "
            f"without {listed(missing)}",
            "Add images of every class.",
        )
    return {found[label]: names[label] for label in sorted(found)}


def _plain(name: str) -> str:
    """Leave out case and what file systems or people change in a name."""
    letters = "".join(character for character in name.lower() if character.isalnum())
    return (letters.lstrip("0") or "0") if letters.isdecimal() else letters
