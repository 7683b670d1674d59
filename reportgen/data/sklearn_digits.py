"""The source `digits`: scikit-learn's digits, which need no files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reportgen.data.normalizations import NORMALIZATIONS
from reportgen.data.search import Search
from reportgen.data.source import Contents, DataRequest, DataSource, Labelled, SplitPlace

_WHITE = 16


@dataclass(frozen=True)
class _Bundled(SplitPlace):
    split: str

    def signature(self) -> str:
        """Return the version of scikit-learn."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("scikit-learn")
        except PackageNotFoundError:  # `check` needs none
            return ""

    def read(self, request: DataRequest) -> Contents:
        return Contents(DIGITS.class_names, _images(self.split), DIGITS.splits[self.split])


class _Digits(DataSource):
    def places(self, request: DataRequest, split: str, search: Search) -> Iterator[SplitPlace]:
        if split in self.splits:
            yield _Bundled(split)


def _images(split: str) -> Iterator[Labelled]:
    """Yield images of 8×8 in 17 shades of grey, which become shades of 0 … 255.

    Every fifth image (index 4, 9, …) is of the test split, as the file mixes writers evenly.
    """
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    # A white pixel of 16 becomes 255; the others lie between, to the nearest integer.
    shades = np.rint(digits.images * (255 / _WHITE)).astype(np.uint8)
    for index, (pixels, label) in enumerate(zip(shades, digits.target, strict=True)):
        if (index % 5 == 4) == (split == "test"):
            yield Labelled(str(label), pixels[:, :, np.newaxis])


DIGITS = _Digits(
    title="scikit-learn's digits",
    class_names=tuple("0123456789"),
    shape=(1, 8, 8),
    splits={"train": 1_438, "test": 359},  # every fifth of 1,797 images
    normalization=NORMALIZATIONS["digits"],
)
