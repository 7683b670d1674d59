"""The table at the end of a run."""

from __future__ import annotations

from reportgen.report import build as make
from reportgen.report import write_for_terminal
from tests.golden import Golden
from tests.report.examples import build, cifar10_record, counted, record_of


def test_the_table(golden: Golden) -> None:
    golden("cifar10.terminal.txt", write_for_terminal(make(cifar10_record())))


def test_two_data_sets_are_two_tables() -> None:
    record = record_of(
        build("A", figures={"macs": counted(1)}),
        build("A", dataset="digits", figures={"macs": counted(2)}),
        columns=("macs",),
    )
    assert write_for_terminal(make(record)) == (
        "cifar10\n"
        "Model      MACs ↓\n"
        "-------  --------\n"
        "A               1\n"
        "\n"
        "digits\n"
        "Model      MACs ↓\n"
        "-------  --------\n"
        "A               2\n"
    )


def test_a_long_name_is_cut_and_a_line_break_is_none() -> None:
    record = record_of(build("two\nlines " + "x" * 60), columns=("macs",))
    name = write_for_terminal(make(record)).splitlines()[2].split("  ")[0]
    assert name == "two lines " + "x" * 29 + "…"


def test_no_builds_are_no_table() -> None:
    assert write_for_terminal(make(record_of(columns=("macs",)))) == ""
