"""How the digests in two records compare: what a figure was measured on."""

from __future__ import annotations

from collections.abc import Mapping

_METRIC = "metric "

# Digests that older records do not have. One is compared only where both sides have it.
ADDED = frozenset({"imports", "packages", "baseline imports", "baseline packages"})

# Those of them that a run adds to figures of an old record. The version of a package that these
# figures were measured with is unknown.
ADOPTED = frozenset({"imports", "baseline imports"})


def of_metric(name: str) -> str:
    """Return the name of the digest of a package's metric."""
    return f"{_METRIC}{name}"


def _is_optional(name: str) -> bool:
    """Whether a digest is compared only where both sides have it.

    Older records lack some; that of a package's metric is there while the package is installed.
    """
    return name in ADDED or name.startswith(_METRIC)


def differing(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of the digests that are not the same on both sides, sorted."""
    both = was.keys() & now.keys()
    names = (name for name in {*was, *now} if name in both or not _is_optional(name))
    return sorted(name for name in names if was.get(name) != now.get(name))


def adopt(was: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Add the digests that an old record lacks to those of figures that still hold."""
    return {**{name: now[name] for name in now if name in ADOPTED}, **was}
