"""Small data sets in every layout that reportgen reads, and a server of files."""

from __future__ import annotations

import functools
import gzip
import http.server
import io
import pickle
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reportgen.data.search import Search
from reportgen.data.source import DATA_SOURCES, DataRequest

Labelled = tuple[str, NDArray[np.uint8]]


def catalogued(name: str) -> DataRequest:
    """Return a data set as the catalogue describes it."""
    entry = DATA_SOURCES[name]
    assert entry.shape
    assert entry.classes
    return DataRequest(name, entry.shape, entry.classes, name=name)


def here(*directories: Path) -> Search:
    """Look in these directories only."""
    return Search(directories, offline=True)


def random_images(name: str, count: int, seed: int = 0) -> list[Labelled]:
    """Draw images for a data set of the catalogue, every class at least once if they suffice."""
    channels, height, width = catalogued(name).shape
    draw = np.random.default_rng(seed)
    names = DATA_SOURCES[name].class_names
    pixels = draw.integers(0, 256, (count, height, width, channels), np.uint8)
    return [(names[index % len(names)], image) for index, image in enumerate(pixels)]


def png(pixels: NDArray[np.uint8], suffix: str = "png") -> bytes:
    """Encode an image H×W×C."""
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    file = io.BytesIO()
    image.save(file, format=suffix)
    return file.getvalue()


def files(images: Sequence[Labelled], prefix: str = "") -> dict[str, bytes]:
    """Name each image after its class and place in the sequence, `prefix` before it."""
    return {
        f"{prefix}{name.replace('/', '_')}/{number:05}.png": png(pixels)
        for number, (name, pixels) in enumerate(images)
    }


def write_folder(root: Path, entries: dict[str, bytes]) -> None:
    """Write files into a folder."""
    for name, content in entries.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write_zip(path: Path, entries: dict[str, bytes]) -> None:
    """Write files into an archive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def cifar_batch(images: Sequence[Labelled], name: str = "cifar10") -> bytes:
    """Pickle images as the official batches are: rows of 3,072 bytes, a plane for each colour."""
    key = "labels" if name == "cifar10" else "fine_labels"
    rows = np.stack([pixels.transpose(2, 0, 1).ravel() for _, pixels in images])
    labels = [DATA_SOURCES[name].class_names.index(label) for label, _ in images]
    return pickle.dumps({"data": rows, key: labels, "batch_label": "test"}, protocol=2)


def idx(values: NDArray[np.uint8]) -> bytes:
    """Write numbers as MNIST's files are."""
    lengths = b"".join(length.to_bytes(4, "big") for length in values.shape)
    return bytes([0, 0, 8, values.ndim]) + lengths + values.tobytes()


def idx_files(images: Sequence[Labelled], name: str) -> dict[str, bytes]:
    """Write a test split as MNIST's are."""
    pixels = np.stack([image[:, :, 0] for _, image in images])
    labels = np.array(
        [DATA_SOURCES[name].class_names.index(label) for label, _ in images], np.uint8
    )
    return {"t10k-images-idx3-ubyte": idx(pixels), "t10k-labels-idx1-ubyte": idx(labels)}


def gzipped(entries: dict[str, bytes]) -> dict[str, bytes]:
    """Pack each file."""
    return {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in entries.items()}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine; yield its address, with the slash at the end."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
