"""What a run prints at its end: the table of one report, or a line for each of several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.cli.work import several
from reportgen.common.visible import one_line

if TYPE_CHECKING:
    from reportgen.engine.update import Outcome
    from reportgen.record.budgets import BudgetVerdict

_RETRY = "(--remeasure unavailable tries again)"


@dataclass(frozen=True)
class Done:
    """The result of one spec.

    `name` is the path of its report without a suffix. `outcome` is None if --only names none of its
    models, or if `error` says why it failed.
    """

    name: Path
    builds: int
    outcome: Outcome | None = None
    written: tuple[Path, ...] = ()
    error: str = ""

    @property
    def failures(self) -> int:
        """How many figures are unavailable."""
        return self.outcome.failures if self.outcome else 0

    @property
    def complete(self) -> bool:
        """Whether every figure is available and known to be up to date."""
        return self.outcome is None or self.outcome.complete

    @property
    def broken(self) -> list[BudgetVerdict]:
        """The budgets that are broken."""
        from reportgen.record.budgets import broken_budgets

        return broken_budgets(self.outcome.record) if self.outcome else []


def of_one(done: Done) -> str:
    """Describe the result of the only spec of a run."""
    if done.outcome is None or (not done.outcome.measured and not done.written):
        unavailable = f"; {several(done.failures, 'figure')} unavailable {_RETRY}"
        said = _line(done) + unavailable * bool(done.failures)
        return "\n".join([said, *_kept(done), *_broken(done)])
    from reportgen.report import build, write_for_terminal

    lines = [
        write_for_terminal(build(done.outcome.record)),
        *(one_line(f"wrote {path}") for path in done.written),
    ]
    if done.failures:
        lines.append(f"{several(done.failures, 'figure')} unavailable {_RETRY}")
    return "\n".join([*lines, *_kept(done), *_broken(done)])


def of_several(runs: Sequence[Done]) -> str:
    """Describe the results of several specs, a line for each, and a line for all."""
    lines: list[str] = []
    for done in runs:
        unavailable = f"; {several(done.failures, 'figure')} unavailable"
        said = _line(done) + unavailable * bool(done.failures)
        lines += [said, *_kept(done), *_broken(done)]
    measured = sum(done.outcome.measured for done in runs if done.outcome)
    failures = sum(done.failures for done in runs)
    broken = sum(len(done.broken) for done in runs)
    errors = sum(bool(done.error) for done in runs)
    parts = [
        several(sum(done.builds for done in runs), "build"),
        several(measured, "measurement"),
        f"{several(sum(len(done.written) for done in runs), 'file')} written",
        *([f"{several(failures, 'figure')} unavailable {_RETRY}"] if failures else []),
        *([f"{several(broken, 'budget')} broken"] if broken else []),
        *([f"{several(errors, 'spec')} not done"] if errors else []),
    ]
    return "\n".join([*lines, f"{several(len(runs), 'spec')}: {', '.join(parts)}"])


def _line(done: Done) -> str:
    builds = several(done.builds, "build")
    if done.error:
        said = f"not done: {done.error}"
    elif done.outcome is None:
        said = "left alone, --only names none of its models"
    elif not done.outcome.measured and not done.written:
        said = f"up to date, {builds}, nothing measured"
    else:
        written = ", ".join(path.name for path in done.written) or "nothing"
        said = f"{builds}, {several(done.outcome.measured, 'measurement')}, {written} written"
    return one_line(f"{done.name}: {said}")


def not_checked(reasons: Mapping[str, int], how: str = "not checked") -> Iterator[str]:
    """Yield a line for each reason why figures could not be checked, with their number."""
    for reason, count in reasons.items():
        yield f"{several(count, 'figure')} {how}: {reason}"


def _kept(done: Done) -> Iterator[str]:
    """Yield a line for each reason why figures were kept without being measured again."""
    if done.outcome is None:
        return
    for line in not_checked(done.outcome.unknown, "kept, not checked"):
        yield f"  {line}"
    for reason, count in done.outcome.kept.items():
        yield f"  {several(count, 'figure')} kept, not measured again: {reason}"
    for reason, count in done.outcome.stale.items():
        yield f"  {several(count, 'figure')} kept, stale: {reason}"


def _broken(done: Done) -> Iterator[str]:
    """Yield a line for each budget and each claim that is broken."""
    for verdict in done.broken:
        yield f"  {one_line(verdict)}"
    if done.outcome:
        from reportgen.report.claims_table import broken_lines

        yield from (f"  {one_line(line)}" for line in broken_lines(done.outcome.record))
