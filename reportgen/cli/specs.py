"""The commands that need specs only: validate, schema, init."""

from __future__ import annotations

import argparse
import sys

from reportgen.cli import work
from reportgen.common.errors import UsageError
from reportgen.common.visible import one_line


def validate(arguments: argparse.Namespace) -> int:
    """Check specs, and print what is wrong with each."""
    from reportgen.api.plans import plan
    from reportgen.common.errors import SpecError

    code = 0
    for path in work.paths(arguments.specs):
        try:
            builds = plan(path, overrides=arguments.set).builds
        except SpecError as error:
            sys.stderr.write(f"{error}\n")
            code = error.exit_code
        else:
            print(one_line(f"{path}: fine, {work.several(len(builds), 'build')}"))
    return code


def schema_options(command: argparse.ArgumentParser) -> None:
    """Take what the schema describes."""
    command.add_argument(
        "of", nargs="?", choices=("spec", "record"), default="spec", help="what it describes (spec)"
    )


def schema(arguments: argparse.Namespace) -> int:
    """Print the JSON Schema of specs, or of records."""
    if arguments.of == "record":
        from reportgen.record.json_schema import dumps
    else:
        from reportgen.spec.schema import dumps

    sys.stdout.write(dumps())
    return 0


def init(arguments: argparse.Namespace) -> int:
    """Write a spec to start from."""
    from reportgen.spec.starter import STARTER

    if arguments.path.exists():
        raise UsageError(f"{arguments.path}: is there already; name another file")
    arguments.path.parent.mkdir(parents=True, exist_ok=True)
    arguments.path.write_text(STARTER, encoding="utf-8")
    print(f"wrote {arguments.path}; now: reportgen {arguments.path}")
    return 0
