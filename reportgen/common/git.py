"""Git, so that nothing which lies in a repository makes it run a program or takes it elsewhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

# What the configuration of a repository could make git run, and repositories that lie among the
# files of another: a folder with a file `config` in it is one to git.
_SETTINGS = (
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "core.pager=cat",
    "protocol.ext.allow=never",
    "safe.bareRepository=explicit",
)


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder; what others may have written stands after `--end-of-options` or `--`.

    Of the commands that compare or show files only those are safe that know of no filters:
    `cat-file`, `ls-tree`.
    """
    settings = (word for setting in _SETTINGS for word in ("-c", setting))
    return subprocess.run(
        ["git", "-C", str(folder), "--no-pager", "--no-optional-locks", *settings, *words],
        env=os.environ | {"GIT_TERMINAL_PROMPT": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
