"""Columns and the conventions they are read by."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from reportgen.counting.conventions import PARAMS, WORK
from reportgen.counting.readings import FAMILIES, PLAIN, reading
from reportgen.record.ledger import Kind, Ledger, Module, Operation
from reportgen.record.metrics import METRICS, metric_of, parse_key, rank
from reportgen.spec.columns import Column


def test_every_convention_has_a_column() -> None:
    for metric, conventions in FAMILIES.items():
        assert METRICS[metric].by_convention
        for name, convention in conventions.items():
            key = f"{metric}.{name}"
            assert reading(key) is convention
            assert parse_key(key).convention == name
            assert parse_key(key).column == key
            assert metric_of(key).name == key
    assert {name for name, row in METRICS.items() if row.by_convention} == set(FAMILIES)


def test_mmengine_is_another_name_of_fvcore() -> None:
    assert reading("flops.mmengine") is WORK["fvcore"]
    assert reading("flops.mmengine-train") is WORK["fvcore-train"]
    assert metric_of("flops.mmengine").label == "FLOPs (mmengine)"
    assert TypeAdapter(Column).validate_python("flops.mmengine") == "flops.mmengine"
    # one way to count, once in every table of them
    assert not {"mmengine", "mmengine-train"} & set(WORK)


def test_mmengine_where_no_convention_may_be() -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(Column).validate_python("macs.mmengine")
    assert "Write flops.mmengine" in str(error.value.errors()[0])


def test_a_column_without_a_convention_has_its_own() -> None:
    assert reading("macs") is WORK["macs"]
    assert reading("flops") is WORK["flops"]
    assert reading("params") is PARAMS["all"]
    assert reading("trainable_params") is PARAMS["trainable"]
    assert set(PLAIN) <= set(METRICS)


@pytest.mark.parametrize("key", ["top1", "flops.thopp", "macs.thop", "params.thop", "flops.", ""])
def test_other_columns_are_not_read_off_a_ledger(key: str) -> None:
    with pytest.raises(KeyError):
        reading(key)


def test_a_metric_by_convention_is_no_contest() -> None:
    metric = metric_of("flops.fvcore-train")
    assert (metric.label, metric.better) == ("FLOPs (fvcore-train)", None)
    assert (metric.unit, metric.kind) == ("", "complexity")


def test_a_dot_may_be_part_of_a_name() -> None:
    assert (parse_key("time.total").name, parse_key("time.total").convention) == ("time.total", "")


@pytest.mark.parametrize(
    "key", ["flops.keras@4", "macs.keras", "flops.UPPER", ".keras", "flops.", "flops.a b"]
)
def test_keys_that_cannot_be(key: str) -> None:
    with pytest.raises(KeyError):
        parse_key(key)


def test_columns_by_convention_follow_their_metric() -> None:
    keys = ["macs", "flops.thop", "params.keras", "flops", "params", "latency@4"]
    assert sorted(keys, key=rank) == [
        *("params", "params.keras", "macs", "flops", "flops.thop"),
        "latency@4",
    ]


def test_activations_are_the_outputs_of_layers_with_products() -> None:
    ledger = Ledger(
        (Module("", "Net"),),
        tuple(
            Operation(0, kind, "f", out_elements=10**power)
            for power, kind in enumerate(
                (
                    *(Kind.CONVOLUTION, Kind.DEPTHWISE_CONVOLUTION, Kind.TRANSPOSED_CONVOLUTION),
                    *(Kind.LINEAR, Kind.MATMUL, Kind.EINSUM, Kind.BATCH_NORM, Kind.ACTIVATION),
                )
            )
        ),
    )
    assert reading("activations").total(ledger) == 111_111
