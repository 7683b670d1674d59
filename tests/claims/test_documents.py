"""Claims and explanations as a reader meets them: in the report, at the end of a run, typed in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reportgen.cli import main
from reportgen.record.record import Record, ReportSettings
from reportgen.report import render
from reportgen.report.claims_table import broken_lines
from reportgen.report.explanation import as_text, explain
from tests.claims.models import claim
from tests.golden import Golden

SPEC = """\
reportgen: 1
title: T
datasets: {images: {source: synthetic, shape: [1, 8, 8], classes: 10, count: 4}}
models:
  Net: {source: zoo/digits_mlp}
  CNN: {source: zoo/digits_cnn}
measure: {complexity: {}}
claims:
  - {of: Net, metric: flops, value: 9.6 K, from: a blog}
  - {of: Net, metric: macs, value: "9,600", from: a blog, expect: fail, reason: two layers}
"""


def section(document: str, title: str) -> str:
    """Return one section of a Markdown document."""
    return document.partition(f"\n## {title}\n")[2].partition("\n## ")[0].strip() + "\n"


def claimed(resnets: Record, **settings: object) -> Record:
    claims = (
        claim("flops", "4.1 G"),
        claim("macs", "4.09 G"),
        claim("flops", "1.7 G", reason="stages are counted as if they were alike"),
        claim("macs", "4.1 G", reason="FLOPs | MACs"),
        claim("macs", "87416320", module="conv1"),
        claim("top1", "76.1 %"),
    )
    one = replace(resnets.builds["ResNet 50"], claims=claims)
    settings = {"columns": ("macs",), "formats": ("md",), "order": resnets.report.order} | settings
    return replace(
        resnets,
        builds={**resnets.builds, "ResNet 50": one},
        report=ReportSettings(**settings),  # type: ignore[arg-type]
    )


def test_the_section_of_claims(resnets: Record, golden: Golden) -> None:
    golden("claims.md", section(render(claimed(resnets))["md"], "Claims"))


def test_no_claims_no_section(resnets: Record) -> None:
    assert (
        "## Claims" not in render(replace(resnets, report=ReportSettings(columns=("macs",))))["md"]
    )


def test_a_line_for_each_broken_claim(resnets: Record) -> None:
    assert broken_lines(claimed(resnets)) == [
        "claim broken: ResNet-50: flops, 4.1 G (a blog): Broken. 4.1 G is the MAC count "
        "(4,089,184,256); there are 8,211,108,352 FLOPs.",
        "claim broken: ResNet-50: macs, 4.1 G (a blog): No longer wrong (FLOPs | MACs). Agrees: "
        "4,089,184,256.",
        "claim broken: ResNet-50: macs of conv1, 87416320 (a blog): Broken. No convention gives "
        "87416320: conv1 has 118,013,952 MACs and 236,027,904 FLOPs; the claim is 25.9 % too low.",
    ]


def test_what_each_tool_says_of_resnet50(resnets: Record, golden: Golden) -> None:
    explanation = explain(resnets, resnets.builds["ResNet 50"], "ResNet-50")
    assert explanation is not None
    golden("resnet50.txt", as_text(explanation))


def test_the_section_of_explanations(resnets: Record, golden: Golden) -> None:
    document = render(claimed(resnets, explain=True))["md"]
    golden("resnet50.md", section(document, "What each tool says of ResNet-50"))
    assert "\n## What each tool says of ResNet-101\n" in document
    assert "What each tool says" not in render(claimed(resnets))["md"]


def test_what_two_counters_disagree_on_is_told(resnets: Record) -> None:
    one = resnets.builds["ResNet 50"]
    macs = replace(one.figures["macs"], check=4_000, checked_by="FlopCounterMode of torch 2")
    changed = replace(one, dtype="int8", figures={"macs": macs})
    explanation = explain(resnets, changed, "ResNet-50")
    assert explanation is not None
    assert explanation.notes == (
        "Counted is the float model that the int8 one is made from.",
        "Two counters disagree: FlopCounterMode of torch 2 counts 4,000 products.",
        "Counted by nobody: add_ (16 calls, 5,519,360 elements).",
    )
    assert explain(resnets, replace(one, ledger=None), "ResNet-50") is None


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small spec and its report."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "s.yaml").write_text(SPEC, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("REPORTGEN_CACHE", str(folder / "cache"))
        assert main(["s.yaml"]) == 0
    return folder


def test_a_run_says_which_claims_are_broken(
    measured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(measured)
    assert main(["s.yaml"]) == 0
    macs = json.loads((measured / "out/s.json").read_text())["builds"]["Net"]["figures"]["macs"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "out/s: up to date, 2 builds, nothing measured"
    assert [line.partition(": Broken. ")[0] for line in lines[1:]] == [
        "  claim broken: Net: flops, 9.6 K (a blog)"
    ]
    assert f"{macs['value']:,} MACs" in lines[1]


def test_a_check_fails_for_a_broken_claim(
    measured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(measured)
    assert main(["check", "s.yaml", "--json"]) == 3
    (found,) = json.loads(capsys.readouterr().out)["s.yaml"]["findings"]
    assert (found["kind"], found["build"]) == ("claim", "Net")
    assert found["message"].startswith("flops, 9.6 K (a blog): Broken. No convention gives 9.6 K")


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["--model", "CNN", "--claim", "1 T"], 0, "No convention gives 1 T: there are "),
        (["--claim", "1 T"], 2, "which model? Add --model NAME: CNN, Net.\n"),
        (["--model", "Nit"], 2, "no model 'Nit' in this spec. Did you mean 'Net'?\n"),
        (["--model", "Net", "--claim", "much"], 2, "--claim: 'much' is not a metric. Write a "),
        (
            ["--model", "Net", "--claim", "1 G", "--metric", "flop"],
            2,
            "--metric: no 'flop'. Did you mean 'flops'?\n",
        ),
        (
            ["--model", "Net", "--out", "elsewhere"],
            2,
            "'Net' cannot be explained: not measured yet. Run first: reportgen s.yaml\n",
        ),
    ],
)
def test_explain(
    words: list[str],
    code: int,
    expected: str,
    measured: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(measured)
    assert main(["explain", "s.yaml", *words]) == code
    shown = capsys.readouterr()
    text = shown.err if code else shown.out
    assert text.startswith(expected)
    if expected.endswith("\n"):
        assert text == expected


def test_explain_a_model(
    measured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(measured)
    assert main(["explain", "s.yaml", "--model", "Net"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Net, input 1×1×8×8"
    assert [line.split()[0] for line in lines if line][1:4] == ["work", "macs", "flops"]
