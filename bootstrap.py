#!/usr/bin/env python3
"""Set reportgen up in `.venv` and run it: nothing but Python 3.10 or newer is needed.

    python3 bootstrap.py          measure specs/digits.yaml anew, and write the report to demo/
    python3 bootstrap.py test     run the tests, long ones too (further words go to pytest)
    python3 bootstrap.py lint     check formatting, style, types and layers

Standard library only. Works from any state of the folder: a broken or outdated `.venv` is made
anew, and one that is complete is used as it is, offline too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "reportgen.stamp"
OLDEST = (3, 10)


def main(words: Sequence[str]) -> int:
    """Set up, then do what was asked; return its exit code."""
    if sys.version_info < OLDEST:
        sys.exit(f"reportgen needs Python {'.'.join(map(str, OLDEST))} or newer, not {version()}")
    task, *rest = words or ["demo"]
    if task not in TASKS:
        sys.exit(f"bootstrap.py: no task '{task}'. There are: {', '.join(TASKS)}.")
    extras, commands = TASKS[task]
    python = set_up(extras)
    for command in commands:
        # Whatever the user's shell sets for Python belongs to another installation.
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
        last = command is commands[-1]
        line = [str(python), *command, *(rest if last else [])]
        say(" ".join(["python", *line[1:]]))
        code = subprocess.run(line, cwd=ROOT, env=environment, check=False).returncode
        if code:
            return code
    return 0


def set_up(extras: str) -> Path:
    """Make `.venv` complete; return its Python. Installs only when something is missing."""
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = fingerprint()
    done = STAMP.read_text(encoding="utf-8").split() if STAMP.is_file() else []
    if wanted in done and {extras, "dev"} & set(done) and works(python):
        return python
    if not works(python):
        say(f"making a virtual environment in {VENV.name} (Python {version()})")
        make_venv(python)
    say("installing reportgen and what it needs (the first time about 5 GB: PyTorch with CUDA)")
    STAMP.unlink(missing_ok=True)
    target = f".[{extras}]" if extras != "run" else "."
    install = ["-m", "pip", "install", "--disable-pip-version-check", "--editable", target]
    code = subprocess.run([str(python), *install], cwd=ROOT, check=False).returncode
    if code:
        sys.exit("bootstrap.py: the packages could not be installed; pip says why above.")
    STAMP.write_text(f"{wanted} {extras}\n", encoding="utf-8")
    return python


def make_venv(python: Path) -> None:
    """Make `.venv` from nothing, with pip in it."""
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    shutil.rmtree(VENV, ignore_errors=True)
    try:
        venv.create(VENV, with_pip=True)
        return
    except (subprocess.CalledProcessError, OSError, SystemExit):
        shutil.rmtree(VENV, ignore_errors=True)
    # Debian ships Python without what fills a virtual environment; pip can do without it.
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "pip"]
    try:
        venv.create(VENV, with_pip=False)
        subprocess.run(pip, check=True)
    except (subprocess.CalledProcessError, OSError):
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit(
            "bootstrap.py: this Python cannot make virtual environments. "
            "On Debian and Ubuntu: apt install python3-venv"
        )


def works(python: Path) -> bool:
    """Whether an interpreter is there, is this version of Python, and has pip."""
    probe = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        found = subprocess.run(
            [str(python), "-c", probe], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return found.stdout.strip() == version()


def fingerprint() -> str:
    """Identify what must be installed: the project's settings, and where the folder lies."""
    settings = (ROOT / "pyproject.toml").read_bytes()
    return hashlib.sha256(settings + str(ROOT).encode()).hexdigest()[:16]


def version() -> str:
    """Return this Python's version, without the patch level."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def say(text: str) -> None:
    """Tell on stderr what begins now."""
    sys.stderr.write(f"==> {text}\n")
    sys.stderr.flush()


DEMO = ["-m", "reportgen", "specs/digits.yaml", "--out", "demo", "--remeasure", "all"]
TESTS = ["-m", "pytest"]
# import-linter has no module that `-m` could run.
LAYERS = "import sys, importlinter.cli; sys.exit(importlinter.cli.lint_imports_command())"
TASKS: dict[str, tuple[str, list[list[str]]]] = {
    "demo": ("run", [[*DEMO, "--offline"]]),
    "test": ("dev", [TESTS]),
    "lint": (
        "dev",
        [
            ["-m", "ruff", "format", "--check"],
            ["-m", "ruff", "check"],
            ["-m", "mypy"],
            ["-c", LAYERS],
        ],
    ),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
