"""The code of a model: the files that its source file imports, found without importing anything.

Only the user's own files count: not site-packages, the standard library and reportgen. Imports
inside functions, `try` and `if` count, and `importlib.import_module("name")`; those below
`if TYPE_CHECKING` never run and do not count.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.machinery
import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, TypeGuard

from reportgen.common.fingerprint import Parsed, digest, parsed

# Files of one model that are read. A larger tree is cut off there, always at the same place.
MOST_FILES = 500

_INSTALLED = {"site-packages", "dist-packages"}
_NOT_OWN = (Path(os.__file__).resolve().parent, Path(__file__).resolve().parents[1])


@dataclass(frozen=True)
class Import:
    """An import of a file: `from` as many dots as `level`, then `module`, import `names`."""

    module: str
    names: tuple[str, ...] = ()
    level: int = 0


@dataclass(frozen=True)
class Found:
    """A module or a package: its source file, if any, and where a package's modules are."""

    file: Path | None
    places: tuple[str, ...] | None


def imports_digest(module: str | Path, search_path: Sequence[str]) -> str:
    """Return the digest of a module or file, and of the user's own files that it imports.

    Order and location do not count. Raises OSError if a file cannot be read.
    """
    texts = {
        hashlib.sha256(parsed(file).text.encode()).hexdigest()
        for file in own_files(module, search_path)
    }
    return digest(sorted(texts))


def own_files(module: str | Path, search_path: Sequence[str]) -> list[Path]:
    """Return the file of a module, and the user's own files that it imports, directly or not.

    For a module in site-packages, return only its file.
    """
    return _SourceFiles(search_path).of(module)


def lost_import(module: str | Path, search_path: Sequence[str]) -> str:
    """Name a top-level import of a model's files that finds nothing, or return an empty text."""
    files = _SourceFiles(search_path)
    own = sorted(files.of(module))
    if any(word in parsed(file).text for file in own for word in _CHANGES_PATH):
        return ""  # only running it can tell
    for file in own:
        for wanted in _certain_imports(parsed(file)):
            if name := files.lost(wanted, file.parent):
                return f"{file.name} imports {name}, which is not there"
    return ""


def find_module(name: str, search_path: Sequence[str]) -> Path | None:
    """Return the file of a module, without importing it or its packages."""
    found = _SourceFiles(search_path).find(name)
    return found.file if found else None


def is_found(name: str, search_path: Sequence[str]) -> bool:
    """Whether there is a module of that name, be it one of the standard library."""
    return _SourceFiles(search_path).is_found(name)


# How a syntax tree says `sys.path`, and what else may add to it.
_CHANGES_PATH = ("id='sys') attr='path'", "module='sys'", "addsitedir")


class _SourceFiles:
    """Finds modules on one search path, each once."""

    def __init__(self, search_path: Sequence[str]) -> None:
        # Python remembers the finder of a folder by its name, wherever a relative one is by now.
        self._search_path = [os.path.abspath(place) for place in search_path]
        self._found: dict[tuple[tuple[str, ...], str], Found | None] = {}

    def of(self, module: str | Path) -> list[Path]:
        """Return the files of a model, its own first."""
        first = self._first(module)
        if not first or not is_own(first[-1]):
            return first[-1:]
        files: dict[Path, None] = {}
        waiting = deque(first)
        while waiting and len(files) < MOST_FILES:
            file = waiting.popleft()
            if file not in files:
                files[file] = None
                waiting += (path for path in self._imported(file) if path not in files)
        return list(files)

    def _first(self, module: str | Path) -> list[Path]:
        if isinstance(module, Path):
            return [module.resolve()]
        chain = self._chain(module)
        if not chain or chain[-1] is None or chain[-1].file is None:
            return []
        return [found.file for found in chain if found and found.file]

    def _imported(self, file: Path) -> Iterator[Path]:
        for wanted in imports(parsed(file)):
            for found in self._modules(wanted, file.parent):
                if found.file and _is_followed(found.file):
                    yield found.file

    def _modules(self, wanted: Import, folder: Path) -> Iterator[Found]:
        """Yield the packages on the way to what is imported, it, and its modules by name."""
        chain = [found for found in self._resolve(wanted, folder) if found]
        yield from chain
        last = chain[-1] if chain else None
        if last and last.places and not _is_foreign(chain[0]):
            for name in wanted.names:
                if found := self._step(last.places, name):
                    yield found

    def lost(self, wanted: Import, folder: Path) -> str:
        """Return the name of what an import does not find; empty if it finds all."""
        chain = self._resolve(wanted, folder)
        if not wanted.level and _is_shipped_with_python(wanted.module):
            return ""
        if chain[-1] is None:
            return wanted.module
        last = chain[-1]
        if last.places is None or _is_foreign(chain[0]):
            return ""
        lost = next((name for name in wanted.names if not self._has(last, name)), "")
        return ".".join(filter(None, (wanted.module, lost))) if lost else ""

    def _has(self, package: Found, name: str) -> bool:
        """Whether a package has a module of that name, or its file may give that name a meaning."""
        if self._step(package.places or (), name):
            return True
        if package.file is None:
            return False
        text = parsed(package.file).text
        return any(word in text for word in (f"'{name}'", "name='*'", "__getattr__"))

    def _resolve(self, wanted: Import, folder: Path) -> list[Found | None]:
        if not wanted.level:
            return self._chain(wanted.module, folder)
        base = folder.joinpath(*[".."] * (wanted.level - 1)).resolve()
        init = base / "__init__.py"
        package = Found(init if init.is_file() else None, (str(base),))
        return [package, *self._walk(package.places, wanted.module)]

    def find(self, name: str) -> Found | None:
        chain = self._chain(name)
        return chain[-1] if chain else None

    def is_found(self, name: str) -> bool:
        return _is_shipped_with_python(name) or self.find(name) is not None

    def _chain(self, name: str, folder: Path | None = None) -> list[Found | None]:
        """Return the packages on the way to a module and it; None in the end if it is not there.

        What is on no path is looked for beside the file that imports it, too.
        """
        top, _, rest = name.partition(".")
        found = self._top(top) or (self._step((str(folder),), top) if folder else None)
        return [found, *self._walk(found.places, rest)] if found else [None]

    def _walk(self, places: tuple[str, ...] | None, name: str) -> Iterator[Found | None]:
        for part in filter(None, name.split(".")):
            found = self._step(places, part) if places is not None else None
            yield found
            if found is None:
                return
            places = found.places

    def _top(self, name: str) -> Found | None:
        """Find a module on the search path, or one that an editable install knows of."""
        key = ((), name)
        if key not in self._found:
            found = importlib.machinery.PathFinder.find_spec(name, self._search_path)
            if found is None and not _is_shipped_with_python(name):
                found = next(filter(None, (_ask(finder, name) for finder in sys.meta_path)), None)
            self._found[key] = _as_found(found)
        return self._found[key]

    def _step(self, places: tuple[str, ...], name: str) -> Found | None:
        key = (places, name)
        if key not in self._found:
            self._found[key] = _as_found(
                importlib.machinery.PathFinder.find_spec(name, list(places))
            )
        return self._found[key]


def _as_found(spec: ModuleSpec | None) -> Found | None:
    if spec is None:
        return None
    has_file = spec.origin is not None and spec.has_location
    places = spec.submodule_search_locations
    return Found(
        Path(spec.origin or "").resolve() if has_file else None,
        tuple(places) if places is not None else None,
    )


def _ask(finder: Any, name: str) -> ModuleSpec | None:
    try:
        found: ModuleSpec | None = finder.find_spec(name, None)
    except Exception:  # it is somebody's
        return None
    return found


def _is_shipped_with_python(name: str) -> bool:
    first = name.partition(".")[0]
    return first in sys.stdlib_module_names or first in sys.builtin_module_names


def _is_foreign(found: Found | None) -> bool:
    return bool(found and found.file and not is_own(found.file))


def _is_followed(file: Path) -> bool:
    """Whether a file is the user's own source; what lies in a zip file or is compiled is not."""
    return file.suffix == ".py" and is_own(file) and file.is_file()


@functools.cache
def is_own(file: Path) -> bool:
    """Whether a file is the user's: not installed, and neither Python's nor reportgen's."""
    return _INSTALLED.isdisjoint(file.parts) and not any(
        folder in file.parents for folder in _NOT_OWN
    )


@functools.cache
def imports(file: Parsed) -> tuple[Import, ...]:
    """Return what a file imports, wherever in it."""
    if file.tree is None:
        return ()
    return tuple(dict.fromkeys(found for node in _nodes(file.tree) for found in _import(node)))


def _nodes(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what may import something in the parts of a syntax tree that may run."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _MAY_IMPORT):
            yield node
        waiting += node.orelse if _is_for_types(node) else ast.iter_child_nodes(node)


_MAY_IMPORT = (ast.Import, ast.ImportFrom, ast.Call)


def _is_for_types(node: ast.AST) -> TypeGuard[ast.If]:
    """Whether this is `if TYPE_CHECKING:`."""
    if not isinstance(node, ast.If):
        return False
    test = node.test
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _import(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        names = tuple(alias.name for alias in node.names if alias.name != "*")
        yield Import(node.module or "", names, node.level)
    elif isinstance(node, ast.Call) and (name := _imported_by_call(node)):
        module = name.lstrip(".")
        yield Import(module, level=len(name) - len(module))


def _imported_by_call(node: ast.Call) -> str:
    """Return the name in `importlib.import_module("name")`; empty for another call."""
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name not in ("import_module", "__import__") or not node.args:
        return ""
    first = node.args[0]
    value = first.value if isinstance(first, ast.Constant) else None
    return value if isinstance(value, str) else ""


_MAY_CHANGE_IT = (ast.If, ast.Try, ast.With, ast.For, ast.While)


def _certain_imports(file: Parsed) -> Iterator[Import]:
    for node in file.tree.body if file.tree else ():
        if isinstance(node, _MAY_CHANGE_IT) and not _is_for_types(node):
            return  # which may be what makes an import work, or do without it
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from _import(node)
