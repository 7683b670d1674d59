"""Commands that measure nothing, beside a Python that only imports what reads and writes them.

Seconds are those of the processor, of fresh processes in turn, modules and templates compiled
before.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import project
from harness import Options, Row, ratio, seconds

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = {
    "reportgen --help": (["--help"], "≤ 1.5"),
    "validate, ten models": (["validate", "many.yaml"], "≤ 0.3 s"),
    "check": (["check", "many.yaml"], "≤ 0.3 s"),
    "a run with nothing to do": (["many.yaml"], "≤ 0.3 s"),
    "render": (["render", "many.yaml"], "≤ 0.3 s"),
    "diff": (["diff", "out"], "≤ 0.3 s"),
}


def bench(options: Options) -> Iterator[Row]:
    """Run the commands in a folder with the report of ten models."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project.make(folder, 10)
        bare = [sys.executable, "-c", "import yaml, jinja2"]
        words = {"bare": bare} | {
            label: [sys.executable, "-m", "reportgen", *command]
            for label, (command, _) in COMMANDS.items()
        }
        samples: dict[str, list[float]] = {label: [] for label in words}
        for number in range(-1, 7 if options.quick else 21):
            for label, command in words.items():
                used = _processor_seconds(command, folder)
                if number >= 0:  # the first compiles
                    samples[label].append(used)
        for label, (_, bar) in COMMANDS.items():
            yield Row(
                f"{label}; other: python -c 'import yaml, jinja2'",
                seconds(samples[label]),
                seconds(samples["bare"]),
                ratio(samples[label], samples["bare"]),
                bar,
            )


def _processor_seconds(command: list[str], folder: Path) -> float:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": str(folder / "pyc"),
        "REPORTGEN_CACHE": str(folder / "cache"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.pop("GITHUB_STEP_SUMMARY", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
