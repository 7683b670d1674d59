"""The allocator of a process: what is set, where it cannot be, and that it does what it is for."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from reportgen.measures import allocator

GLIBC = sys.platform == "linux" and allocator.is_glibc()
needs_glibc = pytest.mark.skipif(not GLIBC, reason="memory does not come from glibc here")

# Page faults of a pass of convolutions whose results take 16 MiB each.
PROGRAM = """\
import sys
from reportgen.measures import allocator, timing
used = allocator.use(sys.argv[1])
import torch
from torch import nn
convolutions = [nn.Conv2d(16 if layer else 3, 16, 3, padding=1) for layer in range(4)]
net, images = nn.Sequential(*convolutions).eval(), torch.randn(256, 3, 32, 32)
with timing.quiet(1):
    sample = timing.sampler(lambda: net(images))
    for _ in range(3):
        sample(1)
    print(used, sorted(sample(1).faults for _ in range(3))[1])
"""


def run(wanted: str) -> tuple[str, float]:
    words = [sys.executable, "-c", PROGRAM, wanted]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    used, faults = done.stdout.split()
    return used, float(faults)


@needs_glibc
def test_with_the_steady_allocator_a_pass_needs_no_new_pages() -> None:
    used, faults = run("steady")
    assert used == "steady"
    assert faults <= 100


@pytest.mark.slow
@needs_glibc
def test_with_the_systems_allocator_it_faults_them_in_again() -> None:
    used, faults = run("system")
    assert used == "system"
    assert faults > 1_000  # a result of 16 MiB alone has 4,096 pages


class Library:
    """A C library as ctypes shows it; `answers` maps options of mallopt to what it returns."""

    def __init__(self, malloc: int, answers: dict[int, int] | None = None) -> None:
        self.malloc = ctypes.c_void_p(malloc)
        if answers is not None:
            self.mallopt = lambda option, value: answers.get(option, 1)


def fail(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize(
    ("glibc", "process", "used"),
    [
        (lambda: Library(1, {}), lambda: Library(1, {}), "steady"),
        (lambda: Library(1, {}), lambda: Library(1, {-4: 0}), "system"),  # one call fails
        (lambda: Library(1), lambda: Library(1), "system"),  # no mallopt, as with musl
        (lambda: Library(1, {}), lambda: Library(2), "system"),  # jemalloc is preloaded
        (lambda: fail(OSError("libc.so.6: no such file")), lambda: Library(1), "system"),  # macOS
        (lambda: Library(1, {}), lambda: fail(TypeError("no name")), "system"),  # Windows
    ],
)
def test_where_it_cannot_be_set_it_is_the_systems(
    glibc: Any, process: Any, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str | None) -> Any:
        return glibc() if name else process()

    fake = SimpleNamespace(CDLL=load, cast=ctypes.cast, c_void_p=ctypes.c_void_p)
    monkeypatch.setattr(allocator, "ctypes", fake)
    assert allocator.use("steady") == used
    assert allocator.use("system") == "system"
