"""The options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path


def specs(command: argparse.ArgumentParser) -> None:
    """Take the specs, and values of them that are set here."""
    command.add_argument(
        "specs", nargs="+", metavar="SPEC", help="a YAML file, a folder of them, or a pattern"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="set a value of the specs: measure.timing.rounds=5",
    )


def out(command: argparse.ArgumentParser) -> None:
    """Take the folder of reports."""
    command.add_argument(
        "--out",
        type=Path,
        default=Path("out"),
        metavar="DIR",
        help="folder of the reports (default: out)",
    )


def templates(command: argparse.ArgumentParser) -> None:
    """Take folders of templates."""
    command.add_argument(
        "--templates",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="templates that replace the shipped ones of the same name",
    )


def data(command: argparse.ArgumentParser) -> None:
    """Take folders of data and weights, and whether to download."""
    command.add_argument(
        "--data-dir",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder of data sets and weights (also: REPORTGEN_DATA)",
    )
    command.add_argument("--offline", action="store_true", help="download nothing")


def measuring(command: argparse.ArgumentParser) -> None:
    """Take what to measure again, and how."""
    command.add_argument(
        "--remeasure",
        action="append",
        default=[],
        metavar="WHAT",
        help="measure again: complexity, timing, accuracy, a model, unavailable, or all",
    )
    command.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="MODEL",
        help="measure only this model, or those that match a pattern; other rows stay as they are",
    )
    command.add_argument(
        "--allow-code",
        action="store_true",
        help="build models with your own code (python/… and FILE.py:… sources)",
    )
    command.add_argument(
        "--jobs",
        type=_positive,
        metavar="N",
        help="number of builds to count at a time (default: all cores), and to evaluate if the "
        "report shows no times (default: 1); nothing else runs while times are taken",
    )
    command.add_argument("-q", "--quiet", action="store_true", help="print only errors")
    command.add_argument("--durations", action="store_true", help="print how long each step took")


def target(command: argparse.ArgumentParser) -> None:
    """Take the file to write."""
    command.add_argument(
        "path", nargs="?", type=Path, default=Path("specs/example.yaml"), help="file to write"
    )


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of builds: write 2, or 8")
    return int(text)
