"""The source `folder`: images of a user's own, in one folder per class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reportgen.data.image_tree import ImageTree
from reportgen.data.names import visible
from reportgen.data.search import Search
from reportgen.data.source import DataRequest, DataSource


class Folder(DataSource):
    """A folder or zip that holds SPLIT/CLASS/IMAGE."""

    def places(self, request: DataRequest, split: str, search: Search) -> Iterator[ImageTree]:
        """Yield the folder or zip; raise MissingError if there is none."""
        given = request.path or request.name
        name = visible(Path(given).name.strip(".") or request.title)
        yield ImageTree(search.locate(given), name, split)

    def absence(self, request: DataRequest, split: str, search: Search) -> tuple[str, str]:
        """Say what the folder holds instead."""
        (tree,) = self.places(request, split, search)
        why, hint = tree.absence()
        return f"there is {why}", hint


FOLDER = Folder(title="a folder or zip of images per class", needs=("path",))
