"""Count again, and compare with the record. Only workers import torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reportgen.common.errors import MeasureError, UsageError
from reportgen.data.search import Search
from reportgen.plan.plan import Build
from reportgen.record.record import Figure
from reportgen.review.check import Check, Examined
from reportgen.review.findings import Finding

_NONE = Figure("unavailable")


def recount(search: Search, *, allow_code: bool, on_step: Callable[[str], None]) -> Check:
    """Return a check that counts each readable build whose counts are not stale.

    The check raises UsageError if it needs `allow_code`.
    """

    def check(subject: Examined) -> Iterator[Finding]:
        stale = {due.build.id for due in subject.state.due if due.group == "complexity"}
        stale |= {entry.build for entry in subject.state.unknown if entry.group == "complexity"}
        builds = [build for build in subject.plan.builds.values() if "complexity" in build.wanted]
        for build in builds:
            if build.entry.runs_foreign_code and not allow_code:
                raise UsageError(
                    f"--recount: the model '{build.model}' runs code of {build.entry.source}: read "
                    "it, then add --allow-code."
                )
        for build in builds:
            if build.id not in stale:
                on_step(build.id)
                yield from _recount(build, subject, search)

    return check


def _recount(build: Build, subject: Examined, search: Search) -> Iterator[Finding]:
    from reportgen.engine import workers

    settings = subject.plan.measure.complexity
    assert settings is not None, "complexity is wanted only where it is asked for"
    written = subject.state.record.builds[build.id].figures
    limit = subject.plan.measure.time_limit
    try:
        with workers.Workers(search, limit) as staff, staff.bench(build) as worker:
            counted = worker.call("count", settings).figures
    except MeasureError as error:
        counted = dict.fromkeys(
            build.wanted["complexity"], Figure("unavailable", reason=str(error))
        )
    found = [key for key in build.wanted["complexity"] if written.get(key, _NONE).value is not None]
    lost = [counted[key].reason for key in found if counted.get(key, _NONE).reason]
    for reason in dict.fromkeys(lost):
        yield Finding("recount", build.id, f"can no longer be counted: {reason}")
    for key in found:
        old, new = written[key].value, counted.get(key, _NONE).value
        if old != new and not counted.get(key, _NONE).reason:
            gives = "nothing" if new is None else f"{new:,}"
            yield Finding(
                "recount", build.id, f"{key}: the record says {old:,}, counting gives {gives}"
            )
