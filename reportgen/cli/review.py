"""The commands that look at reports and measure nothing: check, diff."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.cli import work

if TYPE_CHECKING:
    from reportgen.review.check import Check, Checked

DRIFT = 3


def check_options(command: argparse.ArgumentParser) -> None:
    """Take what else to check, and how to say it."""
    command.add_argument(
        "--recount", action="store_true", help="count parameters and operations again, too"
    )
    command.add_argument(
        "--allow-code",
        action="store_true",
        help="with --recount: build models with code of yours",
    )
    command.add_argument("--json", action="store_true", help="print the findings as JSON")


def check(arguments: argparse.Namespace) -> int:
    """Say of each spec whether its report is what a run would give."""
    from reportgen.review import summary
    from reportgen.review.check import check as check_report

    checked = {}
    for path, plan in work.plans(arguments).items():
        search = work.search(arguments, path)
        more: list[Check] = []
        if arguments.recount:
            from reportgen.review.recount import recount

            more.append(recount(search, allow_code=arguments.allow_code, on_step=_counting))
        templates = work.template_dirs(plan, arguments)
        checked[path] = check_report(plan, arguments.out, search, templates, more=more)
    if arguments.json:
        json.dump(
            {str(path): _json(found) for path, found in checked.items()}, sys.stdout, indent=1
        )
        print()
    else:
        print("\n".join(_lines(path, found) for path, found in checked.items()))
    summary.append(_summary(checked))
    kinds = {finding.kind for found in checked.values() for finding in found.findings}
    if kinds - {"unverified"}:
        return DRIFT
    return 1 if kinds else 0


def _counting(build: str) -> None:
    sys.stderr.write(f"{build}: counting\n")


def _lines(path: Path, checked: Checked) -> str:
    unavailable = ""
    if checked.unavailable:
        unavailable = f", {work.several(checked.unavailable, 'figure')} unavailable"
    if not checked.findings:
        return f"{path}: in order, {work.several(len(checked.plan.builds), 'build')}{unavailable}"
    lines = [f"{path}: {work.several(len(checked.findings), 'finding')}{unavailable}"]
    for finding in checked.findings:
        lines += [f"  {finding}", *(f"    {line}" for line in finding.detail.splitlines())]
    return "\n".join(lines)


def _json(checked: Checked) -> Mapping[str, object]:
    findings = [finding.to_json() for finding in checked.findings]
    return {"findings": findings, "unavailable": checked.unavailable}


def _summary(checked: Mapping[Path, Checked]) -> str:
    """Write the findings as Markdown."""
    blocks = ["## reportgen check"]
    for path, found in checked.items():
        mark = "❌" if found.findings else "✅"
        said, *more = _lines(path, found).splitlines()
        blocks.append(f"{mark} {said}")
        if more:
            blocks.append(
                "\n".join(["~~~diff", *(line.removeprefix("  ") for line in more), "~~~"])
            )
    return "\n\n".join(blocks) + "\n"


def diff_options(command: argparse.ArgumentParser) -> None:
    """Take what to compare, and what must not change."""
    meaning = "a record, a folder of records, or a git revision"
    command.add_argument("base", metavar="BASE", help=meaning)
    command.add_argument("head", metavar="HEAD", nargs="?", help=f"{meaning} (the folder --out)")
    command.add_argument(
        "--fail-on",
        nargs="+",
        action="extend",
        default=[],
        metavar="LIMIT",
        help="exit with 3 where a figure changed by more: 'params>+5%%' 'top1<-0.5'",
    )
    command.add_argument("--json", action="store_true", help="print the changes as JSON")


def diff(arguments: argparse.Namespace) -> int:
    """Say what changed between two states of the reports."""
    from reportgen.review import summary
    from reportgen.review.changes import compare_all
    from reportgen.review.document import markdown
    from reportgen.review.present import to_json
    from reportgen.review.revisions import both
    from reportgen.review.thresholds import judge, parse

    thresholds = [parse(text) for text in arguments.fail_on]
    head = arguments.head or str(arguments.out)
    comparisons = compare_all(*both(arguments.base, head, arguments.out))
    judged = [judge(threshold, comparisons) for threshold in thresholds]
    text = markdown(
        comparisons,
        judged,
        base=arguments.base,
        head=head,
        template_dirs=arguments.templates,
    )
    if arguments.json:
        json.dump(to_json(comparisons, judged), sys.stdout, indent=1, ensure_ascii=False)
        print()
    else:
        sys.stdout.write(text)
    summary.append(text)
    return DRIFT if any(entry.broken for entry in judged) else 0
