"""Runs benchmarks and prints what they measured, as Markdown.

    pip install -e '.[benchmarks]'
    python benchmarks/run.py [NAME ...] [--quick] [--data-dir DIR] > benchmarks/results.md

Whatever is compared takes turns in one process, or in fresh processes one after the other, so that
a machine that slows down slows all alike; ratios are medians over neighbouring rounds. Read the
ratios: seconds are those of the machine named at the top.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import Options, duration, markdown

from reportgen.engine.environment import describe

NAMES = ("startup", "counting", "decoder", "evaluation", "timing", "alarms", "scale", "sweep")


def main() -> None:
    """Run the benchmarks named, all where none is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="a part of each, in a few minutes")
    parser.add_argument("--data-dir", type=Path, help="where CIFAR-10 lies")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in NAMES]:
        parser.error(f"no benchmark is called {unknown[0]}; there are {', '.join(NAMES)}")
    options = Options(arguments.quick, arguments.data_dir)
    words = ["python benchmarks/run.py", *arguments.names, *["--quick"] * arguments.quick]
    print(f"# Benchmarks\n\n`{' '.join(words)}`, {date.today():%Y-%m-%d}, on\n")
    import torch

    for key, value in describe(torch.get_num_threads()).items():
        print(f"- {key}: {value}")
    for name in arguments.names or NAMES:
        module = importlib.import_module(name)
        start = time.monotonic()
        rows = list(module.bench(options))
        print(f"\n## {name}\n\n{module.__doc__.strip()}\n\n{markdown(rows)}", flush=True)
        sys.stderr.write(f"{name}: {duration(time.monotonic() - start)}\n")


if __name__ == "__main__":
    main()
