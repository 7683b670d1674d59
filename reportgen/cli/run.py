"""The commands that work on a record: run, plan, render."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from reportgen.cli import outcome as summary
from reportgen.cli import work
from reportgen.cli.outcome import Done
from reportgen.common.errors import ReportgenError, UsageError
from reportgen.common.visible import one_line

if TYPE_CHECKING:
    from reportgen.data.search import Search
    from reportgen.plan.plan import Plan
    from reportgen.plan.selection import Selection
    from reportgen.plan.staleness import State


def run(arguments: argparse.Namespace) -> int:
    """Measure what is stale, write records and documents, and print the results."""
    plans = work.plans(arguments)
    selection = _selection(arguments, plans.values())
    done = []
    code = 0
    for plan in plans.values():
        name = arguments.out / plan.name
        if not any(map(selection.includes, plan.builds.values())):
            done.append(Done(name, len(plan.builds)))
            continue
        try:
            done.append(_run(plan, selection, arguments))
        except UsageError:
            raise
        except ReportgenError as error:  # of one spec: the others go on
            if len(plans) == 1:
                raise
            done.append(Done(name, len(plan.builds), error=str(error)))
            code = max(code, error.exit_code)
    if not arguments.quiet:
        print(summary.of_one(done[0]) if len(done) == 1 else summary.of_several(done))
    return max(code, 0 if all(one.complete for one in done) else 1)


def _run(plan: Plan, selection: Selection, arguments: argparse.Namespace) -> Done:
    from reportgen.api.runs import run_plan
    from reportgen.engine.progress import for_terminal

    outcome, written = run_plan(
        plan,
        arguments.out,
        _search(plan, arguments),
        selection=selection,
        templates=arguments.templates,
        allow_code=arguments.allow_code,
        jobs=arguments.jobs,
        progress=for_terminal(quiet=arguments.quiet, durations=arguments.durations),
    )
    return Done(arguments.out / plan.name, len(plan.builds), outcome, tuple(written))


def _search(plan: Plan, arguments: argparse.Namespace) -> Search:
    from reportgen.api.plans import search

    return search(plan, arguments.data_dir, offline=arguments.offline)


def _selection(arguments: argparse.Namespace, plans: Iterable[Plan]) -> Selection:
    from reportgen.plan.selection import Selection

    selection = Selection(frozenset(arguments.remeasure), frozenset(arguments.only))
    selection.check(plans)
    return selection


def render(arguments: argparse.Namespace) -> int:
    """Write the documents from the record."""
    from reportgen.api.plans import template_dirs
    from reportgen.api.runs import write_documents
    from reportgen.common.files import locked
    from reportgen.record import record as records

    for path, plan in work.plans(arguments).items():
        source = arguments.out / f"{plan.name}.json"
        with locked(source):
            record = records.read(source)
            if record is None:
                raise UsageError(f"{source}: no record to render. Measure first: reportgen {path}")
            directories = template_dirs(plan, arguments.templates)
            documents = write_documents(record, source, directories)
        for written in documents:
            print(one_line(f"wrote {written}"))
    return 0


def show_plan(arguments: argparse.Namespace) -> int:
    """Print what a run would measure, why, and how long that took before."""
    from reportgen.engine import estimate
    from reportgen.engine.previous import previous
    from reportgen.plan.staleness import by_reason, compare

    plans = work.plans(arguments)
    selection = _selection(arguments, plans.values())
    for path, plan in plans.items():
        record, _ = previous(plan, arguments.out / f"{plan.name}.json")
        search = _search(plan, arguments)
        state = compare(plan, record, search, selection)
        cost = estimate.in_words(*estimate.seconds(state, plan.measure.timing))
        builds = work.several(len(plan.builds), "build")
        costs = f", {cost}" if cost else ""
        print(one_line(f"{path}: {builds}, {len(state.due)} to measure{costs}"))
        for due in state.due:
            print(f"  {one_line(due.build.id)}: {due.group} ({', '.join(due.keys)}): {due.why}")
        unknown = summary.not_checked(by_reason(state.unknown))
        for line in (*unknown, *_missing(plan, state, search)):
            print(f"  {one_line(line)}")
    return 0


def _missing(plan: Plan, state: State, search: Search) -> Iterator[str]:
    """Yield a line for each missing file that figures need, with the paths that were tried.

    Figures are those that are due, and those that could not be measured before.
    """
    from reportgen.plan.dependencies import group_of
    from reportgen.plan.probe import missing
    from reportgen.plan.staleness import failures

    asked = [(due.build, due.group) for due in state.due]
    for name, key, figure in failures(state.record):
        if figure.cause == "missing" and name in plan.builds:
            asked.append((plan.builds[name], group_of(key)))
    needed: dict[str, list[str]] = {}
    for build, group in asked:
        for what in missing(build, group, search):
            needed.setdefault(what, []).append(build.id)
    for what, builds in needed.items():
        yield f"missing: {what}: {', '.join(dict.fromkeys(builds))}"
