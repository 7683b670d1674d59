"""Every way a spec can be wrong gives one error, with its place, the nearest name and the mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.common.errors import SpecError, UsageError
from reportgen.spec import load, loads

GOOD = """\
reportgen: 1
title: T
datasets:
  cifar10: {split: test}
models:
  A: {source: zoo/resnet_lite, baseline: true}
  B: {source: zoo/cifar_resnet20}
measure:
  complexity: {}
"""


def complaint(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        loads(text, "s.yaml")
    return str(caught.value)


def test_a_good_spec_is_read() -> None:
    spec = loads(GOOD)
    assert list(spec.models) == ["A", "B"]
    assert spec.models["A"].baseline
    assert spec.measure.complexity is not None
    assert spec.measure.complexity.backward_factor == 2.0
    assert spec.measure.timing is None


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "title: T",
            "titel: T",
            "s.yaml:2:1: unknown key 'titel'\n  2 | titel: T\n    | ^\n  Did you mean 'title'?",
            id="unknown key",
        ),
        pytest.param(
            "title: T\n",
            "",
            "s.yaml:1:1: the key 'title' is missing\n"
            "  1 | reportgen: 1\n"
            "    | ^\n"
            "  Add `title: …` here.",
            id="missing key",
        ),
        pytest.param(
            "title: T",
            "title: 3",
            "s.yaml:2:8: 'title' must be text (quote it)\n  2 | title: 3\n    |        ^",
            id="wrong type",
        ),
        pytest.param(
            "title: T",
            "title:",
            "s.yaml:2:7: 'title' is empty\n"
            "  2 | title:\n"
            "    |       ^\n"
            "  Give it a value: text (quote it).",
            id="empty value",
        ),
        pytest.param(
            "reportgen: 1",
            "reportgen: 2",
            "s.yaml:1:12: '2' is no choice for 'reportgen'\n"
            "  1 | reportgen: 2\n"
            "    |            ^\n"
            "  Known: 1.",
            id="version",
        ),
        pytest.param(
            "zoo/resnet_lite",
            "zoo/resnet_light",
            "s.yaml:6:15: unknown model 'zoo/resnet_light'\n"
            "  6 |   A: {source: zoo/resnet_light, baseline: true}\n"
            "    |               ^\n"
            "  Did you mean 'zoo/resnet_lite'? `reportgen list models` lists all.",
            id="unknown model",
        ),
        pytest.param(
            "zoo/resnet_lite",
            "resnet50",
            "s.yaml:6:15: unknown model 'resnet50'\n"
            "  6 |   A: {source: resnet50, baseline: true}\n"
            "    |               ^\n"
            "  Did you mean 'torchvision/resnet50'? `reportgen list models` lists all.",
            id="model without its family",
        ),
        pytest.param(
            "zoo/resnet_lite",
            "mine.py",
            "s.yaml:6:15: unknown model 'mine.py'\n"
            "  6 |   A: {source: mine.py, baseline: true}\n"
            "    |               ^\n"
            "  Write PATH/TO/FILE.py:FACTORY.",
            id="file without factory",
        ),
        pytest.param(
            "zoo/resnet_lite,",
            "zoo/cifar_resnet50, args: {stem_pol: true},",
            "s.yaml:6:6: 'zoo/cifar_resnet50' has no argument 'stem_pol'\n"
            "  6 |   A: {source: zoo/cifar_resnet50, args: {stem_pol: true}, baseline: true}\n"
            "    |      ^\n"
            "  Did you mean 'stem_pool'?",
            id="unknown argument",
        ),
        pytest.param(
            "cifar10:",
            "cifar11:",
            "s.yaml:4:3: unknown data set 'cifar11'\n"
            "  4 |   cifar11: {split: test}\n"
            "    |   ^\n"
            "  Did you mean 'cifar10'? `reportgen list datasets` lists all. Or say what it is: "
            "`source: folder` or `source: synthetic`.",
            id="unknown data set",
        ),
        pytest.param(
            "split: test",
            "split: tset",
            "s.yaml:4:20: 'cifar10' has no split 'tset'\n"
            "  4 |   cifar10: {split: tset}\n"
            "    |                    ^\n"
            "  Did you mean 'test'?",
            id="unknown split",
        ),
        pytest.param(
            "split: test",
            "normalize: imagnet",
            "s.yaml:4:24: unknown normalisation 'imagnet'\n"
            "  4 |   cifar10: {normalize: imagnet}\n"
            "    |                        ^\n"
            "  Did you mean 'imagenet'?",
            id="unknown normalisation",
        ),
        pytest.param(
            "split: test",
            "shape: [3, 8, 8]",
            "s.yaml:4:13: 'cifar10' has its own shape\n"
            "  4 |   cifar10: {shape: [3, 8, 8]}\n"
            "    |             ^\n"
            "  Remove it.",
            id="shape of a known data set",
        ),
        pytest.param(
            "cifar10: {split: test}",
            "pets: {source: synthetic, shape: [3, 8, 8]}",
            "s.yaml:4:3: a data set from `synthetic` needs 'classes'\n"
            "  4 |   pets: {source: synthetic, shape: [3, 8, 8]}\n"
            "    |   ^\n"
            "  Add `classes: 10`, or how many there are.",
            id="data set that lacks its classes",
        ),
        pytest.param(
            "cifar_resnet20}",
            "cifar_resnet20, baseline: true}",
            "s.yaml:7:35: two baselines: 'A' and 'B'\n"
            "  7 |   B: {source: zoo/cifar_resnet20, baseline: true}\n"
            "    |                                   ^\n"
            "  Mark one model only.",
            id="two baselines",
        ),
        pytest.param(
            "cifar_resnet20}",
            "cifar_resnet20, datasets: [cifar100]}",
            "s.yaml:7:46: no data set 'cifar100' in this spec\n"
            "  7 |   B: {source: zoo/cifar_resnet20, datasets: [cifar100]}\n"
            "    |                                              ^\n"
            "  Did you mean 'cifar10'?",
            id="data set that is not in the spec",
        ),
        pytest.param(
            "cifar_resnet20}",
            "cifar_resnet20, weights: {url: https://x.org/a.th}}",
            "s.yaml:7:44: a url needs 'sha256'\n"
            "  7 |   B: {source: zoo/cifar_resnet20, weights: {url: https://x.org/a.th}}\n"
            "    |                                            ^\n"
            "  Write the first 8 or more digits of the file's SHA-256.",
            id="download that nothing pins",
        ),
        pytest.param(
            "cifar_resnet20}",
            "cifar_resnet20, weights: {file: a.th, torchvision: DEFAULT}}",
            "s.yaml:7:44: weights come from one place, and here are 'file' and 'torchvision'\n"
            "  7 |   B: {source: zoo/cifar_resnet20, weights: {file: a.th, torchvision: DEFAULT}}\n"
            "    |                                            ^\n"
            "  Write exactly one of file, url, torchvision or fit.",
            id="two origins of weights",
        ),
        pytest.param(
            "cifar_resnet20}",
            "cifar_resnet20, weights: {fit: {epochs: 1}, key: ema}}",
            "s.yaml:7:44: 'key' chooses in a file or a url only\n"
            "  7 |   B: {source: zoo/cifar_resnet20, weights: {fit: {epochs: 1}, key: ema}}\n"
            "    |                                            ^\n"
            "  Remove it.",
            id="a key of no file",
        ),
        pytest.param(
            "cifar_resnet20}",
            "cifar_resnet20, weights: {torchvision: DEFAULT}}",
            "s.yaml:7:6: torchvision publishes no weights of 'zoo/cifar_resnet20'\n"
            "  7 |   B: {source: zoo/cifar_resnet20, weights: {torchvision: DEFAULT}}\n"
            "    |      ^\n"
            "  Write `source: torchvision/NAME`, or weights from a file, a url or a fit.",
            id="torchvision's weights of another model",
        ),
        pytest.param(
            "cifar_resnet20}",
            "cifar_resnet20, args: {in_channels: [{a: [.inf]}]}}",
            "s.yaml:7:61: '0' must be a finite number\n"
            "  7 |   B: {source: zoo/cifar_resnet20, args: {in_channels: [{a: [.inf]}]}}\n"
            "    |                                                             ^",
            id="an argument inside another",
        ),
        pytest.param(
            "cifar_resnet20}",
            "cifar_resnet20, quantize: {scheme: int4}}",
            "s.yaml:7:54: 'int4' is no choice for 'scheme'\n"
            "  7 |   B: {source: zoo/cifar_resnet20, quantize: {scheme: int4}}\n"
            "    |                                                      ^\n"
            "  Known: int8-dynamic, int8-static.",
            id="unknown scheme",
        ),
        pytest.param(
            "complexity: {}",
            "accuracy: {metrics: [top1, top2]}",
            "s.yaml:9:30: unknown metric 'top2'\n"
            "  9 |   accuracy: {metrics: [top1, top2]}\n"
            "    |                              ^\n"
            "  Did you mean 'top5'?",
            id="unknown metric",
        ),
        pytest.param(
            "complexity: {}",
            "timing: {batch_sizes: [0]}",
            "s.yaml:9:26: '0' must be more than 0\n"
            "  9 |   timing: {batch_sizes: [0]}\n"
            "    |                          ^",
            id="number out of range",
        ),
        pytest.param(
            "  complexity: {}\n",
            "  complexity: {}\nreport: {columns: [parms]}\n",
            "s.yaml:10:20: unknown metric 'parms'\n"
            "  10 | report: {columns: [parms]}\n"
            "     |                    ^\n"
            "  Did you mean 'params'? `reportgen list metrics` lists all.",
            id="unknown column",
        ),
        pytest.param(
            "  complexity: {}\n",
            "  complexity: {}\nreport: {columns: [macs, top1]}\n",
            "s.yaml:10:26: nothing here gives the column 'top1'\n"
            "  10 | report: {columns: [macs, top1]}\n"
            "     |                          ^\n"
            "  Add `accuracy: {}` to `measure`, or remove the column.",
            id="column that nothing fills",
        ),
        pytest.param(
            "  complexity: {}\n",
            "  timing: {batch_sizes: [1, 8]}\nreport: {columns: [latency@4]}\n",
            "s.yaml:10:20: batch size 4 is not timed\n"
            "  10 | report: {columns: [latency@4]}\n"
            "     |                    ^\n"
            "  Add it to `measure: timing: batch_sizes`, or choose one of [1, 8].",
            id="batch size that is not timed",
        ),
        pytest.param(
            "  complexity: {}\n",
            "  complexity: {}\nreported:\n  - {of: C, metric: macs, value: 1 G, from: x}\n",
            "s.yaml:11:10: no model 'C' in this spec\n"
            "  11 |   - {of: C, metric: macs, value: 1 G, from: x}\n"
            "     |          ^\n"
            "  Known: A, B.",
            id="figure of an unknown model",
        ),
        pytest.param(
            "  complexity: {}\n",
            "  complexity: {}\nreported:\n  - {of: A, metric: top1, value: 3 s, from: x}\n",
            "s.yaml:11:34: 'top1' cannot be '3 s'\n"
            "  11 |   - {of: A, metric: top1, value: 3 s, from: x}\n"
            "     |                                  ^\n"
            "  '3 s' is in s: write a value in %.",
            id="figure in the wrong unit",
        ),
        pytest.param(
            "  complexity: {}\n",
            "  complexity: {}\n  timing: {allocator: null}\n",
            "s.yaml:10:23: 'allocator' is empty\n"
            "  10 |   timing: {allocator: null}\n"
            "     |                       ^\n"
            "  Give it a value: 'steady' or 'system'.",
            id="nothing where there is a choice",
        ),
    ],
)
def test_error(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert complaint(GOOD.replace(old, new)) == expected


def test_several_errors_are_reported_together_in_the_order_of_the_file() -> None:
    text = GOOD.replace("zoo/resnet_lite", "zoo/x").replace("cifar10:", "cifar11:")
    text = text.replace("title: T", "title: 3")
    places = [line.split(": ")[0] for line in complaint(text).splitlines() if "s.yaml" in line]
    assert places == ["s.yaml:2:8", "s.yaml:4:3", "s.yaml:6:15"]


def test_a_file_that_is_not_there_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "cifar10.yaml").write_text(GOOD)
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "cifar.yaml")
    assert str(caught.value) == (
        f"{tmp_path / 'cifar.yaml'}: no such spec. Did you mean 'cifar10.yaml'?"
    )


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_bytes(b"title: \xff")
    with pytest.raises(UsageError, match=r"s\.yaml: not UTF-8 text \(byte 7\)\.$"):
        load(tmp_path / "s.yaml")


def test_a_list_is_no_spec() -> None:
    assert complaint("- 1") == (
        "s.yaml:1:1: a spec is a mapping of keys\n"
        "  1 | - 1\n"
        "    | ^\n"
        "  `reportgen init` writes one to start from."
    )
