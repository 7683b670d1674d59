"""What a claim is told to be: every sentence, word for word, on real ledgers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reportgen.claims import judge, judge_number
from reportgen.record.record import Figure, Record
from tests.claims.models import claim

FLOPS = "there are 8,211,108,352 FLOPs"
MACS = "there are 4,089,184,256 MACs"


def verdict(record: Record, build: str, metric: str, value: str, **more: str) -> str:
    claims = (claim(metric, value, **more),)
    judged = replace(record.builds[build], claims=claims)
    (result,) = judge(replace(record, builds={**record.builds, build: judged}))
    return result.verdict


@pytest.mark.parametrize(
    ("metric", "value", "says"),
    [
        ("flops", "8.211 G", "Agrees: 8,211,108,352."),
        ("params", "25.6 M", "Agrees: 25,557,032."),
        ("macs_fwd_bwd", "12.27 G", "Agrees: 12,267,552,768."),
        ("flops.thop", "4.134 G", "Agrees: 4,133,742,592."),
        # another convention
        ("flops", "4.1 G", f"Broken. 4.1 G is the MAC count (4,089,184,256); {FLOPS}."),
        ("flops", "4.11 G", f"Broken. 4.11 G is fvcore's count (4,111,512,576); {FLOPS}."),
        (
            "macs",
            "8.2 G",
            "Broken. 8.2 G could be the FLOP count (8,211,108,352) or twice the MAC count "
            f"(8,178,368,512); {MACS}.",
        ),
        (
            "params",
            "25.61 M",
            "Broken. 25.61 M is Keras's number of parameters (25,610,152); there are 25,557,032 "
            "parameters.",
        ),
        # another batch, or both passes
        (
            "flops",
            "16.53 G",
            f"Broken. 16.53 G is thop's count for a batch of 4 (16,534,970,368); {FLOPS}.",
        ),
        (
            "flops",
            "16.5 G",
            f"Broken. 16.5 G could be thop's count for a batch of 4 (16,534,970,368); {FLOPS}.",
        ),
        (
            "flops",
            "130.9 G",
            f"Broken. 130.9 G is the MAC count for a batch of 32 (130,853,896,192); {FLOPS}.",
        ),
        (
            "flops",
            "12.3 G",
            "Broken. 12.3 G is the MAC count of a forward and a backward pass (12,267,552,768); "
            f"{FLOPS}.",
        ),
        (
            "macs_fwd_bwd",
            "4.089 G",
            "Broken. 4.089 G is the MAC count of the forward pass alone (4,089,184,256); there are "
            "12,267,552,768 MACs forward and backward.",
        ),
        # misread
        (
            "flops",
            "4.089 M",
            f"Broken. 4.089 M is a thousandth of the MAC count (4,089,184,256); {FLOPS}.",
        ),
        (
            "params",
            "25.6 K",
            "Broken. 25.6 K is a thousandth of the number of parameters (25,557,032).",
        ),
        (
            "params",
            "102.2 M",
            "Broken. 102.2 M is the number of parameters (25,557,032) in bytes, 4 each.",
        ),
        (
            "params",
            "97.5 M",
            "Broken. 97.5 M is the number of parameters (25,557,032) in MiB, 4 bytes each.",
        ),
        (
            "flops",
            "25.56 M",
            f"Broken. 25.56 M is the number of parameters (25,557,032); {FLOPS}.",
        ),
        # another model
        (
            "flops",
            "15.65 G",
            f"Broken. 15.65 G is the FLOP count of ResNet 101 (15,650,904,576); {FLOPS}.",
        ),
        # nothing
        (
            "flops",
            "1718719872",
            "Broken. No convention gives 1718719872: there are 8,211,108,352 FLOPs and "
            "4,089,184,256 MACs; the claim is 79.1 % too low.",
        ),
        (
            "macs",
            "1.72 G",
            "Broken. No convention gives 1.72 G: there are 4,089,184,256 MACs and 8,211,108,352 "
            "FLOPs; the claim is 57.9 % too low.",
        ),
        (
            "flops",
            "4.3 G",
            "Broken. No convention gives 4.3 G: there are 8,211,108,352 FLOPs and 4,089,184,256 "
            "MACs; the claim is 5.16 % too high for MACs.",
        ),
        (
            "flops.thop",
            "4.05 G",
            "Broken. No convention gives 4.05 G: thop counts 4,133,742,592; the claim is 2.03 % "
            "too low.",
        ),
        (
            "params",
            "90 M",
            "Broken. No convention gives 90 M: there are 25,557,032 parameters; the claim is 3.52 "
            "times as much.",
        ),
        (
            "macs",
            "0",
            "Broken. No convention gives 0: there are 4,089,184,256 MACs and 8,211,108,352 FLOPs; "
            "the claim is 100 % too low.",
        ),
    ],
)
def test_resnet50(resnets: Record, metric: str, value: str, says: str) -> None:
    assert verdict(resnets, "ResNet 50", metric, value) == says


@pytest.mark.parametrize(
    ("module", "metric", "value", "says"),
    [
        ("avgpool", "flops", "100352", "Agrees: 100,352."),
        (
            "fc",
            "flops",
            "2048000",
            "Broken. 2048000 is the MAC count (2,048,000); fc has 4,096,000 FLOPs.",
        ),
        (
            "conv1",
            "macs",
            "87416320",
            "Broken. No convention gives 87416320: conv1 has 118,013,952 MACs and 236,027,904 "
            "FLOPs; the claim is 25.9 % too low.",
        ),
        ("layer1", "flops.thop", "685604864", "Agrees: 685,604,864."),
        (
            "layer1",
            "flops.thop",
            "667.94 M",
            "Broken. 667.94 M is the MAC count (667,942,912); thop counts 685,604,864 for layer1.",
        ),
        ("conv", "macs", "1 G", "Broken. It has no module 'conv'. Did you mean 'conv1'?"),
    ],
)
def test_a_part_of_resnet101(
    resnets: Record, module: str, metric: str, value: str, says: str
) -> None:
    assert verdict(resnets, "ResNet 101", metric, value, module=module) == says


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (
            "7.8 G",
            "Broken. 7.8 G is the MAC count (7,801,405,440); there are 15,650,904,576 FLOPs.",
        ),
        (
            "7.8 亿",
            "Broken. 7.8 亿 could be a tenth of the MAC count (7,801,405,440); 亿 is 10⁸, a "
            "billion 10⁹; there are 15,650,904,576 FLOPs.",
        ),
        (
            "7839944000",
            "Broken. No convention gives 7839944000: there are 15,650,904,576 FLOPs and "
            "7,801,405,440 MACs; the claim is 0.494 % too high for MACs.",
        ),
    ],
)
def test_the_article_on_resnet101(resnets: Record, value: str, says: str) -> None:
    assert verdict(resnets, "ResNet 101", "flops", value) == says


@pytest.mark.parametrize(
    ("metric", "value", "says"),
    [
        # 640 inputs and a bias, 10 outputs, a batch of 2
        ("params", "6410", "Agrees: 6,410."),
        ("macs", "12800", "Agrees: 12,800."),
        (
            "macs",
            "6400",
            "Broken. 6400 is the MAC count for a batch of 1 (6,400); there are 12,800 MACs for a "
            "batch of 2.",
        ),
        (
            "params",
            "64100",
            "Broken. 64100 is the number of parameters of Hundred (64,100); there are 6,410 "
            "parameters.",
        ),
        (
            "macs",
            "11070",
            "Broken. 11070 is the MAC count of Other (11,070); there are 12,800 MACs for a batch "
            "of 2.",
        ),
    ],
)
def test_batches_and_other_builds(heads: Record, metric: str, value: str, says: str) -> None:
    assert verdict(heads, "Ten", metric, value) == says


def test_a_tolerance(resnets: Record) -> None:
    assert verdict(resnets, "ResNet 50", "flops", "8.215 G", tolerance="0.1%") == (
        "Agrees within 0.1%: 8,211,108,352; the claim is 0.0474 % too high."
    )


def test_what_is_expected_to_fail(resnets: Record) -> None:
    assert verdict(resnets, "ResNet 50", "flops", "4.1 G", reason="MACs are called FLOPs.") == (
        f"Known to be wrong (MACs are called FLOPs). 4.1 G is the MAC count (4,089,184,256); "
        f"{FLOPS}."
    )
    assert verdict(resnets, "ResNet 50", "flops", "8.21 G", reason="MACs are called FLOPs") == (
        "No longer wrong (MACs are called FLOPs). Agrees: 8,211,108,352."
    )


def test_what_was_measured_agrees_or_differs(resnets: Record) -> None:
    figures = {
        "top1": Figure("measured", 91.73, "%"),
        "time.total": Figure("measured", 12.4326, "s"),
        "loss": Figure("unavailable", cause="undeclared", reason="the spec gives no weights"),
    }
    measured = replace(resnets.builds["ResNet 50"], figures=figures)
    record = replace(resnets, builds={**resnets.builds, "ResNet 50": measured})
    says = {
        ("top1", "91.73 %"): "Agrees: 91.73 %.",
        ("top1", "92 %"): "Agrees: 91.73 %.",
        ("top1", "91.25 %"): "Broken. 91.73 % here; the claim is 0.48 points too low.",
        ("time.total", "172.2883 s"): "Broken. 12.43 s here; the claim is 13.9 times as much.",
        ("time.total", "12432.6 ms"): "Agrees: 12.43 s.",
        ("loss", "0.35"): "Cannot be judged: the spec gives no weights.",
        ("top5", "99 %"): "Cannot be judged: it was not measured.",
    }
    assert {key: verdict(record, "ResNet 50", *key) for key in says} == says


def test_a_float_model_behind_an_int8_one(resnets: Record) -> None:
    one = resnets.builds["ResNet 50"]
    packed = replace(
        one, dtype="int8", figures={**one.figures, "params": Figure("measured", 25_530_472)}
    )
    record = replace(resnets, builds={**resnets.builds, "ResNet 50": packed})
    assert verdict(record, "ResNet 50", "params", "25557032") == (
        "Broken. 25557032 is the number of parameters of its float model (25,557,032); there are "
        "25,530,472 parameters."
    )


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("4.1 G", "", "4.1 G is the MAC count (4,089,184,256)."),
        ("25.6 M", "", "25.6 M is the number of parameters (25,557,032)."),
        ("16.53 G", "", "16.53 G is thop's count for a batch of 4 (16,534,970,368)."),
        ("4.1 GFLOPs", "", f"4.1 GFLOPs is the MAC count (4,089,184,256); {FLOPS}."),
        ("4.1 G", "macs", "Agrees: 4,089,184,256."),
        (
            "1.72 G",
            "",
            "No convention gives 1.72 G: there are 4,089,184,256 MACs and 8,211,108,352 FLOPs; the "
            "claim is 57.9 % too low.",
        ),
        (
            "7.8 G",
            "",
            "No convention gives 7.8 G: there are 4,089,184,256 MACs and 8,211,108,352 FLOPs; the "
            "claim is 5.01 % too low for FLOPs.",
        ),
    ],
)
def test_a_number_from_a_paper(resnets: Record, text: str, key: str, says: str) -> None:
    assert judge_number(resnets, "ResNet 50", text, key) == says


def test_no_number(resnets: Record) -> None:
    with pytest.raises(ValueError, match=r"^'many' is not a metric\. Write a number with a unit"):
        judge_number(resnets, "ResNet 50", "many")
