"""Downloads: whole and verified, or not at all. The network is a server on this machine."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from reportgen.common.errors import MissingError
from reportgen.data import download as downloading
from reportgen.data.download import DigestError, DownloadError, download
from reportgen.data.search import Search, downloads
from reportgen.data.splits import load
from tests.data.layouts import (
    catalogued,
    cifar_batch,
    gzipped,
    idx_files,
    random_images,
    serving,
    write_folder,
)

NOT_TO_BE_HAD = "CIFAR-10 (test) is not in the data directory and could not be downloaded"


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def cifar_archive(entries: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in entries.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Publish a small CIFAR-10 on a server of this machine, and return its archive."""
    from torchvision.datasets import CIFAR10

    images = random_images("cifar10", 60)
    batches = {
        name: cifar_batch(images[10 * number : 10 * number + 10])
        for number, name in enumerate(
            ["test_batch", *(f"data_batch_{number}" for number in range(1, 6))]
        )
    }
    archive = cifar_archive({**batches, "readme.html": b"", "../outside": b"never written"})
    write_folder(tmp_path / "server", {"cifar.tar.gz": archive})
    monkeypatch.setattr(CIFAR10, "filename", "cifar.tar.gz")
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(archive))
    return archive


def test_cifar10_is_downloaded_once(
    published: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.datasets import CIFAR10

    steps: list[tuple[int, int]] = []
    with serving(tmp_path / "server") as address:
        monkeypatch.setattr(CIFAR10, "url", f"{address}cifar.tar.gz")
        split = load(
            catalogued("cifar10"),
            "test",
            Search(),
            progress=lambda done, total: steps.append((done, total)),
        )
    assert len(split) == 10
    assert (len(published), len(published)) in steps
    # The other splits came with it, and nothing else did; now nobody serves it any more.
    assert len(load(catalogued("cifar10"), "train", Search())) == 50
    assert sorted(path.name for path in downloads().iterdir()) == [
        "cifar-10-batches-py",
        "cifar10.lock",
    ]
    assert "readme.html" not in {path.name for path in downloads().glob("*/*")}


def test_offline_asks_nobody(published: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "download", None)
    with pytest.raises(MissingError) as error:
        load(catalogued("cifar10"), "test", Search(offline=True))
    assert str(error.value) == NOT_TO_BE_HAD


@pytest.mark.parametrize("failure", ["not found", "other content", "no archive", "nobody there"])
def test_a_download_that_fails(
    failure: str, published: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.datasets import CIFAR10

    name = "cifar.tar.gz"
    if failure == "not found":
        name = "elsewhere.tar.gz"
    elif failure == "other content":
        (tmp_path / "server" / name).write_bytes(published[:-1] + b"x")
    elif failure == "no archive":
        (tmp_path / "server" / name).write_bytes(b"no archive")
        monkeypatch.setattr(CIFAR10, "tgz_md5", md5(b"no archive"))
    with serving(tmp_path / "server") as address:
        monkeypatch.setattr(CIFAR10, "url", address + name)
        if failure == "nobody there":
            monkeypatch.setattr(CIFAR10, "url", "http://127.0.0.1:9/cifar.tar.gz")
        with pytest.raises(MissingError) as error:
            load(catalogued("cifar10"), "test", Search())
    assert str(error.value) == NOT_TO_BE_HAD
    assert [path.name for path in downloads().iterdir()] == ["cifar10.lock"]


def test_mnist_comes_from_the_first_mirror_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.datasets import MNIST

    packed = gzipped(idx_files(random_images("mnist", 20), "mnist"))
    write_folder(tmp_path / "server" / "good", packed)
    write_folder(tmp_path / "server" / "bad", dict.fromkeys(packed, b"other"))
    digests = [(name, md5(content)) for name, content in packed.items()]
    monkeypatch.setattr(MNIST, "resources", digests)
    with serving(tmp_path / "server") as address:
        monkeypatch.setattr(MNIST, "mirrors", [f"{address}{name}/" for name in ("bad", "good")])
        assert len(load(catalogued("mnist"), "test", Search())) == 20
        monkeypatch.setattr(MNIST, "mirrors", [f"{address}bad/"])
        monkeypatch.setattr(MNIST, "resources", [(f"train-{name[5:]}", "0") for name in packed])
        with pytest.raises(MissingError):
            load(catalogued("mnist"), "train", Search())


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    content = b"weights" * 100_000
    write_folder(tmp_path, {"server/file": content})
    target = tmp_path / "new" / "file"
    with serving(tmp_path / "server") as address:
        with pytest.raises(DigestError) as error:
            download(f"{address}file", target, algorithm="sha256", expected="00")
        assert error.value.found == sha256(content)
        with pytest.raises(DownloadError):
            download(f"{address}other", target, algorithm="sha256", expected="")
        assert not list(target.parent.iterdir())

        download(f"{address}file", target, algorithm="sha256", expected=sha256(content)[:8])
    assert target.read_bytes() == content
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_less_than_was_promised(tmp_path: Path) -> None:
    import http.server
    import threading

    class Hasty(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Hasty) as server:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        with pytest.raises(DownloadError):
            download(
                f"http://127.0.0.1:{server.server_port}/file",
                tmp_path / "file",
                algorithm="sha256",
                expected=sha256(b"half"),
            )
        thread.join()
    assert not list(tmp_path.glob("*file*"))


def test_the_digests_that_torchvision_knows_cover_every_file_we_ask_for() -> None:
    from torchvision.datasets import MNIST, FashionMNIST

    from reportgen.data.published import FASHION_MNIST
    from reportgen.data.published import MNIST as OURS

    for ours, published in ((OURS, MNIST), (FASHION_MNIST, FashionMNIST)):
        wanted = {f"{file}.gz" for files in ours.files.values() for file in files}
        assert wanted == {file for file, _ in published.resources}


def test_a_download_that_was_damaged_in_the_cache_is_fetched_again(
    published: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.datasets import CIFAR10

    with serving(tmp_path / "server") as address:
        monkeypatch.setattr(CIFAR10, "url", f"{address}cifar.tar.gz")
        before = load(catalogued("cifar10"), "test", Search())
        batch = downloads() / "cifar-10-batches-py" / "test_batch"
        content = bytearray(batch.read_bytes())
        content[len(content) // 2] ^= 1
        batch.write_bytes(content)
        assert load(catalogued("cifar10"), "test", Search()).fingerprint == before.fingerprint
    batch.write_bytes(content)
    with pytest.raises(MissingError):
        load(catalogued("cifar10"), "test", Search(offline=True))
