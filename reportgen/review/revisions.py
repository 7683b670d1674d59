"""The records that BASE and HEAD mean: a file, a folder, or a revision of a git repository."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from reportgen.common.errors import RecordError, UsageError, did_you_mean
from reportgen.common.git import git
from reportgen.record import record as records
from reportgen.record.record import Record


def both(base: str, head: str, out: Path) -> tuple[dict[str, Record], dict[str, Record]]:
    """Return the records of base and head; if one is a file, only those of its spec."""
    before, after = (records_of(word, out) for word in (base, head))
    if Path(base).is_file() and after.keys() & before.keys():
        after = {name: after[name] for name in before}
    if Path(head).is_file() and after.keys() & before.keys():
        before = {name: before[name] for name in after}
    return before, after


def records_of(word: str, out: Path) -> dict[str, Record]:
    """Return the records of a file, a folder, or else of a revision's folder `out`, by spec.

    Raises UsageError if it is none of these, RecordError for a damaged record.
    """
    path = Path(word)
    if os.path.isdir(path):
        return {found.stem: _read(found) for found in sorted(path.glob("*.json"))}
    if os.path.lexists(path):
        record = _read(path)
        return {record.spec: record}
    return dict(_from_git(word, out))


def _read(path: Path) -> Record:
    record = records.read(path)
    if record is None:  # a link to nothing
        raise UsageError(f"{path}: there is no such file.")
    return record


def _from_git(revision: str, out: Path) -> Iterator[tuple[str, Record]]:
    anchor = next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())
    inner = "" if anchor == out else f"{out.absolute().relative_to(anchor).as_posix()}/"
    commit = _commit(revision, anchor)
    listed = _git(anchor, "ls-tree", "-z", "--name-only", commit, "--", f"./{inner}") or ""
    for name in listed.split("\0"):
        if name.endswith(".json"):
            text = _git(anchor, "cat-file", "blob", f"{commit}:./{name}")
            if text is None:  # another repository's commit, say
                raise RecordError(f"{revision}:{name}: git cannot show this file.")
            yield Path(name).stem, records.loads(text, f"{revision}:{name}")


def _commit(revision: str, anchor: Path) -> str:
    """Resolve a revision; raise UsageError if there is none."""
    absent = f"{revision}: there is no such file or folder, and"
    if shutil.which("git") is None:
        raise UsageError(f"{absent} git is not installed to look for a revision.")
    if _git(anchor, "rev-parse", "--git-dir") is None:
        raise UsageError(f"{absent} {anchor} is not in a git repository.")
    commit = _git(
        anchor, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    )
    if commit is None:
        listed = _git(anchor, "for-each-ref", "--format=%(refname:short)") or ""
        hint = did_you_mean(revision, listed.split(), show=0)
        text = f"{revision}: there is no such file, folder or git revision. {hint}"
        raise UsageError(text.rstrip())
    return commit.strip()


def _git(folder: Path, *words: str) -> str | None:
    """Return what git prints, or None if it fails."""
    done = git(folder, *words)
    return done.stdout.decode("utf-8", errors="surrogateescape") if done.returncode == 0 else None
