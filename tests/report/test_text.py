"""The text document: calflops' block byte for byte, and the lines below it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reportgen.record.ledger import Ledger, Module
from reportgen.record.record import Figure, Record
from reportgen.report import render
from reportgen.report.tree import module_tree
from tests.golden import Golden
from tests.report.examples import (
    build,
    cifar10_record,
    counted,
    counts,
    missing,
    record_of,
    scored,
    timed,
)
from tests.report.seed import seed_record

HERE = Path(__file__).parent


def text_of(record: Record) -> str:
    return render(replace(record, report=replace(record.report, formats=("txt",))))["txt"]


def test_the_published_figures_give_the_published_text(golden: Golden) -> None:
    # golden/seed.txt is the README's own text, copied; it was not written by this test.
    title, _, text = text_of(seed_record()).partition("\n")
    assert title == "ResNets on CIFAR-10"
    golden("seed.txt", text)


def test_every_module_as_calflops_prints_it(golden: Golden) -> None:
    # golden/calflops_lite_detailed.txt is calflops' own output, copied.
    ledger = json.loads((HERE / "lite_ledger.json").read_text())
    lite = build("Lite", figures=counts(1_598_378, 101_550_592, 203_777_024), ledger=ledger)
    text = text_of(record_of(lite, tree=True))
    block, _, after = text.removeprefix("An example\n").partition("Model name:")
    golden("calflops_lite_detailed.txt", block)
    assert after == " Lite FLOPs:203.777 MFLOPS   MACs:101.551 MMACs   Params:1.5984 M \n\n"


def test_the_tree_is_left_out_unless_asked_for() -> None:
    ledger = json.loads((HERE / "lite_ledger.json").read_text())
    lite = build("Lite", figures=counts(1_598_378, 101_550_592, 203_777_024), ledger=ledger)
    assert "(conv1)" not in text_of(record_of(lite))
    assert "(conv1)" not in text_of(record_of(replace(lite, ledger=None), tree=True))


def test_a_tree_of_nothing() -> None:
    ledger = Ledger((Module("", "Net"), Module("pair", "Two", detail="a\nb")))
    nothing = "0 = 0% Params, 0 MACs = 0% MACs, 0 FLOPS = 0% FLOPs"
    assert module_tree(ledger) == (
        f"Net(\n  {nothing}\n  (pair): Two(\n    {nothing}, a\n    b\n  )\n)"
    )


def test_quoted_and_missing_figures_say_so(golden: Golden) -> None:
    golden("cifar10.txt", text_of(cifar10_record()))


def test_nothing_was_counted() -> None:
    failed = missing("failed", "out of memory", "use a smaller batch")
    figures = {"params": failed, "macs": failed, "flops": failed}
    lines = text_of(record_of(build("Big", figures=figures))).splitlines()
    assert f"fwd MACs: {' ' * 62}unavailable: Out of memory." in lines
    assert lines[-2] == "Model name: Big FLOPs:unavailable   MACs:unavailable   Params:unavailable "


def test_a_build_without_figures_has_no_block() -> None:
    assert text_of(record_of(build("Empty"))) == (
        "An example\n\n"
        "Model name: Empty FLOPs:not measured   MACs:not measured   Params:not measured \n\n"
    )


def test_a_block_counts_the_parameters_that_are_trained() -> None:
    # calflops' block says "Total Training Params"; the line below it names the model's size.
    figures = counts(1_000_000, 5, 10) | {"trainable_params": counted(20_490)}
    text = text_of(record_of(build("Frozen", figures=figures)))
    assert f"Total Training Params: {' ' * 49}20.49 K \n" in text
    assert "Params:1 M \n" in text


@pytest.mark.parametrize(
    ("factor", "words", "macs"),
    [
        (2.0, "2.00 times", "30 MACs"),
        (1.5, "1.50 times", "25 MACs"),
        (0.0, "0.00 times", "10 MACs"),
    ],
)
def test_the_backward_pass_counts_as_the_spec_says(factor: float, words: str, macs: str) -> None:
    text = text_of(record_of(build("Small", figures=counts(1, 10, 20)), backward_factor=factor))
    assert f"backpropagation takes {words} as much" in text
    assert f"fwd+bwd MACs: {' ' * 58}{macs}" in text


def test_a_quoted_time_keeps_its_digits() -> None:
    one = build(
        "One",
        reported={"time.total": Figure("reported", 172.3, "s", text="172.30 s", source="a blog")},
    )
    assert "Inference time for One: 172.30 seconds (quoted: a blog)\n" in text_of(record_of(one))


def test_a_time_on_random_images_says_so() -> None:
    one = build("One", figures={"time.total": timed(12.5, "s", note="random images")})
    assert "Inference time for One: 12.5000 seconds (random images)\n" in text_of(record_of(one))


def test_names_tell_builds_apart() -> None:
    text = text_of(
        record_of(
            build("A"),
            build("A", classes=100),
            build("A", dataset="cifar100", classes=100, dtype="int8"),
            build("B"),
        )
    )
    names = [
        line.removeprefix("Model name: ").partition(" FLOPs:")[0]
        for line in text.splitlines()
        if line.startswith("Model name: ")
    ]
    assert names == [
        "A (cifar10, 10 classes)",
        "A (cifar10, 100 classes)",
        "A (int8, cifar100, 100 classes)",
        "B (cifar10)",
    ]


def test_figures_of_a_part_say_so_in_their_lines() -> None:
    figures = {
        "top1": scored(19, 20),
        "time.total": timed(1.5, "s", samples=1, total=20, note="batches of 64"),
    }
    record = cifar10_record()
    record = replace(record_of(build("A", figures=figures)), datasets=record.datasets)
    part = "on 20 of the 10,000 images of CIFAR-10's test split"
    text = text_of(record)
    assert f"Inference time for A: 1.5000 seconds (batches of 64; {part})\n" in text
    assert f"Test Accuracy: 95.00% ({part})\n" in text
