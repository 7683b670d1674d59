"""The command line: arguments and exit codes, nothing else.

Exit codes: 0 success; 1 a figure could not be measured (the report says why); 2 wrong command line
or spec; 3 a report is out of date, or a limit is broken; 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    from reportgen.cli.commands import execute

    return execute(sys.argv[1:] if argv is None else argv)
