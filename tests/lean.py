"""What a command imports, seen in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Set as AbstractSet

HEAVY = frozenset({"torch", "numpy", "deepspeed", "sklearn", "matplotlib", "rich"})
_PROGRAM = """\
import sys
from reportgen.cli import main
heavy, *words = sys.argv[1:]
code = main(words)
found = sorted(set(heavy.split()) & set(sys.modules))
sys.exit(f"imported {found}" if found else code)
"""


def run_without(modules: AbstractSet[str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command line; it fails where it imports one of the modules."""
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, " ".join(sorted(modules)), *words],
        capture_output=True,
        text=True,
        check=False,
    )
