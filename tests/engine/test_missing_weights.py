"""Pretrained files that cannot be had are asked for once, and not by every run."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reportgen.cli import main

SPEC = """\
reportgen: 1
title: Weights
datasets:
  images: {source: folder, path: images, shape: [3, 8, 8], classes: 3}
  many: {source: folder, path: images, shape: [3, 64, 64], classes: 1000}
models:
  Gone:
    source: zoo/resnet_lite
    weights: {url: "ADDRESS/gone.pt", sha256: 0123456789ab}
    datasets: [images]
  Other:
    source: zoo/resnet_lite
    weights: {url: "ADDRESS/other.pt", sha256: 0123456789ab}
    datasets: [images]
  Published:
    source: torchvision/squeezenet1_1
    weights: {torchvision: DEFAULT}
    datasets: [many]
measure: {accuracy: {}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in "abc":
        folder = tmp_path / "images" / "test" / name
        folder.mkdir(parents=True)
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "0.png")
    (tmp_path / "spec.yaml").write_text(SPEC)
    return tmp_path


class Server:
    """Answers with another file or with 404, and writes down what it was asked for."""

    def __init__(self) -> None:
        asked: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                content = b"another file"
                self.send_response(404 if "gone" in self.path else 200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_CONNECT(self) -> None:
                asked.append(self.path)
                self.send_error(502)

            def log_message(self, *_: object) -> None:
                pass

        self.asked = asked
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def figures(project: Path) -> dict[str, Any]:
    builds = json.loads((project / "out/spec.json").read_text())["builds"]
    return {name: build["figures"]["top1"] for name, build in builds.items()}


@pytest.mark.slow
def test_a_missing_file_is_asked_for_once(
    project: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (project / "spec.yaml").write_text(SPEC.replace("ADDRESS", server.address))
    # torchvision's addresses are asked for through the proxy.
    monkeypatch.setenv("https_proxy", server.address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def run(*words: str) -> str:
        main([str(project / "spec.yaml"), "--out", str(project / "out"), *words])
        return capsys.readouterr().out

    run()
    once = ["/gone.pt", "/other.pt", "download.pytorch.org:443"]
    assert server.asked == once
    assert {figure["cause"] for figure in figures(project).values()} == {"missing"}
    assert "nothing measured" in run()
    assert server.asked == once
    run("--remeasure", "unavailable")
    assert server.asked == 2 * once


def test_a_file_that_is_there_now_is_tried_by_itself(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run() -> str:
        main([str(project / "spec.yaml"), "--out", str(project / "out"), "--offline"])
        return capsys.readouterr().out

    text = SPEC[: SPEC.index("  Other:")] + SPEC[SPEC.index("measure:") :]
    text = text.replace('url: "ADDRESS/gone.pt", sha256: 0123456789ab', "file: gone.pt")
    (project / "spec.yaml").write_text(text)
    run()
    assert "nothing measured" in run()
    (project / "gone.pt").write_bytes(b"no checkpoint")
    run()
    assert figures(project)["Gone @ images"]["reason"] == (
        "the weights gone.pt are no readable checkpoint"
    )
