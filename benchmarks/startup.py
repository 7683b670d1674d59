"""Commands that measure nothing, beside a Python that only imports what reads and writes them.

Seconds are those of the processor, of fresh processes in turn, modules and templates compiled
before. What was in order is asked once: `again` is every time after the first.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import project
from harness import Options, Row, ratio, seconds

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = {
    "reportgen --help": (["--help"], False, "≤ 1.5"),
    **{
        f"{label}, {when}": ([*words, "many.yaml"], bool(again), "≤ 0.3 s")
        for label, words in {
            "validate, ten models": ["validate"],
            "check": ["check"],
            "a run with nothing to do": [],
            "render": ["render"],
        }.items()
        for again, when in enumerate(("the first time", "again"))
    },
    "diff": (["diff", "out"], False, "≤ 0.3 s"),
}


def bench(options: Options) -> Iterator[Row]:
    """Run the commands in a folder with the report of ten models."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project.make(folder, 10)
        bare = [sys.executable, "-c", "import yaml, jinja2"]
        words = {"bare": (bare, False)} | {
            label: ([sys.executable, "-m", "reportgen", *command], again)
            for label, (command, again, _) in COMMANDS.items()
        }
        samples: dict[str, list[float]] = {label: [] for label in words}
        for number in range(-2, 7 if options.quick else 21):
            for label, (command, again) in words.items():
                used = _processor_seconds(command, folder, memory=again)
                if number >= 0:  # the first compiles, and the second is kept
                    samples[label].append(used)
            if number == -2:
                time.sleep(2.5)  # what was just written is not trusted
        for label, (_, _, bar) in COMMANDS.items():
            yield Row(
                f"{label}; other: python -c 'import yaml, jinja2'",
                seconds(samples[label]),
                seconds(samples["bare"]),
                ratio(samples[label], samples["bare"]),
                bar,
            )


def _processor_seconds(command: list[str], folder: Path, *, memory: bool) -> float:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": str(folder / "pyc"),
        "REPORTGEN_CACHE": str(folder / "cache"),
        "REPORTGEN_NO_MEMORY": "" if memory else "1",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.pop("GITHUB_STEP_SUMMARY", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
