"""Merge two records: of two branches, or of two runs. Pure: text and records in, a record out.

Dependencies decide which of two figures of branches still holds; the next run measures what neither
has. Two runs began with the same record, so a three-way merge shows what each of them changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from reportgen.common.errors import RecordError
from reportgen.plan.dependencies import METHODS, group_of
from reportgen.record.digests import ADDED, differing
from reportgen.record.metric import Group
from reportgen.record.record import BuildRecord, Figure, Record, loads

T = TypeVar("T")

# By build and group of figures: the digests of what the spec asks for now.
Inputs = Mapping[str, Mapping[Group, Mapping[str, str]]]


def sides(text: str) -> tuple[str, str]:
    """Split a file with git's conflict markers into the two files that were merged.

    The common ancestor that `merge.conflictStyle = diff3` writes between them belongs to neither.
    """
    ours: list[str] = []
    theirs: list[str] = []
    both = (ours, theirs)
    writing: tuple[list[str], ...] = both
    for line in text.splitlines(keepends=True):
        if line.startswith("<<<<<<< "):
            writing = (ours,)
        elif line.startswith("||||||| ") and writing == (ours,):
            writing = ()
        elif line.rstrip("\n") == "=======" and writing != both:
            writing = (theirs,)
        elif line.startswith(">>>>>>> ") and writing != both:
            writing = both
        else:
            for side in writing:
                side.append(line)
    return "".join(ours), "".join(theirs)


def resolve(text: str, now: Inputs, where: str) -> Record:
    """Merge the two sides of a record file with conflict markers; may raise RecordError."""
    ours, theirs = sides(text)
    try:
        return merge(loads(ours, where), loads(theirs, where), now)
    except RecordError as error:
        raise RecordError(
            f"{where}: the two sides of the merge conflict cannot be told apart ({error}). Take "
            f"either: git checkout --ours {where}; then run the spec again."
        ) from None


def merge(ours: Record, theirs: Record, now: Inputs) -> Record:
    """Merge two records build by build and group by group.

    The group of figures with the dependencies of `now` wins; if both have them, ours wins, filled
    up with theirs. Title, columns and order are ours: the spec sets them again.
    """
    builds = {**theirs.builds, **ours.builds}
    for name in ours.builds.keys() & theirs.builds.keys():
        builds[name] = _merge_build(ours.builds[name], theirs.builds[name], now.get(name, {}))
    datasets = {**theirs.datasets, **ours.datasets}
    for name in ours.datasets.keys() & theirs.datasets.keys():
        if theirs.datasets[name].fingerprint and not ours.datasets[name].fingerprint:
            datasets[name] = theirs.datasets[name]
    return replace(
        ours,
        datasets=datasets,
        environments={**theirs.environments, **ours.environments},
        metrics={**theirs.metrics, **ours.metrics},
        builds=builds,
    )


def _merge_build(
    ours: BuildRecord, theirs: BuildRecord, now: Mapping[Group, Mapping[str, str]]
) -> BuildRecord:
    figures: dict[str, Figure] = {}
    both = {**theirs.dependencies, **ours.dependencies}
    dependencies = {group: digests for group, digests in both.items() if group not in METHODS}
    counted, uncounted = ours, theirs
    for group in sorted({group_of(key) for key in (*ours.figures, *theirs.figures)}):
        mine, yours = (build.dependencies.get(group, {}) for build in (ours, theirs))
        wanted = now.get(group, {})
        first, second = ours, theirs
        if _holds(yours, wanted) and not _holds(mine, wanted):
            first, second = theirs, ours
        figures |= _fill(_of(first, group), {} if differing(mine, yours) else _of(second, group))
        if group in first.dependencies:
            dependencies[group] = first.dependencies[group]
        if group == "complexity":
            counted, uncounted = first, second
    return replace(
        counted,
        figures=figures,
        dependencies=dependencies,
        metadata={**uncounted.metadata, **counted.metadata},
        ledger=counted.ledger if counted.ledger is not None else uncounted.ledger,
    )


def _holds(dependencies: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether figures have the dependencies that the spec asks for now."""
    known = {
        name: value for name, value in wanted.items() if name in dependencies or name not in ADDED
    }
    return bool(dependencies) and known.items() <= dependencies.items()


def _of(build: BuildRecord, group: str) -> dict[str, Figure]:
    return {key: figure for key, figure in build.figures.items() if group_of(key) == group}


def _fill(figures: Mapping[str, Figure], others: Mapping[str, Figure]) -> dict[str, Figure]:
    """Add others' figures, also in place of those that are stale or unavailable."""
    both = {
        key: _good_one(None, figures[key], others[key]) for key in figures.keys() & others.keys()
    }
    return {**others, **figures, **both}


def merge_runs(base: Record | None, ours: Record, theirs: Record) -> Record:
    """Merge what another run changed since `base` with what this one changed.

    If both changed the same entry, ours stays, unless theirs is a figure and ours is unavailable.
    """
    if base is None:
        base = replace(ours, datasets={}, environments={}, builds={})
    settled = theirs if (ours.title, ours.report) == (base.title, base.report) else ours
    return replace(
        settled,
        datasets=_each(base.datasets, ours.datasets, theirs.datasets, _ours),
        environments=_each(base.environments, ours.environments, theirs.environments, _ours),
        builds=_each(base.builds, ours.builds, theirs.builds, _merge_runs_build),
    )


def _merge_runs_build(
    base: BuildRecord | None, ours: BuildRecord, theirs: BuildRecord
) -> BuildRecord:
    was = base or replace(ours, figures={}, dependencies={}, metadata={}, ledger=None)
    figures: dict[str, Figure] = {}
    dependencies: dict[str, Mapping[str, str]] = {}
    counted = theirs if ours.ledger == was.ledger else ours
    for group in sorted({group_of(key) for key in (*ours.figures, *theirs.figures)}):
        sides = _of(was, group), _of(ours, group), _of(theirs, group)
        if not differing(*(build.dependencies.get(group, {}) for build in (ours, theirs))):
            chosen = ours
            figures |= _each(*sides, _good_one)
        else:  # figures of other dependencies are never mixed
            chosen = ours if _stands(*sides) else theirs
            figures |= _of(chosen, group)
            counted = chosen if group == "complexity" else counted
        if group in chosen.dependencies:
            dependencies[group] = chosen.dependencies[group]
    return replace(
        ours,
        figures=figures,
        dependencies=dependencies,
        metadata=_each(was.metadata, ours.metadata, theirs.metadata, _ours),
        ledger=counted.ledger,
    )


def _stands(
    base: Mapping[str, Figure], ours: Mapping[str, Figure], theirs: Mapping[str, Figure]
) -> bool:
    """Whether to keep our figures of a group, which has other dependencies than theirs."""
    if ours == base or theirs == base:
        return ours != base
    return any(map(_holds_now, ours.values())) or not any(map(_holds_now, theirs.values()))


def _each(
    base: Mapping[str, T],
    ours: Mapping[str, T],
    theirs: Mapping[str, T],
    both: Callable[[T | None, T, T], T],
) -> dict[str, T]:
    """Merge entry by entry; `both` decides if both sides changed one."""
    merged: dict[str, T] = {}
    for key in {**theirs, **ours}:
        was, mine, other = base.get(key), ours.get(key), theirs.get(key)
        if mine == was:
            chosen = other
        elif other in (was, mine) or other is None:
            chosen = mine
        else:
            chosen = other if mine is None else both(was, mine, other)
        if chosen is not None:
            merged[key] = chosen
    return merged


def _ours(_: T | None, ours: T, __: T) -> T:
    return ours


def _good_one(_: Figure | None, ours: Figure, theirs: Figure) -> Figure:
    """Return the better figure: first available ones, then those that are not stale."""
    return max(ours, theirs, key=lambda figure: (figure.is_good, not figure.stale))


def _holds_now(figure: Figure) -> bool:
    return figure.is_good and not figure.stale
