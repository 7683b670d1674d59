"""Which figures of a record still hold, and which must be measured. Imports nothing that measures.

A figure is kept while the digests of its dependencies are unchanged. If code, data or weights
cannot be read, it is kept too, and is in `State.unknown`. Stale figures stay in the record until
new ones replace them, so that an interrupted run loses nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reportgen.data.search import Search
from reportgen.plan.dependencies import METHODS
from reportgen.plan.plan import Build, Plan
from reportgen.plan.probe import Probe, ReadData
from reportgen.plan.selection import Selection
from reportgen.record.digests import adopt, differing
from reportgen.record.metric import Group
from reportgen.record.metrics import is_known, parse_key
from reportgen.record.portable import portable_text
from reportgen.record.record import BuildRecord, DatasetRecord, Figure, MetricRecord, Record

# How a change of each input is called.
CHANGES = {
    "model": "the model's part of the spec",
    "code": "the model's code",
    "imports": "the model's code",
    "packages": "the version of its package",
    "settings": "the settings of the measurement",
    "method": "how reportgen measures it",
    "baseline": "the baseline",
    "baseline imports": "the baseline",
    "baseline packages": "the baseline",
    "weights": "the weights",
    "file": "the weights' file",
    "normalization": "the normalisation of images",
    "data": "the data set's content",
}


@dataclass(frozen=True)
class Due:
    """Figures of one build and group that are due, and why; `changed` names dependencies."""

    build: Build
    group: Group
    keys: tuple[str, ...]
    dependencies: Mapping[str, str]
    why: str
    changed: str = ""


@dataclass(frozen=True)
class Unchecked:
    """Figures of which nobody knows whether they still hold: what they depend on is unreadable."""

    build: str
    group: Group
    keys: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class State:
    """Where a run starts: the record with all that still holds, and what is due."""

    record: Record
    due: tuple[Due, ...]
    unknown: tuple[Unchecked, ...] = ()


def compare(
    plan: Plan,
    old: Record | None,
    search: Search,
    selection: Selection,
    *,
    read: ReadData | None = None,
) -> State:
    """Compare an old record with a plan.

    `read` reads data that was never read, to identify it; without it, data is not compared. Rows
    outside the selection stay as they are.
    """
    record = plan.empty_record()
    before = old.builds if old else {}
    chosen = [build for build in plan.builds.values() if selection.includes(build)]
    renamed = _renamed(plan, chosen, before)
    builds: dict[str, BuildRecord] = {}
    due: list[Due] = []
    unknown: list[Unchecked] = []
    probe = Probe(plan, search, read=read)
    for build in chosen:
        previous = before.get(renamed.get(build.id, build.id))
        fresh = record.builds[build.id]
        fresh = replace(fresh, source=portable_text(fresh.source, plan.spec_dir))
        compared = _compare_build(build, fresh, previous, probe, selection)
        builds[build.id] = compared.kept
        due += compared.due
        unknown += compared.unknown
    datasets = {
        name: _as_read(entry, old.datasets[name]) if old and name in old.datasets else entry
        for name, entry in record.datasets.items()
    }
    if selection.only and old:
        taken = {*builds, *renamed.values()}
        builds |= {name: row for name, row in before.items() if name not in taken}
        used = {row.dataset for row in builds.values()}
        datasets |= {n: data for n, data in old.datasets.items() if n in used - datasets.keys()}
    record = replace(
        record,
        builds=builds,
        datasets=datasets,
        metrics=_declared(record, old, builds),
        environments=used_environments(builds, old.environments if old else {}),
    )
    return State(record, tuple(due), tuple(unknown))


def _declared(
    record: Record, old: Record | None, builds: Mapping[str, BuildRecord]
) -> dict[str, MetricRecord]:
    """Return what is known of the metrics of packages, as far as there are figures of them."""
    before = old.metrics if old else {}
    used = {parse_key(key).name for build in builds.values() for key in build.figures}
    return {name: entry for name, entry in before.items() if name in used} | dict(record.metrics)


def failures(record: Record) -> Iterator[tuple[str, str, Figure]]:
    """Yield build, key and figure of what was asked for and could not be measured."""
    for name, build in record.builds.items():
        for key, figure in build.figures.items():
            if figure.provenance == "unavailable" and figure.cause != "undeclared":
                yield name, key, figure


def stale_figures(record: Record) -> Iterator[tuple[str, str, Figure]]:
    """Yield build, key and figure of what was kept because measuring it again failed."""
    for name, build in record.builds.items():
        for key, figure in build.figures.items():
            if figure.stale:
                yield name, key, figure


def by_reason(unknown: Iterable[Unchecked]) -> Counter[str]:
    """Count figures of which nobody knows whether they hold, by the reason."""
    counts: Counter[str] = Counter()
    for entry in unknown:
        counts[entry.reason] += len(entry.keys)
    return counts


def _as_read(entry: DatasetRecord, before: DatasetRecord) -> DatasetRecord:
    """Return what the plan says of a data set, with what was found when it was read last."""
    return replace(
        entry, fingerprint=before.fingerprint, read=before.read, left_out=before.left_out
    )


def _renamed(
    plan: Plan, chosen: Sequence[Build], before: Mapping[str, BuildRecord]
) -> dict[str, str]:
    """Map builds that the old record lacks to those it had under another name, measured alike."""
    gone = {
        name: build
        for name, build in before.items()
        if name not in plan.builds and "complexity" in build.dependencies
    }
    found: dict[str, str] = {}
    for build in chosen:
        if build.id in before:
            continue
        for name, previous in gone.items():
            if (
                previous.dataset == build.data.name
                and _alike(
                    previous.dependencies["complexity"], build.dependencies.get("complexity", {})
                )
                and name not in found.values()
            ):
                found[build.id] = name
                break
    return found


def _alike(was: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether two builds have the same dependencies, as far as those can be read now."""
    unread = (
        {} if "code" in now else {"code": was.get("code", ""), "imports": was.get("imports", "")}
    )
    return bool(now) and not differing(was, {**unread, **now})


@dataclass
class _Compared:
    """One build of the old record held against the plan."""

    kept: BuildRecord
    due: list[Due]
    unknown: list[Unchecked]


def _compare_build(
    build: Build,
    fresh: BuildRecord,
    previous: BuildRecord | None,
    probe: Probe,
    selection: Selection,
) -> _Compared:
    figures: dict[str, Figure] = {}
    dependencies: dict[str, Mapping[str, str]] = {}
    due: list[Due] = []
    unknown: list[Unchecked] = []
    for group, keys in build.wanted.items():
        if group == "accuracy" and (reason := build.no_accuracy):
            figures |= dict.fromkeys(keys, Figure("unavailable", cause="undeclared", reason=reason))
            continue
        was = previous.dependencies.get(group, {}) if previous else {}
        now, unread = probe.dependencies(build, group, was)
        has = {key: previous.figures[key] for key in keys if previous and key in previous.figures}
        if has:
            figures |= has
            dependencies[group] = was
        changed = _changed(was, now) if has else ""
        if has and not changed:
            dependencies[group] = adopt(was, now)
        stale = tuple(
            key
            for key in keys
            if changed
            or key not in has
            or has[key].stale
            or selection.covers(build, group, has[key])
            or (has[key].cause == "missing" and probe.has_all(build))
        )
        if stale:
            due.append(Due(build, group, stale, now, _why(has, changed, stale), changed))
        good = tuple(key for key in has if has[key].is_good and key not in stale)
        if unread and good:
            unknown.append(Unchecked(build.id, group, good, next(iter(unread.values()))))
    if previous:
        foreign = {k: figure for k, figure in previous.figures.items() if not is_known(k)}
        figures |= foreign
        for key in foreign.keys() & probe.plan.named:
            reason = f"the metric '{parse_key(key).name}' is not installed"
            unknown.append(Unchecked(build.id, "other", (key,), reason))
        dependencies |= {
            group: was for group, was in previous.dependencies.items() if group not in METHODS
        }
    kept = replace(
        fresh,
        figures=figures,
        dependencies=dependencies,
        metadata=previous.metadata if previous else {},
        ledger=previous.ledger if previous else None,
    )
    return _Compared(kept, due, unknown)


def _changed(was: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Say which dependencies are not what they were."""
    said = " and ".join(dict.fromkeys(_change(name) for name in differing(was, now)))
    return f"{said} changed" if said else ""


def _change(name: str) -> str:
    return CHANGES.get(name) or f"the package of the {name}"


def _why(has: Mapping[str, Figure], changed: str, due: tuple[str, ...]) -> str:
    if not has:
        return "not measured yet"
    failed = next((has[key].stale for key in due if key in has and has[key].stale), "")
    if failed.startswith(changed):  # and what came of it, or of nothing else
        return failed or changed or _why_again(has, due)
    return changed


def _why_again(has: Mapping[str, Figure], due: tuple[str, ...]) -> str:
    missing = [key for key in due if key not in has]
    return f"{', '.join(missing)} not measured yet" if missing else "asked for again"


def used_environments(
    builds: Mapping[str, BuildRecord], environments: Mapping[str, Mapping[str, str]]
) -> dict[str, Mapping[str, str]]:
    """Return the environments that a figure names."""
    used = {figure.environment for build in builds.values() for figure in build.figures.values()}
    return {name: entry for name, entry in environments.items() if name in used}
