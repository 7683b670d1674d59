"""`--fail-on`: what is a limit, and what breaks one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.common.errors import UsageError
from reportgen.record.record import Figure
from reportgen.review.changes import compare
from reportgen.review.thresholds import Threshold, judge, parse
from tests.review.records import build, count, percent, record, timed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("params>+5%", ("params", True, 0.05, True)),
        (" params > + 5 % ", ("params", True, 0.05, True)),
        ("top1<-0.5", ("top1", False, 0.5, False)),
        ("macs>+1.5M", ("macs", True, 1_500_000, False)),
        ("latency@256>+0.002s", ("latency@256", True, 2, False)),
        ("time.total>+10%", ("time.total", True, 0.1, True)),
        ("params>+0", ("params", True, 0, False)),
    ],
)
def test_a_limit(text: str, expected: tuple[object, ...]) -> None:
    limit = parse(text)
    assert (limit.key, limit.rising, limit.amount, limit.relative) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "params",
            "not a limit for a change. Write 'params>+5%', 'top1<-0.5' or 'latency@1>+2ms'.",
        ),
        ("parms>+5%", "unknown metric 'parms'. Did you mean 'params'?"),
        ("zzz>+5%", "unknown metric 'zzz'. See: reportgen list metrics."),
        ("params@8>+5%", "unknown metric 'params@8'. Did you mean 'params'?"),
        (
            "top1<90",
            "write 'top1<-90' for a fall by more than 90, or 'top1>+90' for a rise. A limit for "
            "the figure itself is a budget in the spec.",
        ),
        (
            "params>-5%",
            "write 'params>+5%' for a rise by more than 5%, or 'params<-5%' for a fall. A limit "
            "for the figure itself is a budget in the spec.",
        ),
        (
            "params>+much",
            "'much' is not a metric. Write a number with a unit, such as '2.6073 G', '87.79 %', "
            "'172.3 s' or '12.4 ms'.",
        ),
        (
            "macs>+5ms",
            "'5ms' is in ms: write a count of MACs or FLOPs, such as '2.6073 G'.",
        ),
    ],
)
def test_what_is_no_limit(text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert str(caught.value) == f"--fail-on '{text}': {expected}"


@given(
    st.text(max_size=20) | st.from_regex(r"[a-z@.1]{0,8}[<>][+-]?[0-9a-zM%.]{0,5}", fullmatch=True)
)
def test_any_text_is_a_limit_or_a_usage_error(text: str) -> None:
    try:
        limit = parse(text)
    except UsageError:
        return
    assert isinstance(limit, Threshold)
    assert limit.amount >= 0


OLD = record(
    build("A", figures={"params": count(100), "top1": percent(90), "flops": count(9, "flops")}),
    timed("Base", 10, 1),
    timed("Slow", 5, 2.0),
    timed("Same", 5, 2.0),
)
NEW = record(
    build(
        "A",
        figures={
            "params": count(106),
            "top1": percent(89.4),
            "flops": Figure("unavailable", cause="failed", reason="ValueError: x"),
        },
    ),
    timed("Base", 10, 1),
    timed("Slow", 7, 1.4),
    timed("Same", 6.5, 2.0),
    build("New", figures={"params": count(10**9)}),
)


@pytest.mark.parametrize(
    ("text", "broken", "held"),
    [
        ("params>+5%", ["A"], 1),
        ("params>+6%", [], 1),
        ("params>+5", ["A"], 1),
        ("params<-1%", [], 1),
        ("top1<-0.5", ["A"], 1),
        ("top1<-0.7", [], 1),
        ("top1<-0.6%", ["A"], 1),  # 0.6 of 90 is 0.67 %
        ("latency>+10%", ["Slow"], 3),
        ("latency@1>+1ms", ["Slow"], 3),
        ("latency@8>+10%", [], 0),
        ("flops>+50%", ["A"], 1),  # what is not there any more cannot hold
        ("loss>+1", [], 0),
    ],
)
def test_what_breaks_a_limit(text: str, broken: list[str], held: int) -> None:
    judged = judge(parse(text), [compare("small", OLD, NEW)])
    assert [row.build.model for _, row, _ in judged.broken] == broken
    assert judged.held == held


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("latency>+21%", []),  # the median rose by 40 %, the fastest calls by 20 %
        ("latency>+19%", ["Disturbed"]),
        ("latency>+1.1ms", []),  # 20 % of 5 ms
        ("latency>+0.9ms", ["Disturbed"]),
        ("latency<-1%", []),
    ],
)
def test_of_a_time_its_fastest_calls_must_have_changed_as_much(
    text: str, broken: list[str]
) -> None:
    new = timed("Disturbed", 6, 2.0 / 1.2, code="new")
    figures = {**new.figures, "latency@1": replace(new.figures["latency@1"], value=7.0)}
    sides = [
        record(timed("Base", 10, 1), side)
        for side in (timed("Disturbed", 5, 2.0), replace(new, figures=figures))
    ]
    judged = judge(parse(text), [compare("small", *sides)])
    assert [row.build.model for _, row, _ in judged.broken] == broken
