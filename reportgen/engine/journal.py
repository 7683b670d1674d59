"""Writes the record after every finished measurement, so that a kill loses only the one at work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reportgen.engine.environment import identify
from reportgen.engine.staleness import Due
from reportgen.errors import MeasureError, MissingError
from reportgen.files import write_text
from reportgen.record import Cause, Figure, Record


class Journal:
    """A record in the making, and the file it is kept in."""

    def __init__(self, path: Path, record: Record) -> None:
        self.path = path
        self.record = record
        self.measured = 0

    def note_environment(self, environment: Mapping[str, str]) -> str:
        """Add an environment to the record; return its name."""
        name = identify(environment)
        known = {**self.record.environments, name: environment}
        self.record = replace(self.record, environments=known)
        return name

    def note_data(self, dataset: str, fingerprint: str) -> None:
        """Write down the content of a data set as it was read."""
        entry = replace(self.record.datasets[dataset], fingerprint=fingerprint)
        self.record = replace(self.record, datasets={**self.record.datasets, dataset: entry})

    def put(
        self,
        due: Due,
        figures: Mapping[str, Figure],
        *,
        facts: Mapping[str, str] | None = None,
        ledger: Mapping[str, Any] | None = None,
    ) -> None:
        """Set the figures that were due, and write the record.

        Figures of the group that were measured on other inputs and are not among these go, and so
        do facts that are now empty.
        """
        build = self.record.builds[due.build.id]
        same = build.inputs.get(due.group) == due.inputs
        others = {
            key: figure
            for key, figure in build.figures.items()
            if same or key not in due.build.wanted[due.group]
        }
        taken = {key: figures[key] for key in due.keys if key in figures}
        build = replace(
            build,
            figures={**others, **taken},
            inputs={**build.inputs, due.group: dict(due.inputs)},
            facts={key: text for key, text in {**build.facts, **(facts or {})}.items() if text},
            ledger=ledger if ledger is not None else build.ledger,
        )
        self.record = replace(self.record, builds={**self.record.builds, due.build.id: build})
        self.measured += 1
        self.save()

    def fail(self, due: Due, error: Exception) -> None:
        """Set the figures that were due to unavailable, with the reason."""
        self.put(due, dict.fromkeys(due.keys, unavailable(error)))

    def save(self) -> bool:
        """Write the record if it differs from the file; return whether it did."""
        return write_text(self.path, self.record.dumps())


def explained(error: Exception) -> MeasureError:
    """Return what went wrong as a report can say it."""
    if isinstance(error, MeasureError):
        return error
    # Somebody's code: the first line says what, the rest is for its author.
    first = str(error).strip().partition("\n")[0]
    return MeasureError(f"{type(error).__name__}: {first}".removesuffix(": "))


def unavailable(error: Exception) -> Figure:
    """Return the figure that says why there is none."""
    known = explained(error)
    cause: Cause = "missing" if isinstance(known, MissingError) else "failed"
    return Figure("unavailable", cause=cause, reason=str(known), hint=known.hint)
