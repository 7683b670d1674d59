"""Which files and folders this process has looked at, and what they were like.

Whatever reads a file that an answer depends on, or asks whether there is one, says so here first.
So the answer can be given again without asking, as long as nothing of it has changed
(`reportgen.cli.memory`). What is not said here makes that answer wrong: where it cannot be said,
say `unclear`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable

# What tells two states of a file or folder apart. The time of the last change of its entry cannot
# be set by anybody, unlike that of its content. A single number is why it could not be asked.
Stamp = list[int]

# A file written so shortly before it was read might be written again within one tick of its clock.
SETTLED_NS = 2_000_000_000
# Beyond these, to look again costs what was to be saved.
_LIMIT = 20_000

_began_ns = time.time_ns()
_looks: dict[str, Stamp] = {}
_unclear = False


def look(path: str | os.PathLike[str]) -> None:
    """Note that an answer depends on what is, or is not, at `path`; of a folder, on its names."""
    try:
        name = os.path.join(os.getcwd(), path)
    except OSError:  # the working folder is gone
        unclear()
        return
    if len(_looks) > _LIMIT:
        unclear()
    elif name not in _looks:
        _looks[name] = stamp(name)


def unclear() -> None:
    """Note that an answer depends on more than can be looked at again."""
    global _unclear
    _unclear = True


def stamp(path: str) -> Stamp:
    """Return what changes when a file does, or the names in a folder do; nothing is read."""
    try:
        status = os.stat(path)
    except OSError as error:
        return [error.errno or 0]
    except ValueError:  # no path at all
        return [0]
    return [
        status.st_dev,
        status.st_ino,
        status.st_mode,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    ]


def settled() -> dict[str, Stamp] | None:
    """Return what was looked at, the program's own files among it.

    None where the same answer might not hold although all of this stays as it is: something changed
    while the process ran or just before, or is unclear.
    """
    for folder in sys.path:  # which packages there are, and in which versions
        look(folder)
    program = {file: stamp(file) for file in _program()}
    found = {**_looks, **program}
    latest = _began_ns - SETTLED_NS
    if _unclear or any(len(status) == 1 for status in program.values()):
        return None
    if any(max(was[-2:]) > latest or stamp(path) != was for path, was in found.items()):
        return None
    return found


def same(looks: Iterable[tuple[str, Stamp]]) -> bool:
    """Whether all is as it was."""
    return all(stamp(path) == was for path, was in looks)


def _program() -> set[str]:
    """Return the files of the modules that are imported; Python's own go with its version."""
    own, packages = os.path.dirname(os.__file__) + os.sep, f"{os.sep}site-packages{os.sep}"
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return {file for file in files if file and (packages in file or not file.startswith(own))}


def forget() -> None:
    """Begin as a process of its own does. For tests."""
    global _began_ns, _unclear
    _began_ns, _unclear = time.time_ns(), False
    _looks.clear()
