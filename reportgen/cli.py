"""The command line: arguments and exit codes, nothing else.

Exit codes: 0 done; 1 something could not be measured (the report says why); 2 a wrong command line
or spec; 130 interrupted. Every import that costs time stands in the function that needs it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen import __version__
from reportgen.errors import ReportgenError, UsageError

if TYPE_CHECKING:
    from reportgen.data.source import Search
    from reportgen.engine.run import Outcome
    from reportgen.plan import Plan
    from reportgen.record import Record

EPILOG = """\
exit codes: 0 done; 1 something could not be measured, and the report says why; 2 a wrong command
line or spec; 130 interrupted, what was measured is kept.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    # `reportgen SPEC` is `reportgen run SPEC`.
    if words and words[0] not in _COMMANDS and not words[0].startswith("-"):
        words.insert(0, "run")
    arguments = parser.parse_args(words or ["--help"])
    try:
        return int(arguments.handler(arguments))
    except ReportgenError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted: what was measured is kept; run again to go on\n")
        return 130
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reportgen",
        usage="reportgen [COMMAND] SPEC... [options]",
        description="Reports on neural networks from a YAML spec: right numbers, quiet diffs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"reportgen {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (handler, summary, options) in _COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        command.set_defaults(handler=handler)
        for add in options:
            add(command)
    return parser


def _specs(command: argparse.ArgumentParser) -> None:
    command.add_argument("specs", nargs="+", type=Path, metavar="SPEC", help="a YAML file")


def _out(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="where reports lie (out)"
    )


def _templates(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--templates",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="templates that replace the shipped ones of the same name",
    )


def _data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data-dir",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="where data sets and weights lie (also: REPORTGEN_DATA)",
    )
    command.add_argument("--offline", action="store_true", help="download nothing")


def _measuring(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--remeasure",
        action="append",
        default=[],
        metavar="WHAT",
        help="measure again: complexity, timing, accuracy, a model, unavailable, or all",
    )
    command.add_argument(
        "--allow-code",
        action="store_true",
        help="build models with code of yours (python/… and FILE.py:… sources)",
    )
    command.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")


def _topic(command: argparse.ArgumentParser) -> None:
    command.add_argument("topic", choices=sorted(_LISTS), help="what to list")


def _target(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "path", nargs="?", type=Path, default=Path("specs/example.yaml"), help="file to write"
    )


def _search(arguments: argparse.Namespace, spec: Path) -> Search:
    from reportgen.data.source import Search

    directories = list(arguments.data_dir)
    if environment := os.environ.get("REPORTGEN_DATA"):
        directories += [Path(part) for part in environment.split(os.pathsep) if part]
    for directory in arguments.data_dir:
        if not directory.is_dir():
            raise UsageError(f"--data-dir {directory}: no such folder")
    return Search(tuple(directories), arguments.offline, spec.parent)


def _plan(path: Path) -> Plan:
    from reportgen.plan import plan
    from reportgen.spec import load

    return plan(load(path), name=path.stem, spec_dir=path.parent)


def _plans(paths: Sequence[Path]) -> dict[Path, Plan]:
    """Load every spec before anything is measured; two of one name would share their files."""
    plans: dict[Path, Plan] = {}
    for path in paths:
        plans[path] = _plan(path)
    names = [path.stem for path in plans]
    for path in plans:
        if names.count(path.stem) > 1:
            raise UsageError(f"{path}: another spec here is called '{path.stem}' too: rename one")
    return plans


def _run(arguments: argparse.Namespace) -> int:
    from reportgen.engine.progress import for_terminal
    from reportgen.engine.run import bring_up_to_date
    from reportgen.engine.staleness import Selection

    code = 0
    for path, plan in _plans(arguments.specs).items():
        outcome = bring_up_to_date(
            plan,
            arguments.out / f"{plan.name}.json",
            _search(arguments, path),
            selection=Selection(frozenset(arguments.remeasure)),
            allow_code=arguments.allow_code,
            progress=for_terminal(quiet=arguments.quiet),
        )
        written = _write(outcome.record, plan, arguments)
        if outcome.written:
            written.insert(0, arguments.out / f"{plan.name}.json")
        if not arguments.quiet:
            _say(plan, outcome, written, arguments.out)
        code = max(code, 1 if outcome.failures else 0)
    return code


def _say(plan: Plan, outcome: Outcome, written: Sequence[Path], out: Path) -> None:
    failed = ""
    if outcome.failures:
        figures = _several(outcome.failures, "figure")
        failed = f"; {figures} unavailable (--remeasure unavailable tries again)"
    if not outcome.measured and not written:
        builds = _several(len(plan.builds), "build")
        print(f"{out / plan.name}: up to date, {builds}, nothing measured{failed}")
        return
    from reportgen.report import table_for_terminal

    print(table_for_terminal(outcome.record))
    for path in written:
        print(f"wrote {path}")
    if failed:
        print(failed.removeprefix("; "))


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _write(record: Record, plan: Plan, arguments: argparse.Namespace) -> list[Path]:
    """Write the documents that differ; return their paths."""
    from reportgen.record import write_text
    from reportgen.report import render

    directories = [*arguments.templates, *([plan.templates] if plan.templates else [])]
    for directory in directories:
        if not directory.is_dir():
            raise UsageError(f"{directory}: no such folder of templates")
    documents = render(record, template_dirs=directories)
    paths = {kind: arguments.out / f"{plan.name}.{kind}" for kind in documents}
    return [path for kind, path in paths.items() if write_text(path, documents[kind])]


def _render(arguments: argparse.Namespace) -> int:
    from reportgen import record as records

    for path, plan in _plans(arguments.specs).items():
        source = arguments.out / f"{plan.name}.json"
        record = records.read(source)
        if record is None:
            raise UsageError(f"{source}: no record to render. Measure first: reportgen {path}")
        for written in _write(record, plan, arguments):
            print(f"wrote {written}")
    return 0


def _show_plan(arguments: argparse.Namespace) -> int:
    from reportgen import record as records
    from reportgen.engine.staleness import Selection, compare

    for path, plan in _plans(arguments.specs).items():
        record = records.read(arguments.out / f"{plan.name}.json")
        selection = Selection(frozenset(arguments.remeasure))
        state = compare(plan, record, _search(arguments, path), selection, read_data=False)
        print(f"{path}: {_several(len(plan.builds), 'build')}, {len(state.due)} to measure")
        for due in state.due:
            print(f"  {due.build.id}: {due.group} ({', '.join(due.keys)}): {due.why}")
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    from reportgen.errors import SpecError

    code = 0
    for path in arguments.specs:
        try:
            plan = _plan(path)
        except SpecError as error:
            sys.stderr.write(f"{error}\n")
            code = error.exit_code
        else:
            print(f"{path}: fine, {_several(len(plan.builds), 'build')}")
    return code


def _schema(arguments: argparse.Namespace) -> int:
    from reportgen.spec.schema import dumps

    sys.stdout.write(dumps())
    return 0


def _init(arguments: argparse.Namespace) -> int:
    from reportgen.spec.starter import STARTER

    if arguments.path.exists():
        raise UsageError(f"{arguments.path}: is there already; name another file")
    arguments.path.parent.mkdir(parents=True, exist_ok=True)
    arguments.path.write_text(STARTER, encoding="utf-8")
    print(f"wrote {arguments.path}; now: reportgen {arguments.path}")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    rows = _LISTS[arguments.topic]()
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        print(f"{name:<{width}}  {text}".rstrip())
    return 0


def _list_models() -> list[tuple[str, str]]:
    from reportgen.catalog.models import MODELS

    rows = []
    for name, entry in MODELS.items():
        args = ", ".join(f"{key}={value}" for key, value in (entry.args or {}).items())
        rows.append((name, f"{entry.summary} ({args})" if args else entry.summary))
    return [
        *rows,
        ("python/PACKAGE.MODULE:FACTORY", "a factory of yours, with --allow-code"),
        ("PATH/TO/FILE.py:FACTORY", "likewise, in a file beside the spec"),
    ]


def _list_datasets() -> list[tuple[str, str]]:
    from reportgen.catalog.datasets import DATASETS

    return [
        (
            name,
            entry.title
            + (
                f", {entry.classes} classes, {'×'.join(map(str, entry.shape))}"
                if entry.shape
                else ""
            ),
        )
        for name, entry in DATASETS.items()
    ]


def _list_metrics() -> list[tuple[str, str]]:
    from reportgen.quantities import QUANTITIES

    return [
        (
            f"{name}{'@BATCH' * row.per_batch}",
            f"{row.meaning}{f' ({row.unit})' if row.unit else ''}",
        )
        for name, row in QUANTITIES.items()
    ]


_LISTS: dict[str, Callable[[], list[tuple[str, str]]]] = {
    "models": _list_models,
    "datasets": _list_datasets,
    "metrics": _list_metrics,
}

_Command = tuple[
    Callable[[argparse.Namespace], int], str, tuple[Callable[[argparse.ArgumentParser], None], ...]
]
_COMMANDS: dict[str, _Command] = {
    "run": (
        _run,
        "measure what is stale and write the report (what `reportgen SPEC` does)",
        (_specs, _out, _templates, _data, _measuring),
    ),
    "plan": (
        _show_plan,
        "say what a run would measure, and why",
        (_specs, _out, _data, _measuring),
    ),
    "render": (_render, "write the documents again from the record", (_specs, _out, _templates)),
    "validate": (_validate, "check specs and measure nothing", (_specs,)),
    "list": (_list, "list models, datasets or metrics a spec may name", (_topic,)),
    "schema": (_schema, "print the JSON Schema of specs, for editors", ()),
    "init": (_init, "write a spec to start from", (_target,)),
}

if __name__ == "__main__":
    sys.exit(main())
