"""Short digests of what a figure was measured on, that change when and only when it does.

Code is digested by its syntax tree: comments, docstrings and layout do not count, and the digest is
the same under every version of Python.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DIGITS = 12


def digest(value: Any) -> str:
    """Return a short hex digest of a JSON-able value; the order of keys does not count."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def code_digest(path: Path) -> str:
    """Return the digest of a Python file's syntax tree, and of the files beside it that it imports.

    A file that cannot be parsed has the digest of its text. Raises OSError if one cannot be read.
    """
    text = hashlib.sha256()
    for file in _paths(path, set()):
        text.update(parsed(file).text.encode())
    return text.hexdigest()[:DIGITS]


@dataclass(frozen=True, eq=False)
class Parsed:
    """What a file says, whatever its layout, and the names that it imports."""

    text: str
    names: tuple[str, ...] = ()
    tree: ast.Module | None = None


def parsed(path: Path) -> Parsed:
    """Parse a file, again only if it changes. Raises OSError if it cannot be read."""
    status = path.stat()
    return _parse(path, (status.st_mtime_ns, status.st_size))


@functools.cache
def _parse(path: Path, stamp: object) -> Parsed:
    """Read a file; `stamp` changes when it does."""
    content = path.read_bytes()
    try:
        tree = ast.parse(content)  # in the encoding that it declares, whatever ends its lines
    except (SyntaxError, ValueError):
        text = content.decode("utf-8", errors="backslashreplace")
        return Parsed("\n".join(text.replace("\r\n", "\n").split("\r")))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    words: list[str] = []
    _write(tree, words.append)
    return Parsed("".join(words), tuple(sorted(names)), tree)


def _paths(path: Path, visited: set[Path]) -> Iterator[Path]:
    """Yield a file and, each once, the files of its own folder that it imports."""
    if path in visited:
        return
    visited.add(path)
    yield path
    for name in parsed(path).names:
        sibling = path.with_name(f"{name.rpartition('.')[2]}.py")
        if name and sibling.is_file():
            yield from _paths(sibling, visited)


# What newer versions of Python add to the tree, or what says the same twice.
_IGNORED = {"ctx", "kind", "type_comment", "type_ignores", "type_params"}


def _write(node: Any, write: Callable[[str], None]) -> None:
    """Write the parts of a syntax tree that carry meaning."""
    if isinstance(node, ast.AST):
        write(f"({type(node).__name__}")
        for name in node._fields:
            value = getattr(node, name, None)
            if name in _IGNORED or value is None or value == []:
                continue
            if name == "body" and isinstance(value, list) and _is_docstring(value[0]):
                value = value[1:]
            write(f" {name}=")
            _write(value, write)
        write(")")
    elif isinstance(node, list):
        write("[")
        for item in node:
            _write(item, write)
        write("]")
    else:
        write(repr(node))


def _is_docstring(node: Any) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
