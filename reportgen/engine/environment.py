"""What figures are measured with: the machine, its threads, the versions of what computes."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from reportgen.fingerprint import digest

PACKAGES = ("torch", "torchvision", "torchmetrics", "deepspeed")


@functools.cache
def describe(threads: int) -> dict[str, str]:
    """Return the environment as the report shows it; nothing in it changes from run to run."""
    found = {
        "cpu": _cpu(),
        "cores": str(os.cpu_count() or 1),
        "threads": str(threads),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def identify(environment: Mapping[str, str]) -> str:
    """Return a short name for an environment, the same on every run."""
    return digest(environment)[:8]


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
