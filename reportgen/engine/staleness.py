"""What of an old record still holds, and what must be measured. Imports nothing that measures.

A figure is kept while the digests of what it was measured on are those of now. What cannot be told
now (data that is not here) is no reason to throw a figure away. Stale figures stay in the record
until new ones take their place, so that an interrupted run loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from reportgen.builds.checkpoints import is_here as weights_are_here
from reportgen.builds.checkpoints import weights_digest
from reportgen.data.known import fingerprint_if_known, is_here
from reportgen.data.source import DataSource, Search
from reportgen.engine.selection import Selection
from reportgen.errors import MeasureError
from reportgen.inputs import Group
from reportgen.plan import Build, Plan
from reportgen.record import BuildRecord, Figure, Record

T = TypeVar("T")

# How a change of each input is called.
CHANGES = {
    "model": "the model's part of the spec",
    "code": "the model's code",
    "settings": "the settings of the measurement",
    "method": "how reportgen measures it",
    "baseline": "the baseline",
    "weights": "the weights",
    "normalization": "the normalisation of images",
    "data": "the data set's content",
}


@dataclass(frozen=True)
class Due:
    """Figures of one build and group that are to be measured, and why."""

    build: Build
    group: Group
    keys: tuple[str, ...]
    inputs: Mapping[str, str]
    why: str


@dataclass(frozen=True)
class State:
    """Where a run starts: the record with all that still holds, and what is due."""

    record: Record
    due: tuple[Due, ...]


def compare(
    plan: Plan,
    old: Record | None,
    search: Search,
    selection: Selection,
    *,
    read_data: bool = True,
) -> State:
    """Hold an old record against a plan.

    Data that lies here and was never read is read, once, to know whether it is what figures were
    measured on; without `read_data` it is taken to be. Rows that the selection leaves out stay as
    they are, or are not there.
    """
    record = plan.empty_record()
    before = old.builds if old else {}
    chosen = [build for build in plan.builds.values() if selection.includes(build)]
    renamed = _renamed(plan, chosen, before)
    builds: dict[str, BuildRecord] = {}
    due: list[Due] = []
    probe = _Probe(search, read_data=read_data)
    for build in chosen:
        previous = before.get(renamed.get(build.id, build.id))
        fresh = record.builds[build.id]
        builds[build.id], wanted = _compare_build(build, fresh, previous, probe, selection)
        due.extend(wanted)
    datasets = {
        name: replace(entry, fingerprint=old.datasets[name].fingerprint)
        if old and name in old.datasets
        else entry
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
        environments=_used_environments(builds, old.environments if old else {}),
    )
    return State(record, tuple(due))


def failures(record: Record) -> Iterator[tuple[str, str, Figure]]:
    """Yield build, key and figure of what was asked for and could not be measured."""
    for name, build in record.builds.items():
        for key, figure in build.figures.items():
            if figure.provenance == "unavailable" and figure.cause != "undeclared":
                yield name, key, figure


def _renamed(
    plan: Plan, chosen: Sequence[Build], before: Mapping[str, BuildRecord]
) -> dict[str, str]:
    """Map builds that the old record lacks to those it had under another name, measured alike."""
    gone = {
        name: build
        for name, build in before.items()
        if name not in plan.builds and "complexity" in build.inputs
    }
    found: dict[str, str] = {}
    for build in chosen:
        if build.id in before:
            continue
        for name, previous in gone.items():
            if (
                previous.dataset == build.data.name
                and previous.inputs["complexity"] == build.inputs.get("complexity")
                and name not in found.values()
            ):
                found[build.id] = name
                break
    return found


def _compare_build(
    build: Build,
    fresh: BuildRecord,
    previous: BuildRecord | None,
    probe: _Probe,
    selection: Selection,
) -> tuple[BuildRecord, list[Due]]:
    figures: dict[str, Figure] = {}
    inputs: dict[str, Mapping[str, str]] = {}
    due: list[Due] = []
    for group, keys in build.wanted.items():
        if group == "accuracy" and (reason := build.no_accuracy):
            figures |= dict.fromkeys(keys, Figure("unavailable", cause="undeclared", reason=reason))
            continue
        was = previous.inputs.get(group, {}) if previous else {}
        now = probe.inputs(build, group, was)
        has = {key: previous.figures[key] for key in keys if previous and key in previous.figures}
        if has:
            figures |= has
            inputs[group] = was
        changed = [name for name in sorted({*was, *now}) if was.get(name) != now.get(name)]
        stale = tuple(
            key
            for key in keys
            if changed
            or key not in has
            or selection.covers(build, group, has[key])
            or (has[key].cause == "missing" and probe.has_all(build))
        )
        if stale:
            due.append(Due(build, group, stale, now, _why(has, changed, stale)))
    kept = replace(
        fresh,
        figures=figures,
        inputs=inputs,
        facts=previous.facts if previous else {},
        ledger=previous.ledger if previous else None,
    )
    return kept, due


def _why(has: Mapping[str, Figure], changed: list[str], stale: tuple[str, ...]) -> str:
    if not has:
        return "not measured yet"
    if changed:
        return f"{' and '.join(CHANGES.get(name, name) for name in changed)} changed"
    missing = [key for key in stale if key not in has]
    return f"{', '.join(missing)} not measured yet" if missing else "asked for again"


class _Probe:
    """Answers what data and weights are like now, asking once for each."""

    def __init__(self, search: Search, *, read_data: bool) -> None:
        self.search = search
        self.read_data = read_data
        self._answers: dict[object, str | None] = {}

    def _once(self, key: object, ask: Callable[[], str | None]) -> str | None:
        if key not in self._answers:
            self._answers[key] = ask()
        return self._answers[key]

    def inputs(self, build: Build, group: Group, was: Mapping[str, str]) -> dict[str, str]:
        """Complete a build's inputs with digests of data and weights, the old where not known."""
        now = dict(build.inputs[group])
        if group != "accuracy":
            return now
        for split in _splits(build):
            name = "data" if split == build.data.split else f"data ({split})"
            known = self._fingerprint(build.data.source, split)
            if digest := (known[:16] if known else was.get(name)):
                now[name] = digest
        if build.weights and build.weights.file and not build.weights.sha256:
            weights = build.weights
            known = self._once(weights.file, lambda: _quietly(weights_digest, weights, self.search))
            if digest := (known[:16] if known else was.get("file")):
                now["file"] = digest
        return now

    def _fingerprint(self, source: DataSource, split: str) -> str | None:
        """Return a split's fingerprint: remembered, or, where it lies here unread, read now."""

        def ask() -> str | None:
            known = fingerprint_if_known(source, split, self.search)
            if known or not self.read_data or not is_here(source, split, self.search):
                return known
            from reportgen.data.load import load

            return _quietly(lambda: load(source, split, self.search).fingerprint)

        return self._once((source, split), ask)

    def has_all(self, build: Build) -> bool:
        """Whether the data and weights that a build needs lie here."""
        weights, source = build.weights, build.entry.source
        if weights and not _quietly(weights_are_here, weights, source, self.search):
            return False
        return all(is_here(build.data.source, split, self.search) for split in _splits(build))


def _quietly(ask: Callable[..., T], *arguments: Any) -> T | None:
    """Ask; what cannot be told is told when it is measured."""
    try:
        return ask(*arguments)
    except (MeasureError, OSError):
        return None


def _splits(build: Build) -> tuple[str, ...]:
    """Return the splits that an evaluation of the build reads."""
    splits = [build.data.split]
    if build.weights and build.weights.fit:
        splits.append(build.weights.fit.split)
    if build.quantize and build.quantize.scheme == "int8-static":
        splits.append(build.quantize.calibrate.split if build.quantize.calibrate else "train")
    return tuple(dict.fromkeys(splits))


def _used_environments(
    builds: Mapping[str, BuildRecord], environments: Mapping[str, Mapping[str, str]]
) -> dict[str, Mapping[str, str]]:
    used = {figure.environment for build in builds.values() for figure in build.figures.values()}
    return {name: entry for name, entry in environments.items() if name in used}
