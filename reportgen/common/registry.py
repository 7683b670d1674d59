"""What users extend: entries by name, of reportgen's own and of installed packages.

A package adds entries through an entry point group of its metadata; the name of the entry point is
the name of the entry. Nothing of a package is imported before one of its entries is asked for.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from reportgen.common.errors import UsageError, did_you_mean

if TYPE_CHECKING:  # it takes as long to import as all that `--help` needs
    from importlib.metadata import EntryPoint

E = TypeVar("E")

# Names to take for those of packages that are not installed now (see `known_before`).
_KNOWN_BEFORE: ContextVar[frozenset[str]] = ContextVar("known_before", default=frozenset())


class UnknownNameError(UsageError, KeyError):
    """No entry has this name; `hint` says which one may be meant."""

    def __init__(self, kind: str, name: str, hint: str) -> None:
        super().__init__(name)
        self.kind = kind
        self.name = name
        self.hint = hint

    def __str__(self) -> str:
        return f"unknown {self.kind} '{self.name}'"


class PluginError(UsageError):
    """An installed package declares an entry that cannot be used."""


class Registry(Mapping[str, E]):
    """The entries of one kind: those that ship with reportgen, and those of installed packages.

    `kind` is what messages call an entry ("metric"), `topic` what `reportgen list` calls all of
    them ("metrics"), `group` the group of entry points, and `of` the class of an entry.
    `complaint` says of a package's entry why it cannot be used; empty where it can.
    """

    def __init__(
        self,
        kind: str,
        topic: str,
        group: str,
        of: type[E],
        shipped: Mapping[str, E | str],
        complaint: Callable[[str, E], str] = lambda name, entry: "",
    ) -> None:
        self.kind = kind
        self.topic = topic
        self.group = group
        self._of = of
        self._complaint = complaint
        self._shipped = dict(shipped)
        self._loaded: dict[str, E] = {}

    def __contains__(self, name: object) -> bool:
        """Whether there is an entry of this name; imports nothing."""
        return name in self._shipped or name in self._declared()

    def __iter__(self) -> Iterator[str]:
        """Yield the names of all entries: reportgen's own first, then those of packages, sorted."""
        yield from self._shipped
        yield from sorted(self._declared())

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._shipped) + len(self._declared())

    def __getitem__(self, name: str) -> E:
        """Return an entry.

        Raises UnknownNameError, and PluginError where a package's entry cannot be loaded, is none,
        or has the name of another.
        """
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def shipped(self) -> Mapping[str, E]:
        """Return reportgen's own entries, by name."""
        return {name: self[name] for name in self._shipped}

    def package(self, name: str) -> tuple[str, str]:
        """Return name and version of the package that declares an entry; empty for our own."""
        points = () if name in self._shipped else self._declared().get(name, ())
        return next(((_owner(point), _version(point)) for point in points), ("", ""))

    def module(self, name: str) -> str:
        """Return the module in which a package's entry is; empty for our own."""
        points = () if name in self._shipped else self._declared().get(name, ())
        return next((point.module for point in points), "")

    def _declared(self) -> Mapping[str, tuple[EntryPoint, ...]]:
        """Return what packages declare; raise PluginError for a name that is taken."""
        declared = _declared(self.group)
        for name in declared.keys() & self._shipped.keys():
            raise PluginError(
                f"the package {_owner(declared[name][0])} declares the {self.kind} '{name}', which "
                "reportgen has itself. Uninstall it, or rename its entry."
            )
        return declared

    def _load(self, name: str) -> E:
        if name in self._shipped:
            entry: E = imported(self._shipped[name])
            return entry
        points = self._declared().get(name, ())
        if len(points) > 1:
            first, second = (_owner(point) for point in points[:2])
            raise PluginError(
                f"the packages {first} and {second} both declare the {self.kind} '{name}'. "
                "Uninstall one of them."
            )
        if points:
            return self._checked(name, points[0])
        hint = f"{did_you_mean(name, self)} `reportgen list {self.topic}` lists all."
        raise UnknownNameError(self.kind, name, hint.strip())

    def _checked(self, name: str, point: EntryPoint) -> E:
        """Load the entry of a package."""
        what = f"the {self.kind} '{name}' of the package {_owner(point)}"
        try:
            entry = point.load()
        except Exception as error:  # of the package's own code
            said = f"{type(error).__name__}: {error}"
            raise PluginError(f"{what} cannot be loaded: {said}. Update or uninstall it.") from None
        if not isinstance(entry, self._of):
            raise PluginError(
                f"{what} is a {type(entry).__name__} and not a {self._of.__name__}. "
                f"Its entry point must name a {self._of.__name__}: {point.value}."
            )
        if why := self._complaint(name, entry):
            raise PluginError(f"{what} cannot be used: {why}")
        return entry


@contextmanager
def known_before(names: Iterable[str]) -> Iterator[None]:
    """Let `was_known` say yes to these names in the body.

    A record holds figures of them, so they are no misspellings, though no package has them now.
    """
    token = _KNOWN_BEFORE.set(frozenset(names))
    try:
        yield
    finally:
        _KNOWN_BEFORE.reset(token)


def was_known(name: str) -> bool:
    """Whether a name is that of an entry which was there before."""
    return name in _KNOWN_BEFORE.get()


def imported(target: Any) -> Any:
    """Import what `module:attribute` names; return anything else as it is."""
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


@functools.cache
def _declared(group: str) -> Mapping[str, tuple[EntryPoint, ...]]:
    """Return the entry points of a group, by name."""
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    points = {(point.name, point.value): point for point in entry_points(group=group)}
    for _, point in sorted(points.items()):  # one that is found twice on the path is one
        found.setdefault(point.name, []).append(point)
    return {name: tuple(points) for name, points in found.items()}


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module


def _version(point: EntryPoint) -> str:
    return point.dist.version if point.dist else ""
