"""Check whether a report is up to date with its spec, code and weights. Measures nothing.

Each check is a function from an `Examined` to findings, listed in `CHECKS`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reportgen.common.errors import ConflictError
from reportgen.common.files import locked, same
from reportgen.data.search import Search
from reportgen.plan.plan import Plan
from reportgen.plan.selection import Selection
from reportgen.plan.staleness import Due, State, by_reason, compare, failures
from reportgen.record import record as records
from reportgen.record.budgets import broken_budgets
from reportgen.record.digests import differing
from reportgen.record.record import Record
from reportgen.report import not_installed, render, suffixes
from reportgen.report.figures import is_doubtful
from reportgen.review.findings import Finding

_DIFF_LINES = 40
# Names in messages for keys of a record that do not explain themselves.
_REPORT = {"order": "models or their order", "tree": "the tree of modules"}
_BUILD = {
    "figures": "which figures it asks for",
    "dependencies": "which figures it asks for",
    "reported": "what others reported",
    "metadata": "which figures it asks for",
}


@dataclass(frozen=True)
class Examined:
    """A report under check: its plan, its record, and its files.

    `state` compares record and plan. `expected` are the documents that the record gives, by file;
    `actual` their present content, or None.
    """

    plan: Plan
    record: Record
    state: State
    expected: Mapping[Path, str | bytes]
    actual: Mapping[Path, bytes | None]


@dataclass(frozen=True)
class Checked:
    """The result of checking one report; `subject` is None without a record.

    `not_checked` counts figures with unreadable dependencies, by reason.
    """

    plan: Plan
    findings: tuple[Finding, ...]
    unavailable: int = 0
    not_checked: Mapping[str, int] = field(default_factory=dict)
    subject: Examined | None = None


# To be given in `more`, or in `CHECKS` for every report.
Check = Callable[[Examined], Iterable[Finding]]


def check(
    plan: Plan,
    out: Path,
    search: Search,
    template_dirs: Sequence[Path] = (),
    *,
    more: Sequence[Check] = (),
) -> Checked:
    """Check the report of a plan in the folder `out`, with `more` checks than the usual ones.

    Raises RecordError for a damaged record; conflict markers are a finding.
    """
    path = out / f"{plan.name}.json"
    try:
        with locked(path):  # so that the record and its documents are of one run
            record = records.read(path)
            files = [out / f"{plan.name}.{each}" for each in suffixes(record)] if record else []
            actual = {file: _content(file) for file in files}
    except ConflictError as error:
        return Checked(plan, (Finding("stale", "", str(error)),))
    if record is None:
        return Checked(plan, (Finding("missing", "", f"{path}: there is no record"),))
    documents = render(record, template_dirs=template_dirs)
    expected = {out / f"{plan.name}.{suffix}": each for suffix, each in documents.items()}
    state = compare(plan, record, search, Selection())
    subject = Examined(plan, record, state, expected, actual)
    findings = tuple(finding for run in (*CHECKS, *more) for finding in run(subject))
    unavailable = len(list(failures(record)))
    return Checked(plan, findings, unavailable, by_reason(state.unknown), subject)


def stale_figures(subject: Examined) -> Iterator[Finding]:
    """Find figures whose dependencies changed, or that were not measured."""
    found: dict[tuple[str, str], list[str]] = {}
    timing = {due.build.id: due.why for due in subject.state.due if due.group == "timing"}
    for due in subject.state.due:
        if not _only_retries(due, subject.record):
            # A stale latency makes the speed-up stale, for the same reason.
            why = timing.get(due.build.id, due.why) if due.group == "speedup" else due.why
            found.setdefault((due.build.id, why), []).append(due.group)
    for (build, why), groups in found.items():
        yield Finding("stale", build, f"{', '.join(groups)}: {why}")


def stale_builds(subject: Examined) -> Iterator[Finding]:
    """Find builds that the spec does not have, or not under this name."""
    for build in sorted(subject.record.builds.keys() - subject.plan.builds.keys()):
        yield Finding("stale", build, "in the record, and no longer in the spec")
    for build in sorted(subject.plan.builds.keys() - subject.record.builds.keys()):
        if all(due.build.id != build for due in subject.state.due):
            yield Finding("stale", build, "in the spec, and not in the record under this name")


def stale_settings(subject: Examined) -> Iterator[Finding]:
    """Find settings that a run would update in the record without measuring."""
    records = subject.record, subject.state.record
    old, new = (replace(record, builds={}).to_json() for record in records)
    changed = [name for name in ("title", "spec", "datasets") if old[name] != new[name]]
    changed += _changed(old["report"], new["report"], _REPORT)
    if changed:
        yield Finding("stale", "", f"the spec changed: {', '.join(changed)}")
    builds = [record.builds for record in records]
    due = {due.build.id for due in subject.state.due}
    for name in sorted(builds[0].keys() & builds[1].keys() - due):
        # Compare only the names of groups: changed digests are due, and older records lack some.
        was, now = (
            replace(of[name], dependencies={key: {} for key in of[name].dependencies})
            for of in builds
        )
        if was != now and (changed := _changed(was.to_json(), now.to_json(), _BUILD)):
            yield Finding("stale", name, f"the spec changed: {', '.join(changed)}")


def documents(subject: Examined) -> Iterator[Finding]:
    """Find documents that are missing, or that the record does not give as they are."""
    for path, content in subject.expected.items():
        actual = subject.actual[path]
        if actual is None:
            yield Finding("missing", "", f"{path}: there is no such document")
        elif not same(actual, content):
            message = f"{path}: edited by hand, or written with another template"
            yield Finding("document", "", message, _diff(actual, content, path))
    for name in not_installed(subject.record):
        yield Finding("document", "", f"the format '{name}' of the record is not installed here")


def budgets(subject: Examined) -> Iterator[Finding]:
    """Find figures that break a budget of the present spec."""
    for verdict in broken_budgets(subject.state.record):
        yield Finding("budget", verdict.name, verdict.message)


def claims(subject: Examined) -> Iterator[Finding]:
    """Find claims of the present spec that do not hold, or hold unexpectedly."""
    if not any(build.claims for build in subject.state.record.builds.values()):
        return
    from reportgen.claims import broken_claims

    for verdict in broken_claims(subject.state.record):
        yield Finding("claim", verdict.build, str(verdict))


def unverified(subject: Examined) -> Iterator[Finding]:
    """Find counts that are not verified: each build's in one finding."""
    for name, build in subject.record.builds.items():
        doubtful = [figure for figure in build.figures.values() if is_doubtful(figure)]
        if not doubtful:
            continue
        operations = dict.fromkeys(figure.unverified for figure in doubtful if figure.unverified)
        why = ", ".join(operations) or "the counters disagree"
        count = f"{len(doubtful)} figure{'s' * (len(doubtful) > 1)}"
        yield Finding("unverified", name, f"{count} not verified: {why}")


CHECKS: tuple[Check, ...] = (
    stale_figures,
    stale_builds,
    stale_settings,
    documents,
    budgets,
    claims,
    unverified,
)


def _only_retries(due: Due, record: Record) -> bool:
    """Whether a run would only retry what is missing: that is not stale."""
    build = record.builds.get(due.build.id)
    if build is None or differing(build.dependencies.get(due.group, {}), due.dependencies):
        return False
    figures = [build.figures.get(key) for key in due.keys]
    return all(figure is not None and figure.cause == "missing" for figure in figures)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """Name the keys whose values differ."""
    keys = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
    return list(dict.fromkeys(names.get(key, key.replace("_", " ")) for key in keys))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _diff(actual: bytes, expected: str | bytes, path: Path) -> str:
    """Return a unified diff from the file to what the record gives, cut where it grows long."""
    if isinstance(expected, bytes):
        return f"{len(actual):,} bytes here, {len(expected):,} from the record"
    lines = list(
        difflib.unified_diff(
            actual.decode(errors="replace").splitlines(),
            expected.splitlines(),
            str(path),
            "what the record gives",
            n=1,
            lineterm="",
        )
    )
    if not lines:
        return "only the end of the last line differs"
    if len(lines) > _DIFF_LINES:
        lines[_DIFF_LINES:] = [f"… {len(lines) - _DIFF_LINES} lines more"]
    return "\n".join(lines)
