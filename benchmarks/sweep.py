"""Sweeps over many models, from nothing to the record: seconds for each, and memory.

Networks of growing width are counted, each in a process of its own. Memory is the most that all
processes of a run took together (proportional set size, looked up ten times a second): that of a
sweep beside that of its largest network alone. Timing holds as many networks in memory as are timed
in turn: twelve at most, and no more than the largest alone takes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from harness import Options, Row, duration

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 160  # million parameters
TIMING = "  timing: {batch_sizes: [1], rounds: 6, threads: 1, total: false}\n"


def bench(options: Options) -> Iterator[Row]:
    """Run the sweeps."""
    for models in (10, 100) if options.quick else (10, 100, 1_000):
        taken, _ = run([16] * models)
        yield Row(
            f"counting {models:,} models", duration(taken), f"{duration(taken / models)} each"
        )
    bare, _ = run([])
    yield Row("a run without models to count", duration(bare))
    widths = [1 + (LARGEST - 1) * number // 99 for number in range(100)]
    ways = {"counted": "", "counted and timed": TIMING}
    for what, measure in list(ways.items())[: 1 if options.quick else None]:
        _, alone = run([LARGEST], measure)
        _, sweep = run(widths, measure)
        yield Row(
            f"100 networks of 1 to {LARGEST} million parameters, {what}; other: the largest alone",
            mebibytes(sweep),
            mebibytes(alone),
            f"{sweep / alone:.3g}",
            "≤ 1.2",
        )


def run(widths: list[int], measure: str = "") -> tuple[float, int]:
    """Run `reportgen` on networks of so many million parameters; return seconds and bytes."""
    models = "".join(
        f'  Net {number}: {{source: "calibration.py:wide", args: {{millions: {width}}}}}\n'
        for number, width in enumerate(widths or [1])
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "calibration.py").symlink_to(ROOT / "benchmarks" / "calibration.py")
        (folder / "sweep.yaml").write_text(
            "reportgen: 1\ntitle: Sweep\n"
            "datasets: {images: {source: synthetic, shape: [3, 8, 8], classes: 10}}\n"
            f"models:\n{models}measure:\n  complexity: {{}}\n{measure}",
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "reportgen", "sweep.yaml", "--quiet", "--allow-code"]
        if not widths:
            command[3:4] = ["plan", "sweep.yaml"]
        start = time.perf_counter()
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
            most = Peak(process.pid)
            most.start()
            process.wait()
            taken = time.perf_counter() - start
            most.join()
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}")
    return taken, most.bytes


class Peak(threading.Thread):
    """Watches the memory of a process and of all that it started, until it ends."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self.pid = pid
        self.bytes = 0

    def run(self) -> None:
        """Look again and again."""
        while Path(f"/proc/{self.pid}").exists() and not _ended(self.pid):
            self.bytes = max(self.bytes, sum(map(_memory, _family(self.pid))))
            time.sleep(0.1)


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return
    for child in children.split():
        yield from _family(int(child))


def _memory(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    sizes = [int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")]
    return sum(sizes) * 1024


def _ended(pid: int) -> bool:
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
            == "Z"
        )
    except OSError:
        return True


def mebibytes(size: int) -> str:
    """Write a size."""
    return f"{size / 2**20:,.0f} MiB"
