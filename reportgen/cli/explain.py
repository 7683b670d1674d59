"""The command `explain`: what each tool counts for a model, and what a number from a paper is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.cli import work
from reportgen.common.errors import UsageError, did_you_mean
from reportgen.common.visible import one_line

if TYPE_CHECKING:
    from reportgen.plan.plan import Plan
    from reportgen.record.record import Record


def explain_options(command: argparse.ArgumentParser) -> None:
    """Take the spec, the model, and a number to judge."""
    command.add_argument("specs", nargs=1, metavar="SPEC", help="a YAML file")
    command.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", help="set a value of the spec"
    )
    command.add_argument("--model", metavar="NAME", help="which model (default: the only one)")
    command.add_argument(
        "--claim", metavar="NUMBER", help="explain this number: '7.8 G', '25.6 Mparams'"
    )
    command.add_argument(
        "--metric",
        default="",
        metavar="NAME",
        help="what the number is meant to be: flops, params",
    )
    command.add_argument("--quantity", dest="metric", help=argparse.SUPPRESS)  # its former name


def explain(arguments: argparse.Namespace) -> int:
    """Print what each tool counts for a model, or what a number is."""
    [(path, plan)] = work.plans(arguments).items()
    record = _up_to_date(path, plan, arguments)
    names = _named(plan, arguments.model)
    texts = [_text(record, name, arguments) for name in names]
    if arguments.claim and len(names) > 1:
        texts = [one_line(f"{name}: {text}") for name, text in zip(names, texts, strict=True)]
    print(
        "\n".join(text.rstrip("\n") + "\n" * (not arguments.claim) for text in texts).rstrip("\n")
    )
    return 0


def _text(record: Record, name: str, arguments: argparse.Namespace) -> str:
    from reportgen.claims import judge_number
    from reportgen.report.explanation import as_text, explain

    if arguments.claim:
        from reportgen.record.metrics import METRICS, is_known

        if not is_known(arguments.metric or "flops"):
            near = did_you_mean(arguments.metric, METRICS)
            raise UsageError(f"--metric: no '{arguments.metric}'. {near}".strip())
        try:
            return judge_number(record, name, arguments.claim, arguments.metric)
        except ValueError as error:
            raise UsageError(f"--claim: {error}") from None
    explanation = explain(record, record.builds[name], name)
    assert explanation is not None, "builds without a ledger are not up to date"
    return as_text(explanation)


def _up_to_date(path: Path, plan: Plan, arguments: argparse.Namespace) -> Record:
    """Return the record; raise UsageError if a model must be counted first."""
    from reportgen.data.search import Search
    from reportgen.plan.selection import Selection
    from reportgen.plan.staleness import compare
    from reportgen.record import record as records

    old = records.read(arguments.out / f"{plan.name}.json")
    search = Search((), True, path.parent)
    state = compare(plan, old, search, Selection())
    names = _named(plan, arguments.model)
    stale = {due.build.id: due.why for due in state.due if due.group == "complexity"}
    for name in names:
        if name in stale or state.record.builds[name].ledger is None:
            why = stale.get(name, "not counted")
            raise UsageError(f"'{name}' cannot be explained: {why}. Run first: reportgen {path}")
    return state.record


def _named(plan: Plan, name: str | None) -> list[str]:
    """Return the builds of this name, or of the model of this name."""
    models = {build.model for build in plan.builds.values()}
    if name is None and len(models) > 1:
        raise UsageError(f"which model? Add --model NAME: {', '.join(sorted(models))}.")
    found = [key for key, build in plan.builds.items() if name in (None, key, build.model)]
    if not found:
        near = did_you_mean(name or "", sorted(models))
        raise UsageError(f"no model '{name}' in this spec. {near}".strip())
    return found
