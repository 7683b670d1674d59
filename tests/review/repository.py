"""A scratch git repository with a spec and its report."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from reportgen.cli import main

SPEC = """\
reportgen: 1
title: Small
datasets:
  images: {source: synthetic, shape: [1, 8, 8], classes: 10, count: 32}
models:
  CNN: {source: zoo/digits_cnn}
  Perceptron: {source: zoo/digits_mlp, baseline: true}
measure:
  complexity: {}
  timing: {batch_sizes: [1], rounds: 5, warmup: 0, threads: 1, total: false}
"""


class Repository:
    """The working folder, with git and `reportgen` run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "-q", "-b", "main", ".")
        for key, value in {
            "user.email": "a@b.c",
            "user.name": "A",
            "core.autocrlf": "false",
        }.items():
            self.git("config", key, value)
        (folder / "specs").mkdir()
        self.write(SPEC)

    def git(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.folder, capture_output=True, text=True, check=check
        )
        return done.stdout

    def commit(self, message: str = "m") -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", message)

    def write(self, text: str, name: str = "specs/small.yaml") -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def change(self, old: str, new: str, name: str = "specs/small.yaml") -> None:
        text = self.read(name)
        assert old in text
        self.write(text.replace(old, new), name)

    @property
    def builds(self) -> dict[str, Any]:
        return json.loads(self.read("out/small.json"))["builds"]

    def run(self, *words: str) -> int:
        return main(["specs/small.yaml", "--offline", "-q", *words])
