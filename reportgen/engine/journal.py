"""Writes the record after every measurement, so that a kill loses only the present one.

Several runs may write one record: each time the file is read again, under a lock, and only the
changes of this run are merged into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reportgen.common.errors import MeasureError, MissingError
from reportgen.common.files import locked, write
from reportgen.engine.machine import identify
from reportgen.engine.previous import Seen, previous, seen
from reportgen.engine.results import Read
from reportgen.plan.plan import Plan
from reportgen.plan.staleness import Due, used_environments
from reportgen.record import merge
from reportgen.record.portable import portable_figure, portable_text
from reportgen.record.record import Cause, Figure, Record


class Journal:
    """A record, and its file.

    `base` is what was last read from the file, `stamp` its size and time then. `kept` says, by
    build and key, why measuring a good figure again failed; the figure stays.
    """

    def __init__(
        self,
        plan: Plan,
        path: Path,
        record: Record,
        base: Record | None = None,
        stamp: Seen = None,
    ) -> None:
        self.plan = plan
        self.path = path
        self.record = record
        self.measured = 0
        self.kept: dict[tuple[str, str], str] = {}
        self._base = base
        self._stamp = stamp

    def note_environment(self, environment: Mapping[str, str]) -> str:
        """Add an environment to the record; return its name."""
        name = identify(environment)
        known = {**self.record.environments, name: environment}
        self.record = replace(self.record, environments=known)
        return name

    def note_data(self, dataset: str, read: Read) -> None:
        """Note what was read of a data set."""
        entry = replace(
            self.record.datasets[dataset],
            fingerprint=read.fingerprint,
            read=read.count,
            left_out=read.left_out,
        )
        self.record = replace(self.record, datasets={**self.record.datasets, dataset: entry})

    def put(
        self,
        due: Due,
        figures: Mapping[str, Figure],
        *,
        metadata: Mapping[str, str] | None = None,
        ledger: Mapping[str, Any] | None = None,
    ) -> None:
        """Set the figures that were due, and write the record.

        A good figure stays until another good one replaces it. If its dependencies changed, it is
        stale. Empty metadata is removed.
        """
        build = self.record.builds[due.build.id]
        spec_dir = self.plan.spec_dir
        fresh = {key: portable_figure(figures[key], spec_dir) for key in due.keys if key in figures}
        chosen = {
            key: self._choose(due, key, build.figures.get(key), fresh.get(key)) for key in due.keys
        }
        others = {key: figure for key, figure in build.figures.items() if key not in chosen}
        measured = any(figure.is_good for figure in fresh.values())
        holds_old = any(figure is not None and figure.is_good for figure in chosen.values())
        dependencies = dict(build.dependencies)
        if measured or not holds_old:  # else the next run finds the change again
            dependencies[due.group] = dict(due.dependencies)
        package = {"package": due.build.entry.package_text} if measured else {}
        said = {key: portable_text(text, spec_dir) for key, text in (metadata or {}).items()}
        build = replace(
            build,
            figures={**others, **{key: figure for key, figure in chosen.items() if figure}},
            dependencies=dependencies,
            metadata={
                key: text for key, text in {**build.metadata, **said, **package}.items() if text
            },
            ledger=ledger if ledger is not None else build.ledger,
        )
        self.record = replace(self.record, builds={**self.record.builds, due.build.id: build})
        self.measured += 1
        self.save()

    def fail(self, due: Due, error: Exception) -> None:
        """Set due figures to unavailable, with the reason."""
        self.put(due, dict.fromkeys(due.keys, unavailable(error)))

    def save(self) -> bool:
        """Merge the changes of this run into the file; return whether the file changed.

        Raises RecordError if another program damaged the file.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path):
            self._catch_up()
            self._base = self._tidy()
            written = write(self.path, self._base.dumps())
            self._stamp = seen(self.path)
        return written

    def _catch_up(self) -> None:
        """Merge what other runs wrote. The caller holds the lock."""
        stamp = seen(self.path)
        if stamp == self._stamp:
            return
        theirs, _ = previous(self.plan, self.path)
        self._stamp = stamp
        if theirs is not None:
            merged = merge.merge_runs(self._base, self.record, theirs)
            # Builds of this run stay, even if another run's spec lacks them.
            rows = {
                name: row for name, row in self.record.builds.items() if name in self.plan.builds
            }
            datasets = {**self.record.datasets, **merged.datasets}
            self.record = replace(merged, builds={**rows, **merged.builds}, datasets=datasets)
            self._base = theirs

    def latest(self) -> Record:
        """Return what is in the file now. The caller holds the lock."""
        self._catch_up()
        return self._tidy()

    def _tidy(self) -> Record:
        """Return the record without unused environments."""
        used = used_environments(self.record.builds, self.record.environments)
        return replace(self.record, environments=used)

    def _choose(
        self, due: Due, key: str, old: Figure | None, fresh: Figure | None
    ) -> Figure | None:
        """Return the figure for the record."""
        if fresh is not None and fresh.is_good:
            return fresh
        if old is None or not old.is_good or self._means_nothing(due):
            # If dependencies changed, an old reason may no longer hold.
            return fresh if fresh or due.changed else old
        if not due.changed:
            if fresh is not None and not old.stale:
                self.kept[due.build.id, key] = fresh.reason
            return old
        if fresh is None:
            return replace(old, stale=f"{due.changed}, and it was not measured again yet")
        why = " ".join(fresh.reason.split())
        return replace(old, stale=f"{due.changed}, and measuring it again failed: {why}")

    def _means_nothing(self, due: Due) -> bool:
        """Whether these figures compare with a baseline that was removed."""
        return due.group == "speedup" and self.plan.baseline_of(due.build) is None


def explained(error: Exception) -> MeasureError:
    """Return an error as a report shows it."""
    if isinstance(error, MeasureError):
        return error
    # An exception of foreign code: only its first line.
    first = str(error).strip().partition("\n")[0]
    return MeasureError(f"{type(error).__name__}: {first}".removesuffix(": "))


def unavailable(error: Exception) -> Figure:
    """Return an unavailable figure with the reason."""
    known = explained(error)
    cause: Cause = "missing" if isinstance(known, MissingError) else "failed"
    return Figure("unavailable", cause=cause, reason=str(known), hint=known.hint)
