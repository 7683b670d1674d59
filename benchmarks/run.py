"""Runs benchmarks, and writes what they measured into `results.md`, a section each.

    pip install -e '.[benchmarks]'
    python benchmarks/run.py [NAME ...] [--quick] [--data-dir DIR] [--spec SPEC]

Sections that are not named stay as they are. Whatever is compared takes turns in one process, or in
fresh processes one after the other, so that a machine that slows down slows all alike; ratios are
medians over neighbouring rounds. Read the ratios: seconds are those of the machine that a section
names.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import Options, duration, markdown

from reportgen.common.files import write
from reportgen.engine.machine import describe

NAMES = (
    "startup",
    "counting",
    "decoder",
    "evaluation",
    "timing",
    "repeat",
    "alarms",
    "scale",
    "sweep",
)
DIGITS = Path("specs/digits.yaml")
RESULTS = Path(__file__).parent / "results.md"


def main() -> None:
    """Run the benchmarks named, all where none is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="a part of each, in a few minutes")
    parser.add_argument("--data-dir", type=Path, help="where CIFAR-10 lies")
    parser.add_argument("--spec", type=Path, default=DIGITS, help="what 'repeat' runs")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in NAMES]:
        parser.error(f"no benchmark is called {unknown[0]}; there are {', '.join(NAMES)}")
    for name in arguments.names or NAMES:
        options = ["--quick"] * arguments.quick
        reads = name in ("evaluation", "repeat")
        options += ["--data-dir DIR"] * bool(arguments.data_dir and reads)
        if name == "repeat" and arguments.spec != DIGITS:
            options.append(f"--spec {arguments.spec}")
        module = importlib.import_module(name)
        start = time.monotonic()
        rows = list(module.bench(Options(arguments.quick, arguments.data_dir, arguments.spec)))
        taken = duration(time.monotonic() - start)
        command = " ".join(["python benchmarks/run.py", name, *options])
        text = (
            f"## {name}\n\n{module.__doc__.strip()}\n\n{markdown(rows)}\n\n"
            f"`{command}`, {date.today():%Y-%m-%d}, {taken}, on {machine()}.\n"
        )
        print(text, flush=True)
        old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
        write(RESULTS, with_section(old, name, text))


def machine() -> str:
    """Say in a line where this runs."""
    import torch

    return ", ".join(f"{key} {value}" for key, value in describe(torch.get_num_threads()).items())


def with_section(results: str, name: str, text: str, names: Sequence[str] = NAMES) -> str:
    """Put a section in the place of the one that is called so, or where it belongs."""
    found = re.split(r"^(?=## )", results, flags=re.MULTILINE)[1:]
    sections = {part.splitlines()[0].removeprefix("## "): part.strip() + "\n" for part in found}
    sections[name] = text
    return "\n".join(["# Benchmarks\n", *(sections[key] for key in names if key in sections)])


if __name__ == "__main__":
    main()
