"""What `measure` switches off: at once, inherited, or on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.common.errors import SpecError
from reportgen.plan.resolve import plan
from reportgen.spec import load, loads
from reportgen.spec.model import Spec

SPEC = """\
reportgen: 1
title: T
datasets: {digits: {}}
models: {M: {source: zoo/digits_mlp}}
measure:
  complexity: {}
  timing: {batch_sizes: [1]}
"""


def groups(spec: Spec) -> set[str]:
    (build,) = plan(spec, name="s", spec_dir=Path()).builds.values()
    return {group for group, keys in build.wanted.items() if keys}


def complaint(text: str, *overrides: str) -> str:
    with pytest.raises(SpecError) as caught:
        loads(text, "s.yaml", overrides)
    return str(caught.value)


@pytest.mark.parametrize("off", ["null", "~", "false", ""])
def test_a_part_is_switched_off(off: str) -> None:
    spec = loads(SPEC.replace("{batch_sizes: [1]}", off))
    assert spec.measure.timing is None
    assert groups(spec) == {"complexity"}


@pytest.mark.parametrize("off", ["null", "false"])
def test_what_is_inherited_is_switched_off(tmp_path: Path, off: str) -> None:
    (tmp_path / "_base.yaml").write_text(SPEC)
    child = tmp_path / "child.yaml"
    child.write_text(f"extends: _base.yaml\nmeasure: {{timing: {off}}}\n")
    assert groups(load(child)) == {"complexity"}
    (tmp_path / "_base.yaml").write_text(SPEC.replace("{batch_sizes: [1]}", off))
    child.write_text("extends: _base.yaml\nmeasure: {timing: {rounds: 3}}\n")
    assert groups(load(child)) == {"complexity", "timing"}


@pytest.mark.parametrize("option", ["measure.timing=null", "measure.timing=false"])
def test_the_command_line_switches_off(option: str) -> None:
    assert groups(loads(SPEC, "s.yaml", [option])) == {"complexity"}


def test_no_part_is_needed_but_one() -> None:
    assert complaint(SPEC, "measure.timing=null", "measure.complexity=false") == (
        "--set measure.complexity=false: nothing is measured: everything here is switched off\n"
        "  Write `complexity: {}` to measure with the usual settings."
    )
    assert complaint(SPEC.partition("measure")[0] + "measure:\n  complexity:\n") == (
        "s.yaml:6:3: nothing is measured: everything here is switched off\n"
        "  6 |   complexity:\n"
        "    |   ^\n"
        "  Write `complexity: {}` to measure with the usual settings."
    )


def test_a_column_of_what_is_switched_off() -> None:
    text = SPEC.replace("{batch_sizes: [1]}", "null") + "report: {columns: [macs, latency]}\n"
    assert complaint(text) == (
        "s.yaml:8:26: nothing here gives the column 'latency'\n"
        "  8 | report: {columns: [macs, latency]}\n"
        "    |                          ^\n"
        "  It is switched off: write `timing: {}` instead, or remove the column."
    )


@pytest.mark.parametrize("part", ["complexity", "accuracy"])
def test_budgets_claims_and_tables_of_what_is_switched_off(part: str) -> None:
    key = {"complexity": "macs", "accuracy": "top1"}[part]
    text = SPEC.replace("complexity: {}", f"{part}: false")
    said = complaint(
        text + f"budgets: {{{key}: ≤ 3}}\nclaims: [{{of: M, metric: {key}, value: 3, from: x}}]\n"
    )
    assert f"nothing here gives the budget '{key}'" in said
    assert f"nothing here measures '{key}'" in said
    assert said.count(f"It is switched off: write `{part}: {{}}` instead") == 2
    if part == "complexity":
        said = complaint(text + "report: {modules: {depth: 1}}\n")
        assert "It is switched off: write `complexity: {}` instead, or remove them." in said


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("1.0e+30", "'time_limit' must be at most 31,536,000"),
        (".inf", "'time_limit' must be a finite number"),
        (".nan", "'time_limit' must be a finite number"),
        ("0", "'time_limit' must be more than 0.0"),
        ("-1", "'time_limit' must be more than 0.0"),
        ("soon", "'time_limit' must be a number"),
        ("null", "'time_limit' is empty"),
    ],
)
def test_a_time_limit_that_cannot_be(limit: str, said: str) -> None:
    first = complaint(SPEC + f"  time_limit: {limit}\n").splitlines()[0]
    assert first == f"s.yaml:8:15: {said}"


def test_seconds_that_cannot_be() -> None:
    text = SPEC.replace("[1]}", "[1], seconds: 1.0e+30}")
    assert complaint(text).splitlines()[0] == ("s.yaml:7:39: 'seconds' must be at most 31,536,000")
