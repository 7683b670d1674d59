"""The summary that GitHub Actions shows under a job."""

from __future__ import annotations

import os
from pathlib import Path

# GitHub drops longer summaries completely.
LIMIT = 1024 * 1024
_CUT = "\n\n*Cut here: the rest is longer than a summary may be.*\n"


def append(text: str) -> None:
    """Add a text to the summary of the step that this runs in; elsewhere do nothing."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    path = Path(name)
    left = LIMIT - (path.stat().st_size if path.exists() else 0)
    content = f"{text}\n".encode()
    if len(content) > left:
        kept = content[: max(0, left - len(_CUT.encode()))].decode(errors="ignore")
        # Cut between lines: half a table row would be shown as text.
        content = (kept.rpartition("\n")[0] + _CUT).encode()[: max(0, left)]
    with path.open("ab") as file:
        file.write(content)
