"""Which claims a check must fail for, and what judging needs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reportgen.claims import broken_claims, judge
from reportgen.record.record import ClaimRecord, Record, loads, read
from tests.claims.models import claim

ROOT = Path(__file__).resolve().parents[2]


def with_claims(record: Record, *claims: ClaimRecord) -> Record:
    one = replace(record.builds["ResNet 50"], claims=claims)
    return replace(record, builds={**record.builds, "ResNet 50": one})


def test_a_check_fails_for_what_should_hold_and_for_what_should_not(resnets: Record) -> None:
    record = with_claims(
        resnets,
        claim("macs", "4.09 G"),
        claim("flops", "4.09 G"),
        claim("flops", "4.1 G", reason="MACs"),
        claim("macs", "4.1 G", reason="FLOPs"),
        claim("top1", "76 %"),
        claim("macs", "100 M", module="layer1"),
    )
    assert [verdict.status for verdict in judge(record)] == [
        "agrees",
        "broken",
        "expected",
        "no longer fails",
        "open",
        "broken",
    ]
    assert [str(verdict) for verdict in broken_claims(record)] == [
        "flops, 4.09 G (a blog): Broken. 4.09 G is the MAC count (4,089,184,256); there are "
        "8,211,108,352 FLOPs.",
        "macs, 4.1 G (a blog): No longer wrong (FLOPs). Agrees: 4,089,184,256.",
        "macs of layer1, 100 M (a blog): Broken. No convention gives 100 M: layer1 has "
        "667,942,912 MACs and 1,348,329,472 FLOPs; the claim is 85 % too low.",
    ]


def test_without_a_ledger_figures_are_enough_to_agree(resnets: Record) -> None:
    record = with_claims(resnets, claim("macs", "4.09 G"), claim("flops", "4.09 G"))
    bare = {name: replace(build, ledger=None) for name, build in record.builds.items()}
    verdicts = [verdict.verdict for verdict in judge(replace(record, builds=bare))]
    assert verdicts == [
        "Agrees: 4,089,184,256.",
        "Broken. No convention gives 4.09 G: there are 8,211,108,352 FLOPs and 4,089,184,256 MACs; "
        "the claim is 0.0199 % too high for MACs.",
    ]


def test_claims_are_kept_in_the_record_one_a_line(resnets: Record) -> None:
    record = with_claims(
        resnets, claim("macs", "4.09 G"), claim("flops", "1 G", tolerance="1%", reason="no")
    )
    text = record.dumps()
    assert (
        '   "claims": [\n'
        '    {"metric": "macs", "source": "a blog", "value": "4.09 G"},\n'
        '    {"metric": "flops", "reason": "no", "source": "a blog", "tolerance": "1%", '
        '"value": "1 G"}\n'
        "   ],\n"
    ) in text
    assert loads(text) == loads(loads(text).dumps())
    assert loads(text).builds["ResNet 50"].claims == record.builds["ResNet 50"].claims


def test_judging_needs_no_torch(resnets: Record, tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    file.write_text(with_claims(resnets, claim("flops", "16.53 G")).dumps(), encoding="utf-8")
    program = (
        "import sys; from pathlib import Path\n"
        "from reportgen.claims import judge\nfrom reportgen.record.record import read\n"
        f"print(judge(read(Path({str(file)!r})))[0].says)\n"
        "print(sorted({'torch', 'deepspeed', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "16.53 G is thop's count for a batch of 4 (16,534,970,368); there are 8,211,108,352 FLOPs."
        "\n[]\n"
    )


@pytest.mark.parametrize("path", sorted((ROOT / "out").glob("*.json")), ids=lambda path: path.stem)
def test_no_claim_of_a_committed_report_is_broken(path: Path) -> None:
    record = read(path)
    assert record is not None
    assert list(map(str, broken_claims(record))) == []


def test_a_stale_figure_decides_no_claim(resnets: Record) -> None:
    record = with_claims(resnets, claim("macs", "4.09 G"), claim("flops", "1 G", module="layer1"))
    one = record.builds["ResNet 50"]
    macs = replace(one.figures["macs"], stale="the model's code changed, and it failed: no")
    one = replace(one, figures={**one.figures, "macs": macs})
    record = replace(record, builds={**record.builds, "ResNet 50": one})
    said = "Cannot be judged: our figure is stale: the model's code changed, and it failed: no."
    assert [(verdict.status, verdict.says) for verdict in judge(record)] == [("open", said)] * 2
