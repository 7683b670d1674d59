"""What a command said of files that were in order, said again while none of them has changed.

Kept in the cache, one file for each command line. It holds what was printed and the stamp of
everything that was looked at on the way there (`reportgen.seen`): the program's own files and those
of the packages it needs, specs, records, documents, templates, code, weights and data, and what was
looked for and not there. Only an answer with the exit code 0 and without a word on stderr is kept,
of a command that wrote nothing. Whatever else there may be, the command runs.

The variable REPORTGEN_NO_MEMORY switches it off. Imports nothing that reads a spec.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO, cast

from reportgen import cache, seen

OFF = "REPORTGEN_NO_MEMORY"
FOLDER = "answers"


def answer(words: Sequence[str]) -> int:
    """Say again what the command line `words` said, or run it; return its exit code."""
    # A summary of the job is written besides, on every run.
    off = os.environ.get(OFF) or os.environ.get("GITHUB_STEP_SUMMARY")
    key = None if off else _key(words)
    if key and (said := _recall(key)) is not None:
        sys.stdout.write(said)
        return 0
    from reportgen.cli.commands import execute

    out, err = _Heard(sys.stdout), _Heard(sys.stderr)
    with (
        contextlib.redirect_stdout(cast("TextIO", out)),
        contextlib.redirect_stderr(cast("TextIO", err)),
    ):
        code, only_looked = execute(words)
    if key and code == 0 and only_looked and not err.text:
        _keep(key, "".join(out.text))
    return code


class _Heard:
    """A stream that remembers what is written to it, and passes it on."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.text: list[str] = []

    def write(self, text: str) -> int:
        """Pass on a text."""
        self.text.append(text)
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _key(words: Sequence[str]) -> str | None:
    """Name all that an answer depends on besides files: who asks, what, where, of which Python."""
    try:
        about = [
            list(words),
            os.getcwd(),
            sorted(item for item in os.environ.items() if item[0].startswith("REPORTGEN_")),
            str(cache.root()),
            [sys.version, sys.prefix, list(sys.flags), sys.path],
            [os.uname().nodename, os.getuid()] if hasattr(os, "getuid") else [],
        ]
    except (OSError, RuntimeError):  # this folder is gone, or there is no home
        return None
    return hashlib.sha256(json.dumps(about, default=str).encode()).hexdigest()


def _recall(key: str) -> str | None:
    try:
        kept = json.loads((cache.root() / FOLDER / key).read_bytes())
        return str(kept["said"]) if seen.same(kept["seen"].items()) else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _keep(key: str, said: str) -> None:
    from reportgen.errors import UsageError

    looked = seen.settled()
    if looked is None:
        return
    text = json.dumps({"said": said, "seen": looked})
    with (
        contextlib.suppress(OSError, UsageError),  # where nothing can be kept
        cache.whole(cache.folder(FOLDER) / key) as path,
    ):
        path.write_text(text, encoding="utf-8")
