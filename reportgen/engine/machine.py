"""The environment of a measurement: machine, threads, versions of packages."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from reportgen.common.fingerprint import digest

PACKAGES = ("torch", "torchvision", "torchmetrics", "deepspeed")

# Numbers that distinguish processors of one name, and their names in /proc/cpuinfo.
_NUMBERS = {"family": "cpu family", "model": "model"}


@functools.cache
def describe(threads: int, allocator: str = "") -> dict[str, str]:
    """Return the environment as the report shows it; the allocator only for times."""
    found = {
        "cpu": _cpu(),
        "cores": str(os.cpu_count() or 1),
        "threads": str(threads),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    if allocator:
        found["allocator"] = allocator
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
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    return cpu_name(text) or platform.processor() or platform.machine()


def cpu_name(cpuinfo: str) -> str:
    """Find the name of the first processor in /proc/cpuinfo, or return an empty text.

    A virtual machine may hide the model ("AMD EPYC"); then family and model numbers are added,
    since times of two generations of processors cannot be compared.
    """
    first = cpuinfo.partition("\n\n")[0]
    entries = {
        key.strip(): value.strip()
        for key, _, value in (line.partition(":") for line in first.splitlines())
    }
    name = entries.get("model name", "")
    numbers = [f"{key} {entries[of]}" for key, of in _NUMBERS.items() if of in entries]
    if not name or any(letter.isdigit() for letter in name) or not numbers:
        return name
    return f"{name} ({', '.join(numbers)})"
