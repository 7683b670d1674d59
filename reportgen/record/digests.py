"""How the digests in two records compare: what a figure was measured on."""

from __future__ import annotations

from collections.abc import Mapping

# Digests that older records lack: compared only if both sides have them.
ADDED = frozenset({"imports", "packages", "baseline imports", "baseline packages"})

# Those of them that a run adds to figures of an old record. The version of a package that these
# figures were measured with is unknown.
ADOPTED = frozenset({"imports", "baseline imports"})


def differing(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of the digests that are not the same on both sides, sorted."""
    names = {*was, *now} - (ADDED - (was.keys() & now.keys()))
    return sorted(name for name in names if was.get(name) != now.get(name))


def adopt(was: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Add the digests that an old record lacks to those of figures that still hold."""
    return {**{name: now[name] for name in now if name in ADOPTED}, **was}
