"""The table of commands, and how one is run.

Functions import what takes long to import.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Sequence

from reportgen import __version__
from reportgen.cli import explain, listing, options, reviewing, run, specs
from reportgen.common.errors import ReportgenError, SpecError, UsageError
from reportgen.common.visible import one_line

EPILOG = """\
exit codes: 0 success; 1 a figure could not be measured, or not be checked (check --strict);
2 wrong command line or spec; 3 check: a report is out of date, diff: a limit is broken;
130 interrupted, what was measured is kept.
"""


def execute(words: Sequence[str]) -> int:
    """Run a command line; return the exit code."""
    # To look for plugins, pydantic reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # `reportgen SPEC` is `reportgen run SPEC`, whichever options come first.
    if words and words[0] not in {*_COMMANDS, "-h", "--help", "--version"}:
        words = ["run", *words]
    arguments = _parser().parse_args(words or ["--help"])
    collects = gc.isenabled()
    if arguments.handler in (run.render, reviewing.check, specs.validate):
        gc.disable()  # too short for garbage to matter
    try:
        return int(arguments.handler(arguments))
    except SpecError as error:  # a problem has several lines
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except ReportgenError as error:
        sys.stderr.write(f"{one_line(error)}\n")
        return error.exit_code
    except BrokenPipeError:  # nobody reads our output any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a folder instead of a file, a full disk …
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        sys.stderr.write(f"{one_line(f'{where}cannot be read or written ({error.strerror}).')}\n")
        return UsageError.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted: what was measured is kept; run again to go on\n")
        return 130
    finally:
        if collects:
            gc.enable()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reportgen",
        usage="reportgen [COMMAND] SPEC... [options]",
        description="Reports on neural networks from a YAML spec: right numbers, quiet diffs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"reportgen {__version__}")
    commands = parser.add_subparsers(
        prog="reportgen", title="commands", metavar="COMMAND", required=True
    )
    for name, (handler, summary, additions) in _COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        command.set_defaults(handler=handler)
        for add in additions:
            add(command)
    return parser


_Command = tuple[
    Callable[[argparse.Namespace], int], str, tuple[Callable[[argparse.ArgumentParser], None], ...]
]
_COMMANDS: dict[str, _Command] = {
    "run": (
        run.run,
        "measure what is stale and write the report (what `reportgen SPEC` does)",
        (options.specs, options.out, options.templates, options.data, options.measuring),
    ),
    "plan": (
        run.show_plan,
        "show what a run would measure, and why",
        (options.specs, options.out, options.data, options.measuring),
    ),
    "render": (
        run.render,
        "write the documents from the record",
        (options.specs, options.out, options.templates),
    ),
    "check": (
        reviewing.check,
        "check that reports are up to date; measure nothing",
        (options.specs, options.out, options.templates, options.data, reviewing.check_options),
    ),
    "diff": (
        reviewing.diff,
        "show what changed between two states of the reports, as Markdown",
        (reviewing.diff_options, options.out, options.templates),
    ),
    "explain": (
        explain.explain,
        "show what each tool counts for a model, and explain a number from a paper",
        (explain.explain_options, options.out),
    ),
    "validate": (specs.validate, "check specs and measure nothing", (options.specs,)),
    "list": (
        listing.show,
        "list what a spec may name: models, datasets, metrics, formats …",
        (listing.topic,),
    ),
    "schema": (
        specs.schema,
        "print the JSON Schema of specs, for editors, or of records",
        (specs.schema_options,),
    ),
    "init": (specs.init, "write a spec to start from", (options.target,)),
}
