"""One spec out of several: bases, defaults, and errors that point to where a value stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.common.errors import SpecError
from reportgen.plan.plan import Plan
from reportgen.plan.resolve import plan
from reportgen.spec import load, loads
from reportgen.spec.compose import merge
from reportgen.spec.yaml_text import Place, Source, Text

BASE = """\
reportgen: 1
title: Base
datasets:
  cifar10: {split: test}
models:
  A: {source: zoo/resnet_lite, baseline: true}
measure:
  complexity: {}
  timing: {batch_sizes: [1, 8], rounds: 5}
"""


def write(folder: Path, **specs: str) -> Path:
    """Write specs; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in specs.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def planned(path: Path) -> Plan:
    return plan(load(path), name="s", spec_dir=path.parent)


def complaint(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        load(path)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_mappings_are_merged_and_lists_replaced(tmp_path: Path) -> None:
    over = """\
extends: base.yaml
title: Mine
models:
  A: {args: {width: 2}}
  B: {source: zoo/cifar_resnet20}
measure:
  timing: {batch_sizes: [4]}
"""
    write(tmp_path, base=BASE, mine=over.replace("args: {width: 2}", "classes: [10, 20]"))
    spec = load(tmp_path / "mine.yaml")
    assert spec.title == "Mine"
    assert list(spec.models) == ["A", "B"]
    assert (spec.models["A"].source, spec.models["A"].classes) == ("zoo/resnet_lite", [10, 20])
    assert spec.measure.timing is not None
    assert (spec.measure.timing.batch_sizes, spec.measure.timing.rounds) == ([4], 5)
    assert spec.measure.complexity is not None


def test_of_several_bases_the_last_one_counts(tmp_path: Path) -> None:
    one, two = "title: One\nmeasure: {complexity: {batch_size: 2}}\n", "title: Two\n"
    write(tmp_path, base=BASE, one=one, two=two, s="extends: [base.yaml, one.yaml, two.yaml]\n")
    spec = load(tmp_path / "s.yaml")
    assert spec.title == "Two"
    assert spec.measure.complexity is not None
    assert spec.measure.complexity.batch_size == 2


def test_a_base_may_have_a_base(tmp_path: Path) -> None:
    write(
        tmp_path, base=BASE, middle="extends: base.yaml\ntitle: Middle\n", s="extends: middle.yaml"
    )
    assert load(tmp_path / "s.yaml").title == "Middle"


def test_a_split_spec_has_the_digests_of_the_whole_one(tmp_path: Path) -> None:
    models = "models:\n  A: {source: zoo/resnet_lite, baseline: true}\n"
    write(
        tmp_path,
        whole=BASE,
        base=BASE.replace(models, "").replace("rounds: 5", "rounds: 7"),
        split=f"extends: base.yaml\n{models}measure: {{timing: {{rounds: 5}}}}\n",
    )
    whole, split = (planned(tmp_path / f"{name}.yaml") for name in ("whole", "split"))
    assert {key: build.dependencies for key, build in split.builds.items()} == {
        key: build.dependencies for key, build in whole.builds.items()
    }
    assert split.settings == whole.settings


def test_an_error_points_into_the_file_that_the_value_came_from(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=BASE.replace("rounds: 5", "rounds: 2"),
        s="extends: base.yaml\nmodels:\n  A: {sorce: x}\n",
    )
    assert complaint(tmp_path / "s.yaml") == (
        "base.yaml:9:41: 'rounds' must be at least 3\n"
        "  9 |   timing: {batch_sizes: [1, 8], rounds: 2}\n"
        "    |                                         ^\n"
        "s.yaml:3:7: unknown key 'sorce'\n"
        "  3 |   A: {sorce: x}\n"
        "    |       ^\n"
        "  Did you mean 'source'?"
    )


def test_a_base_that_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, base=BASE, s="title: x\nextends: bases.yaml\n")
    assert complaint(tmp_path / "s.yaml") == (
        "s.yaml:2:10: no such spec: 'bases.yaml'\n"
        "  2 | extends: bases.yaml\n"
        "    |          ^\n"
        "  Did you mean 'base.yaml'?"
    )


def test_a_circle(tmp_path: Path) -> None:
    write(tmp_path, a="extends: b.yaml\n", b="title: B\nextends: [a.yaml]\n")
    assert complaint(tmp_path / "a.yaml") == (
        "b.yaml:2:11: 'a.yaml' extends this spec in turn: a.yaml → b.yaml → a.yaml\n"
        "  2 | extends: [a.yaml]\n"
        "    |           ^\n"
        "  Remove one of them."
    )


@pytest.mark.parametrize("given", ["3", "{a: b}", "[1]", ""])
def test_extending_what_is_no_name(tmp_path: Path, given: str) -> None:
    write(tmp_path, s=f"extends: {given}\n")
    assert complaint(tmp_path / "s.yaml").startswith("s.yaml:1:")
    assert complaint(tmp_path / "s.yaml").endswith(
        "  Write `extends: base.yaml`, or `extends: [one.yaml, two.yaml]`."
    )


def test_a_base_must_be_a_readable_mapping(tmp_path: Path) -> None:
    write(tmp_path, base="- 1\n", s="extends: base.yaml\n")
    assert complaint(tmp_path / "s.yaml").startswith("base.yaml:1:1: a spec is a mapping of keys\n")
    (tmp_path / "base.yaml").write_bytes(b"title: \xff")
    assert complaint(tmp_path / "s.yaml").startswith(
        "s.yaml:1:10: 'base.yaml' is not UTF-8 text (byte 7)\n"
    )


def test_paths_of_a_base_are_relative_to_it(tmp_path: Path) -> None:
    base = BASE + "report: {templates: looks}\n"
    base = base.replace("zoo/resnet_lite,", "nets/mine.py:net, weights: {file: a.pt},")
    base = base.replace("cifar10: {split: test}", "pets: {path: pets.zip, SHAPE}").replace(
        "SHAPE", "source: folder, shape: [3, 8, 8], classes: 2"
    )
    write(tmp_path / "common", base=base)
    write(tmp_path / "specs", s="extends: ../common/base.yaml\n")
    spec = load(tmp_path / "specs" / "s.yaml")
    model = spec.models["A"]
    assert model.weights is not None
    assert (model.source, model.weights.file) == ("../common/nets/mine.py:net", "../common/a.pt")
    assert spec.datasets["pets"].path == "../common/pets.zip"
    assert spec.report.templates == "../common/looks"
    # Names of the catalogue and absolute paths are none of a folder.
    write(tmp_path / "common", base=BASE + "report: {templates: /looks}\n")
    spec = load(tmp_path / "specs" / "s.yaml")
    assert (spec.models["A"].source, spec.report.templates) == ("zoo/resnet_lite", "/looks")


DEFAULTS = BASE.replace("models:\n", "  cifar100:\nmodels:\n  B: {source: zoo/cifar_resnet20}\n")
DEFAULTS += "defaults:\n  model: {normalize: imagenet}\n  dataset: {split: train}\n"


def test_defaults_hold_where_nothing_else_is_said() -> None:
    spec = loads(DEFAULTS.replace("baseline: true", "normalize: cifar10"))
    given = [model.normalize for model in spec.models.values()]
    assert given[0] is not None
    assert given[1] is not None
    assert given[0].mean == [0.485, 0.456, 0.406]
    assert given[1].mean != given[0].mean
    assert {name: data.split for name, data in spec.datasets.items()} == {
        "cifar10": "test",
        "cifar100": "train",
    }
    assert list(spec.models) == ["B", "A"]


def test_an_error_in_the_defaults_is_told_once_and_there() -> None:
    with pytest.raises(SpecError) as caught:
        loads(DEFAULTS.replace("normalize: imagenet", "normalise: imagenet"), "s.yaml")
    assert str(caught.value) == (
        "s.yaml:13:11: unknown key 'normalise'\n"
        "  13 |   model: {normalise: imagenet}\n"
        "     |           ^\n"
        "  Did you mean 'normalize'?"
    )


def test_defaults_of_something_else() -> None:
    with pytest.raises(SpecError) as caught:
        loads(BASE + "defaults: {models: {normalize: imagenet}}\n", "s.yaml")
    assert str(caught.value) == (
        "s.yaml:10:12: unknown key 'models'\n"
        "  10 | defaults: {models: {normalize: imagenet}}\n"
        "     |            ^\n"
        "  Did you mean 'model'?"
    )


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("", {"fit": {"epochs": 3}}),
        ("weights: {fit: {epochs: 1, seed: 2}}", {"fit": {"epochs": 1, "seed": 2}}),
        ("weights: {fit: {epochs: 1}}", {"fit": {"epochs": 1}}),
        ("weights: {file: a.pt}", {"file": "a.pt"}),
        ("weights: null", None),
    ],
)
def test_weights_that_come_from_elsewhere_replace_the_default(own: str, expected: Any) -> None:
    text = BASE.replace("baseline: true", own or "baseline: false")
    spec = loads(f"{text}defaults: {{model: {{weights: {{fit: {{epochs: 3}}}}}}}}\n")
    weights = spec.models["A"].weights
    assert (weights and weights.model_dump(exclude_unset=True)) == expected


NESTED = st.recursive(
    st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=12,
)
MAPPINGS = st.dictionaries(st.sampled_from("abcd"), NESTED, max_size=4)


def of(value: Any, name: str) -> Source:
    """Return a source in which everything stands in the text of this name."""
    places: dict[Any, Place] = {}

    def visit(inside: Any, path: tuple[Any, ...]) -> None:
        places[path] = Place(Text(name))
        items = inside.items() if isinstance(inside, dict) else ()
        for key, entry in items:
            visit(entry, (*path, key))

    visit(value, ())
    return Source(Text(name), value, dict(places), dict(places))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    if isinstance(value, dict) and value:
        inside = (leaves(entry, (*path, key)) for key, entry in value.items())
        return {at: leaf for part in inside for at, leaf in part.items()}
    return {path: value}


@given(MAPPINGS, MAPPINGS)
def test_everything_merged_is_from_one_of_both_and_knows_from_which(base: Any, over: Any) -> None:
    merged = merge(of(base, "base"), of(over, "over"))
    below, above = leaves(base), leaves(over)
    for path, leaf in leaves(merged.value).items():
        if path == ():
            continue
        name = merged.values[path].text.name
        assert (above if name == "over" else below)[path] == leaf
    for path, leaf in above.items():
        if leaf != {}:
            assert leaves(merged.value)[path] == leaf


@given(MAPPINGS)
def test_merging_with_nothing_or_itself_changes_nothing(value: Any) -> None:
    for one, other in ((value, {}), ({}, value), (value, value)):
        assert merge(of(one, "base"), of(other, "over")).value == value
