"""Spec → Plan: the builds, what they want, and what they depend on."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.common.errors import UsageError
from reportgen.plan.dependencies import find_module
from reportgen.plan.plan import NO_DATA, Plan
from reportgen.plan.resolve import plan
from reportgen.record.record import InputTensor
from reportgen.spec import loads

SPEC = """\
reportgen: 1
title: T
datasets:
  cifar10: {}
  cifar100: {}
models:
  A: {source: zoo/resnet_lite, baseline: true}
  B: {source: zoo/cifar_resnet20, datasets: [cifar10], classes: [10, 101]}
measure:
  complexity: {}
  timing: {batch_sizes: [1, 8]}
  accuracy: {metrics: [top1]}
reported:
  - {of: A, dataset: cifar100, metric: top1, value: 60 %, from: x}
  - {of: B, classes: 101, metric: time.total, value: 12 ms, from: y}
"""


def of(text: str) -> Plan:
    return plan(loads(text), name="t", spec_dir=Path())


def test_builds_are_models_times_data_sets_times_class_counts() -> None:
    builds = of(SPEC).builds
    assert {key: (b.data.name, b.classes) for key, b in builds.items()} == {
        "A @ cifar10": ("cifar10", 10),
        "B @ cifar10": ("cifar10", 10),
        "B (101 classes) @ cifar10": ("cifar10", 101),
        "A @ cifar100": ("cifar100", 100),
    }


def test_a_single_data_set_is_not_named_in_every_row() -> None:
    text = SPEC.replace("  cifar100: {}\n", "").replace("dataset: cifar100, ", "")
    assert list(of(text).builds) == ["A", "B", "B (101 classes)"]


def test_a_build_is_compared_with_the_baseline_of_its_kind() -> None:
    made = of(SPEC)
    baselines = {key: made.baseline_of(build) for key, build in made.builds.items()}
    assert {key: found and found.id for key, found in baselines.items()} == {
        "A @ cifar10": "A @ cifar10",
        "B @ cifar10": "A @ cifar10",
        "B (101 classes) @ cifar10": None,
        "A @ cifar100": "A @ cifar100",
    }


def test_what_a_build_wants_follows_from_what_is_measured() -> None:
    wanted = of(SPEC).builds["A @ cifar10"].wanted
    assert wanted["timing"] == (
        *("latency@1", "latency@8", "throughput@1", "throughput@8"),
        "time.total",
    )
    assert wanted["speedup"] == ("speedup@1", "speedup@8")
    assert wanted["accuracy"] == ("top1",)
    assert "timing" not in of(SPEC.replace("  timing: {batch_sizes: [1, 8]}\n", "")).builds


def test_figures_of_others_go_to_the_builds_they_are_of() -> None:
    builds = of(SPEC).builds
    assert builds["A @ cifar100"].reported["top1"].text == "60 %"
    assert builds["A @ cifar10"].reported == {}
    seconds = builds["B (101 classes) @ cifar10"].reported["time.total"]
    assert (seconds.value, seconds.unit, seconds.text) == (0.012, "s", "12 ms")
    assert builds["B @ cifar10"].reported == {}


def test_why_a_build_can_have_no_accuracy() -> None:
    weights = "weights: {fit: {epochs: 1}}"
    builds = of(SPEC.replace("cifar_resnet20,", f"cifar_resnet20, {weights},")).builds
    assert builds["A @ cifar10"].no_accuracy == "the spec gives no weights"
    assert builds["B @ cifar10"].no_accuracy == ""
    assert builds["B (101 classes) @ cifar10"].no_accuracy == (
        "built for 101 classes, and the data set has 10"
    )


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("title: T", "title: U", set()),
        ("  cifar10: {}", "  cifar10: {normalize: imagenet}", {"accuracy"}),
        ("classes: [10, 101]", "classes: [10, 101], weights: {fit: {epochs: 1}}", {"accuracy"}),
        ("complexity: {}", "complexity: {backward_factor: 3.0}", {"complexity"}),
        ("batch_sizes: [1, 8]", "batch_sizes: [1, 8], rounds: 5", {"timing", "speedup"}),
        ("batch_sizes: [1, 8]", "batch_sizes: [1, 9]", set()),
        ("zoo/resnet_lite", "zoo/cifar_resnet32", {"speedup"}),
        (
            "source: zoo/cifar_resnet20",
            "source: zoo/cifar_resnet32",
            {"complexity", "timing", "speedup", "accuracy"},
        ),
    ],
)
def test_what_a_change_of_the_spec_makes_stale(old: str, new: str, changed: set[str]) -> None:
    assert old in SPEC
    before = of(SPEC).builds["B @ cifar10"].dependencies
    after = of(SPEC.replace(old, new, 1)).builds["B @ cifar10"].dependencies
    assert {group for group in before if before[group] != after[group]} == changed


def test_a_change_of_ones_own_code_makes_its_figures_stale(tmp_path: Path) -> None:

    spec = loads(SPEC.replace("zoo/resnet_lite", "mine.py:net"))
    digests = []
    for text in ("width = 1", "width = 2", "width = 2  # wide"):
        (tmp_path / "mine.py").write_text(text)
        made = plan(spec, name="t", spec_dir=tmp_path)
        digests.append(made.builds["A @ cifar10"].dependencies["complexity"]["code"])
    assert digests[0] != digests[1] == digests[2]


def test_a_module_is_found_without_running_its_package(tmp_path: Path) -> None:
    package = tmp_path / "lab"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "nets.py").write_text("")
    assert find_module("lab.nets", [str(tmp_path)]) == package / "nets.py"
    assert find_module("lab.other", [str(tmp_path)]) is None
    assert find_module("lab.nets.deeper", [str(tmp_path)]) is None


TAKES = """\
reportgen: 1
title: T
datasets:
  cifar10: {}
  cifar100: {}
models:
  D:
    source: zoo/decoder
    inputs: {tokens: {shape: [128], dtype: int64, below: 32000}, mask: [4]}
  A: {source: zoo/resnet_lite, baseline: true}
measure:
  complexity: {}
  timing: {}
  accuracy: {metrics: [top1]}
claims:
  - {of: D, metric: params, value: 1 M, from: x}
"""


def test_a_model_with_inputs_is_one_build_on_no_data_set_and_comes_last() -> None:
    made = of(TAKES)
    assert made.settings.order == ("A @ cifar10", "A @ cifar100", "D")
    build = made.builds["D"]
    assert build.inputs == (
        InputTensor("tokens", (128,), "int64", below=32_000),
        InputTensor("mask", (4,), "float32"),
    )
    assert (build.data, build.classes, build.input_shape) == (NO_DATA, 0, ())
    assert (build.noun, made.builds["A @ cifar10"].noun) == ("samples", "images")
    assert "time.total" not in build.wanted["timing"]
    assert "speedup" not in build.wanted  # the baseline gets images
    assert "time.total" in made.builds["A @ cifar10"].wanted["timing"]
    assert build.no_accuracy == "the spec gives its inputs, and no right answers to them"
    assert made.baseline_of(build) is None
    assert [claim.value for claim in build.claims] == ["1 M"]
    assert list(made.empty_record().datasets) == ["cifar10", "cifar100"]
    assert made.empty_record().builds["D"].inputs == build.inputs


def test_a_model_with_inputs_has_classes_where_it_asks_for_them() -> None:
    text = TAKES.replace("zoo/decoder", "mine.py:net\n    classes: [3]")
    assert {key: b.classes for key, b in of(text).builds.items() if b.inputs} == {"D": 3}
    text = text.replace("[3]", "[3, 5]").replace("of: D", "of: D, classes: 5")
    assert {key: b.classes for key, b in of(text).builds.items() if b.inputs} == {
        "D (3 classes)": 3,
        "D (5 classes)": 5,
    }
    text = TAKES.replace("title: T", "title: T\nclasses: [3, 5]")
    assert [b.classes for b in of(text).builds.values() if b.inputs] == [0]


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("shape: [128]", "shape: [64]", True),
        ("below: 32000", "below: 320", True),
        ("mask: [4]", "mask: {shape: [4], batch: false}", True),
        ("mask: [4]", "mask: {shape: [4], dtype: float32}", False),
        ("mask: [4]", "mask: {shape: [4], batch: true}", False),
    ],
)
def test_what_of_its_inputs_makes_a_model_stale(old: str, new: str, changed: bool) -> None:
    before, after = (of(text).builds["D"].dependencies for text in (TAKES, TAKES.replace(old, new)))
    for group in ("complexity", "timing"):
        assert (before[group]["model"] != after[group]["model"]) == changed


def test_inputs_change_no_digest_of_a_model_without() -> None:
    # As shipped in out/resnet18_modules.json before there were inputs.
    build = of(
        "reportgen: 1\ntitle: T\n"
        "datasets: {images: {source: synthetic, shape: [3, 224, 224], classes: 1000}}\n"
        "models: {R: {source: torchvision/resnet18}}\n"
    ).builds["R"]
    assert build.dependencies["complexity"]["model"] == "86d469c61985"


def test_two_builds_of_one_name_are_refused() -> None:
    text = SPEC.replace(
        "  A: {source",
        '  "B (101 classes)": {source: zoo/resnet_lite, datasets: [cifar10]}\n  A: {source',
    )
    with pytest.raises(UsageError) as caught:
        of(text)
    assert str(caught.value) == (
        "t: two builds are called 'B (101 classes) @ cifar10': rename a model."
    )


def test_how_many_are_timed_together_makes_nothing_stale() -> None:
    text = (
        "reportgen: 1\ntitle: T\ndatasets: {cifar10: {}}\nmodels: {A: {source: zoo/resnet_lite}}\n"
        "measure: {complexity: {}, timing: {OPTIONS}, accuracy: {OPTION}LIMIT}\n"
    )
    plain = text.replace("OPTIONS", "rounds: 9").replace("OPTION", "").replace("LIMIT", "")
    other = (
        text.replace("OPTIONS", "rounds: 9, together: 2")
        .replace("OPTION", "channels_last: true, batch_size: 8")
        .replace("LIMIT", ", time_limit: 60")
    )
    rounds = plain.replace("rounds: 9", "rounds: 8")
    dependencies, of_other, of_rounds = (
        of(each).builds["A"].dependencies for each in (plain, other, rounds)
    )
    assert dependencies == of_other
    assert dependencies["timing"] != of_rounds["timing"]
