"""The data sets that torchvision publishes, each in whichever layout it lies.

In each directory: torchvision's own layout (`cifar-10-batches-py/`, `MNIST/raw/`), which may lie
one folder deeper, then images in `NAME-SPLIT.zip`, `NAME.zip`, `NAME-SPLIT/` or `NAME/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from reportgen.common import cache
from reportgen.common.errors import MeasureError
from reportgen.data.image_tree import ImageTree
from reportgen.data.normalizations import NORMALIZATIONS
from reportgen.data.search import Progress, Search, downloads
from reportgen.data.source import Contents, DataRequest, DataSource, SplitPlace

BinaryFormat: TypeAlias = Literal["cifar", "idx"]


@dataclass(frozen=True)
class BinaryFiles(SplitPlace):
    """The files of a split in torchvision's layout, which all exist."""

    format: BinaryFormat
    files: tuple[Path, ...]
    count: int

    @property
    def damaged(self) -> bool:
        """Whether they are not what was downloaded; nobody knows it of other files."""
        folder = self.files[0].parent
        # Downloads of the format `idx` are gzipped, so that each file has a digest in itself.
        return cache.is_sealed(folder) and not cache.is_sound(folder)

    def signature(self) -> str:
        """Return what changes when the files do, without reading them."""
        return "\n".join(cache.stamp(path) for path in self.files)

    def read(self, request: DataRequest) -> Contents:
        """Read the files with numpy."""
        from reportgen.data.binary import read_binary

        images = read_binary(self.format, self.files, request)
        return Contents(request.entry.class_names, images, self.count)


@dataclass(frozen=True, kw_only=True)
class Published(DataSource):
    """A data set that torchvision downloads; `published_as` is the name of its class there.

    `files` are those of each split in `folder`.
    """

    format: BinaryFormat
    published_as: str
    folder: str
    files: Mapping[str, tuple[str, ...]]

    def places(self, request: DataRequest, split: str, search: Search) -> Iterator[SplitPlace]:
        """Yield torchvision's files, then folders and zips of images, of each directory."""
        for directory in search.directories:
            if not directory.is_dir():
                continue
            yield from self._binary(split, directory)
            yield from _trees(request.source, split, directory)

    def tried(self, request: DataRequest, split: str, search: Search) -> list[str]:
        """List each directory, with all the names in it that may hold the split."""
        name = request.source
        names = f"{self.folder}/,{name}-{split}.zip,{name}-{split}/,{name}.zip,{name}/"
        return [f"{directory}/{{{names}}}" for directory in search.directories]

    def absence(self, request: DataRequest, split: str, search: Search) -> tuple[str, str]:
        """Say what one can put into the data directory."""
        if split not in self.splits:
            return super().absence(request, split, search)
        trees = (
            tree for tree in self.places(request, split, search) if isinstance(tree, ImageTree)
        )
        there = next((f": there is {tree.absence()[0]}" for tree in trees), "")
        return (
            f"{self.title} ({split}) is not in the data directory and could not be downloaded"
            f"{there}",
            f"Pass --data-dir DIR with {request.source}-{split}.zip ({split}/CLASS/*.png) or "
            f"torchvision's {self.folder} in it.",
        )

    def download(self, request: DataRequest, split: str, progress: Progress | None) -> None:
        """Download a split from where torchvision does, checked by the digests torchvision knows.

        It then lies among the downloads in torchvision's layout.
        """
        from reportgen.data import download

        if split not in self.files:
            return
        cache.folder("data", "downloads")
        with cache.lock(downloads() / request.source):
            if self.format == "cifar":
                names = [name for each in self.files.values() for name in each]
                download.download_cifar(self.published_as, self.folder, names, progress)
            else:
                download.download_idx(self.published_as, self.folder, self.files[split], progress)

    def _binary(self, split: str, directory: Path) -> Iterator[BinaryFiles]:
        try:
            entries = sorted(directory.iterdir())
        except OSError as error:  # its text has the whole path
            raise MeasureError(
                f"the data directory '{directory.name}' cannot be read: {error.strerror}"
            ) from None
        names = self.files.get(split, ())
        for base in (directory, *(entry for entry in entries if entry.is_dir())):
            files = [_plain_or_gzipped(base / self.folder / name) for name in names]
            found = tuple(path for path in files if path)
            if found and len(found) == len(files):
                yield BinaryFiles(self.format, found, self.splits[split])


def _trees(name: str, split: str, directory: Path) -> Iterator[ImageTree]:
    for stem, direct in ((f"{name}-{split}", True), (name, False)):
        archive, folder = directory / f"{stem}.zip", directory / stem
        if archive.is_file():
            yield ImageTree(archive, archive.name, split, direct)
        if folder.is_dir():
            yield ImageTree(folder, folder.name, split, direct)


def _plain_or_gzipped(path: Path) -> Path | None:
    packed = path.with_name(f"{path.name}.gz")
    return path if path.is_file() else packed if packed.is_file() else None


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

CIFAR10 = Published(
    title="CIFAR-10",
    class_names=tuple(_CIFAR10.split()),
    shape=(3, 32, 32),
    splits={"train": 50_000, "test": 10_000},
    normalization=NORMALIZATIONS["cifar10"],
    format="cifar",
    published_as="CIFAR10",
    folder="cifar-10-batches-py",
    files={
        "train": tuple(f"data_batch_{number}" for number in range(1, 6)),
        "test": ("test_batch",),
    },
)

CIFAR100 = Published(
    title="CIFAR-100",
    class_names=tuple(_CIFAR100.split()),
    shape=(3, 32, 32),
    splits={"train": 50_000, "test": 10_000},
    normalization=NORMALIZATIONS["cifar100"],
    format="cifar",
    published_as="CIFAR100",
    folder="cifar-100-python",
    files={"train": ("train",), "test": ("test",)},
)

MNIST = Published(
    title="MNIST",
    class_names=tuple("0123456789"),
    shape=(1, 28, 28),
    splits={"train": 60_000, "test": 10_000},
    normalization=NORMALIZATIONS["mnist"],
    format="idx",
    published_as="MNIST",
    folder="MNIST/raw",
    files={
        split: (f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte")
        for split, stem in (("train", "train"), ("test", "t10k"))
    },
)

_FASHION = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"

FASHION_MNIST = replace(
    MNIST,
    title="Fashion-MNIST",
    class_names=tuple(_FASHION.split(",")),
    normalization=NORMALIZATIONS["fashion_mnist"],
    published_as="FashionMNIST",
    folder="FashionMNIST/raw",
)
