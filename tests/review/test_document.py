"""The documents that a reviewer reads, whole."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from reportgen.record.record import Figure
from reportgen.report import TemplateError
from reportgen.review.changes import Comparison, compare, compare_all
from reportgen.review.document import markdown
from reportgen.review.present import to_json
from reportgen.review.thresholds import judge, parse
from tests.golden import Golden
from tests.review.records import build, count, latency, percent, record, speedup, timed


def awkward() -> Comparison:
    """Return a comparison with one of everything."""
    gone = Figure("unavailable", cause="missing", reason="the weights could not be downloaded")
    quoted = Figure("reported", 90.0, "%", text="90 %", source="a paper")
    alike = build(
        "Old | name", figures={"params": count(7_000)}, dependencies={"complexity": {"m": "1"}}
    )
    before = record(
        timed("Base", 10, 1),
        timed("Slower", 5, 2.0),
        timed("Elsewhere", 5, 2.0),
        build(
            "Wider",
            figures={
                "params": count(1_598_378),
                "macs": count(101_550_592, "macs"),
                "trainable_params": count(1_598_378, "trainable"),
                "top1": percent(91.734),
                "loss": Figure("measured", 0.3521751),
            },
            reported={"top5": quoted},
        ),
        build("Quantised", figures={"params": count(1_000)}),
        build("Lost", figures={"top1": percent(91.73)}),
        build("Found", figures={"top1": gone}),
        alike,
        build("Went", figures={"params": count(5), "top1": percent(50)}),
        build("Stayed", figures={"params": count(5)}),
        columns=("top1", "top5", "loss", "latency", "speedup", "macs", "params"),
    )
    after = record(
        timed("Base", 11, 1),
        timed("Slower", 6.9, 1.6, code="new"),
        timed("Elsewhere", 4, 2.5, at="there"),
        build(
            "Wider",
            figures={
                "params": count(1_602_474),
                "macs": count(101_550_601, "macs"),
                "trainable_params": count(1_602_474, "trainable"),
                "top1": percent(91.731),
                "loss": Figure("measured", 0.3521752),
            },
            reported={"top5": replace(quoted, text="91 %", value=91.0, source="another paper")},
        ),
        build("Quantised", figures={"params": count(990, "packed")}, dtype="int8"),
        build("Lost", figures={"top1": gone}),
        build("Found", figures={"top1": percent(91.73)}),
        replace(alike, model="New name"),
        build(
            "Came", figures={"params": count(6), "latency@1": latency(3), "speedup@1": speedup(2)}
        ),
        build("Stayed", figures={"params": count(5)}),
        columns=("top1", "top5", "loss", "latency", "speedup", "macs", "params"),
    )
    return compare("small", before, after)


def test_one_of_everything(golden: Golden) -> None:
    found = awkward()
    wanted = ("params>+0.1%", "top1<-0.5", "latency>+10%", "macs>+1K", "f1_macro<-1")
    judged = [judge(parse(text), [found]) for text in wanted]
    text = markdown([found], judged, base="main", head="out")
    golden("everything.md", text)
    # Every line of a table has as many cells as its header.
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1, block


def test_nothing_changed(golden: Golden) -> None:
    same = record(build("A", figures={"params": count(5)}))
    found = compare_all({"a": same, "b": same}, {"a": same, "b": same})
    golden("nothing.md", markdown(found, base="HEAD~1", head="out"))


def test_only_noise(golden: Golden) -> None:
    before = record(timed("Base", 10, 1), timed("A", 5, 2.0))
    after = record(timed("Base", 15, 1), timed("A", 7.4, 2.02))
    golden("noise.md", markdown([compare("small", before, after)], base="main", head="out"))


def test_a_reason_that_all_have_in_common_is_given_once(golden: Golden) -> None:
    before = record(timed("Base", 10, 1), timed("A", 5, 2.0))
    after = record(timed("Base", 4, 1, at="there"), timed("A", 2, 2.1, at="there"))
    found = compare("small", before, after)
    assert not found.quiet
    golden("elsewhere.md", markdown([found], base="main", head="out"))


def test_reports_that_came_and_went(golden: Golden) -> None:
    one = record(build("A", figures={"params": count(5)}))
    found = compare_all({"went": one, "x": one}, {"came": one, "x": one})
    golden("came_and_went.md", markdown(found, base="main", head="out"))


def test_as_json(golden: Golden) -> None:
    found = awkward()
    judged = [judge(parse("params>+0.1%"), [found])]
    values = to_json([found], judged)
    golden("everything.json", json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def test_a_template_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "diff.md.j2").write_text("{{ sections | map(attribute='name') | join }}!")
    assert markdown([awkward()], base="a", head="b", template_dirs=[tmp_path]) == "small!"
    (tmp_path / "diff.md.j2").write_text("{{ section }}")
    with pytest.raises(TemplateError, match=r"'section' is undefined. Did you mean 'sections'\?$"):
        markdown([awkward()], base="a", head="b", template_dirs=[tmp_path])


def test_names_and_words_of_others_stay_in_their_cells() -> None:
    name = "M\n\n# Forged [approve](https://example.org) @team #1 <!-- `x` |\x1b[2J"
    before = record(build(name, figures={"params": count(5)}), build("Went\n# Gone"))
    after = record(
        build(name, figures={"params": count(7)}),
        build("Came\n</details><b>", figures={"params": count(1)}),
    )
    text = markdown(
        [compare("small\n# report", before, after)],
        base="main`\n# Forged",
        head="-x",
    )
    assert not re.search(r"^ *(# |</details>)", text.replace("</details>\n", ""), re.M)
    assert "\x1b" not in text
    for word in ("@team", "#1", "<!-- ", "[approve](", "<b>"):
        assert not re.search(rf"(?<!\\){re.escape(word)}", text), word
    assert text.startswith("## Reports, ``main` # Forged`` → `-x`\n")
