"""What a spec may claim, and what is wrong with a claim that it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.common.errors import SpecError
from reportgen.plan.resolve import plan
from reportgen.record.record import ClaimRecord
from reportgen.spec import loads

GOOD = """\
reportgen: 1
title: T
datasets: {cifar10: {}, cifar100: {}}
models:
  A: {source: zoo/resnet_lite}
  B: {source: zoo/cifar_resnet20, datasets: [cifar10]}
  C: {source: zoo/cifar_resnet20, datasets: [cifar10], classes: [10, 101]}
measure: {complexity: {}, accuracy: {metrics: [top1]}}
claims:
"""


def test_a_claim_goes_to_its_build() -> None:
    spec = loads(
        GOOD + "  - {of: A, dataset: cifar100, metric: flops.thop, value: 203.8 M, from: x, "
        "tolerance: 0.1 %}\n"
        "  - {of: C, classes: 101, metric: macs, value: 41000000, from: y, module: conv1, "
        "expect: fail, reason: guessed}\n"
    )
    builds = plan(spec, name="s", spec_dir=Path()).empty_record().builds
    found = {name: build.claims for name, build in builds.items() if build.claims}
    assert found == {
        "A @ cifar100": (ClaimRecord("flops.thop", "203.8 M", "x", tolerance="0.1 %"),),
        "C (101 classes) @ cifar10": (
            ClaimRecord("macs", "41000000", "y", module="conv1", reason="guessed"),
        ),
    }


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            "{of: D, metric: macs, value: 1 G, from: x}",
            "s.yaml:10:10: no model 'D' in this spec\n",
        ),
        (
            "{of: A, metric: macs, value: 1 G, from: x}",
            "s.yaml:10:5: 'A' is reported on 2 data sets\n",
        ),
        (
            "{of: C, metric: macs, value: 1 G, from: x}",
            "s.yaml:10:5: 'C' is built with 2 class counts\n",
        ),
        (
            "{of: C, classes: 100, metric: macs, value: 1 G, from: x}",
            "s.yaml:10:22: 'C' is not built with 100 classes\n",
        ),
        (
            "{of: B, classes: 100, metric: macs, value: 1 G, from: x}",
            "s.yaml:10:22: 'B' is not built with 100 classes\n",
        ),
        (
            "{of: B, metric: time.total, value: 1 s, from: x}",
            "s.yaml:10:21: nothing here measures 'time.total'\n",
        ),
        (
            "{of: B, metric: top5, value: 99 %, from: x}",
            "s.yaml:10:21: nothing here measures 'top5'\n",
        ),
        (
            "{of: B, metric: macs, value: 1 s, from: x}",
            "s.yaml:10:34: 'macs' cannot be '1 s'\n",
        ),
        (
            "{of: B, metric: top1, value: 90 %, from: x, module: conv1}",
            "s.yaml:10:5: 'top1' is not available for modules\n",
        ),
        (
            "{of: B, metric: macs, value: 1 G, from: x, expect: fail}",
            "s.yaml:10:5: 'expect: fail' needs a 'reason'\n",
        ),
        (
            "{of: B, metric: macs, value: 1 G, from: x, reason: typo}",
            "s.yaml:10:5: a 'reason' goes with 'expect: fail'\n",
        ),
        (
            "{of: B, metric: flops.thob, value: 1 G, from: x}",
            "s.yaml:10:21: no convention 'thob' counts flops\n",
        ),
    ],
)
def test_a_wrong_claim(entry: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        loads(f"{GOOD}  - {entry}\n", "s.yaml")
    assert str(caught.value).startswith(says)
