"""The source `synthetic`: random images, the same every time, for timing only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from reportgen.data.search import Search
from reportgen.data.source import Contents, DataRequest, DataSource, Labelled, SplitPlace

COUNT = 1_000

# Raise it when other images are drawn.
_METHOD = 2


@dataclass(frozen=True)
class _Drawn(SplitPlace):
    request: DataRequest
    split: str
    count: int

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.signature().encode()).hexdigest()

    def signature(self) -> str:
        of = self.request
        return json.dumps(["synthetic", _METHOD, self.split, self.count, of.classes, of.shape])

    def read(self, request: DataRequest) -> Contents:
        names = tuple(map(str, range(request.classes)))
        return Contents(names, self._images(request), self.count)

    def _images(self, request: DataRequest) -> Iterator[Labelled]:
        import numpy as np

        generator = np.random.default_rng(list(self.split.encode()))
        images = generator.integers(0, 256, (self.count, *request.shape), dtype=np.uint8)
        labels = generator.integers(0, request.classes, self.count)
        for pixels, label in zip(images, labels, strict=True):
            yield Labelled(str(label), pixels.transpose(1, 2, 0))


class _Synthetic(DataSource):
    def size(self, split: str, count: int | None) -> int:
        return count or COUNT

    def places(self, request: DataRequest, split: str, search: Search) -> Iterator[SplitPlace]:
        yield _Drawn(request, split, self.size(split, request.count))


SYNTHETIC = _Synthetic(
    title="random images, for timing only", no_answers="random images have no right answer"
)
