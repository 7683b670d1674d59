"""The commands that compare reports and measure nothing: check, diff."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.cli import work
from reportgen.cli.outcome import not_checked
from reportgen.common.visible import in_place, one_line

if TYPE_CHECKING:
    from reportgen.review.check import Check, Checked

DRIFT = 3


def check_options(command: argparse.ArgumentParser) -> None:
    """Take what else to check, and the form of the answer."""
    command.add_argument(
        "--recount", action="store_true", help="also count parameters and operations again"
    )
    command.add_argument(
        "--allow-code",
        action="store_true",
        help="with --recount: build models with your own code",
    )
    command.add_argument(
        "--strict", action="store_true", help="exit with 1 if a figure could not be checked"
    )
    command.add_argument("--json", action="store_true", help="print the findings as JSON")


def check(arguments: argparse.Namespace) -> int:
    """Print for each spec whether its report is up to date."""
    from reportgen.api.plans import search as search_of
    from reportgen.api.plans import template_dirs
    from reportgen.review import job_summary
    from reportgen.review.check import check as check_report

    checked = {}
    for path, plan in work.plans(arguments).items():
        search = search_of(plan, arguments.data_dir, offline=arguments.offline)
        more: list[Check] = []
        if arguments.recount:
            from reportgen.review.recount import recount

            more.append(recount(search, allow_code=arguments.allow_code, on_step=_counting))
        templates = template_dirs(plan, arguments.templates)
        checked[path] = check_report(plan, arguments.out, search, templates, more=more)
    if arguments.json:
        json.dump(
            {str(path): _json(found) for path, found in checked.items()}, sys.stdout, indent=1
        )
        print()
    else:
        print("\n".join(_lines(path, found) for path, found in checked.items()))
    job_summary.append(_summary(checked))
    kinds = {finding.kind for found in checked.values() for finding in found.findings}
    if kinds - {"unverified"}:
        return DRIFT
    unread = arguments.strict and any(found.not_checked for found in checked.values())
    return int(bool(kinds) or unread)


def _counting(build: str) -> None:
    sys.stderr.write(f"{one_line(build)}: counting\n")


def _lines(path: Path, checked: Checked) -> str:
    unavailable = ""
    if checked.unavailable:
        unavailable = f", {work.several(checked.unavailable, 'figure')} unavailable"
    said = f"in order, {work.several(len(checked.plan.builds), 'build')}"
    if checked.findings:
        said = work.several(len(checked.findings), "finding")
    lines = [one_line(f"{path}: {said}{unavailable}")]
    for finding in checked.findings:
        details = (f"    {in_place(line)}" for line in finding.detail.splitlines())
        lines += [f"  {finding}", *details]
    lines += [f"  {one_line(line)}" for line in not_checked(checked.not_checked)]
    return "\n".join(lines)


def _json(checked: Checked) -> Mapping[str, object]:
    findings = [finding.to_json() for finding in checked.findings]
    unknown = [
        {"reason": reason, "figures": count} for reason, count in checked.not_checked.items()
    ]
    more = {"not_checked": unknown} if unknown else {}
    return {"findings": findings, "unavailable": checked.unavailable, **more}


def _summary(checked: Mapping[Path, Checked]) -> str:
    """Write the findings as Markdown."""
    from reportgen.report.markdown import escape, fence

    blocks = ["## reportgen check"]
    for path, found in checked.items():
        mark = "❌" if found.findings else "✅"
        said, *more = _lines(path, found).splitlines()
        blocks.append(f"{mark} {escape(said)}")
        if more:
            blocks.append(fence("\n".join(line.removeprefix("  ") for line in more), "diff"))
    return "\n\n".join(blocks) + "\n"


def diff_options(command: argparse.ArgumentParser) -> None:
    """Take what to compare, and the limits of changes."""
    meaning = "a record, a folder of records, or a git revision"
    command.add_argument("base", metavar="BASE", help=meaning)
    command.add_argument("head", metavar="HEAD", nargs="?", help=f"{meaning} (the folder --out)")
    command.add_argument(
        "--fail-on",
        nargs="+",
        action="extend",
        default=[],
        metavar="LIMIT",
        help="exit with 3 if a figure changed by more: 'params>+5%%' 'top1<-0.5'",
    )
    command.add_argument("--json", action="store_true", help="print the changes as JSON")


def diff(arguments: argparse.Namespace) -> int:
    """Print what changed between two states of the reports."""
    from reportgen.review import job_summary
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
    job_summary.append(text)
    return DRIFT if any(entry.broken for entry in judged) else 0
