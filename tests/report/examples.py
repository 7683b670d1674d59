"""Records for the tests: one like those that ship, and awkward ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reportgen.record.record import (
    BuildRecord,
    Cause,
    DatasetRecord,
    Figure,
    Record,
    ReportSettings,
)
from reportgen.report.tables import Table

MACHINE = "2f3c9a1e"
_ENVIRONMENT = {
    "cpu": "Intel(R) Xeon(R) CPU @ 2.20GHz",
    "cores": "2",
    "threads": "2",
    "system": "Linux x86_64",
    "python": "3.11.9",
    "torch": "2.15.0",
    "torchvision": "0.29.2",
    "deepspeed": "0.19.8",
}
_README = "cifar10_demo_gptgenNet README"
_NO_WEIGHTS: Mapping[str, Any] = {"cause": "undeclared", "reason": "the spec gives no weights"}
_NO_FILE: Mapping[str, Any] = {
    "cause": "missing",
    "reason": "the weights could not be downloaded",
    "hint": "put resnet56-4bfd9763.th into the folder given by --data-dir",
}


def counted(value: int, convention: str = "macs", **more: Any) -> Figure:
    """Return an exact figure."""
    return Figure("measured", value, by="deepspeed 0.19.8", convention=convention, **more)


def timed(value: float, unit: str = "ms", **more: Any) -> Figure:
    """Return a noisy figure."""
    more = {"environment": MACHINE, "samples": 7, **more}
    return Figure("measured", value, unit, **more)


def scored(correct: int, total: int = 10_000) -> Figure:
    """Return an accuracy."""
    return Figure(
        "measured", 100 * correct / total, "%", by="torchmetrics", correct=correct, total=total
    )


def missing(cause: Cause, reason: str, hint: str = "") -> Figure:
    """Return a figure that is not there."""
    return Figure("unavailable", cause=cause, reason=reason, hint=hint)


def quoted(text: str, value: float, unit: str = "%", source: str = _README) -> Figure:
    """Return a figure that somebody published."""
    return Figure("reported", value, unit, text=text, source=source)


def counts(params: int, macs: int, flops: int, parameters: str = "all") -> dict[str, Figure]:
    """Return the exact figures of a build."""
    return {
        "params": counted(params, parameters),
        "macs": counted(macs),
        "flops": counted(flops, "flops"),
    }


def build(model: str, **more: Any) -> BuildRecord:
    """Return a build for CIFAR-10."""
    defaults: dict[str, Any] = {
        "dataset": "cifar10",
        "classes": 10,
        "source": "zoo/cifar_resnet50",
        "input_shape": (3, 32, 32),
    }
    return BuildRecord(model=model, **defaults | more)


def record_of(*builds: BuildRecord, **settings: Any) -> Record:
    """Return a record of builds, in that order, without any background."""
    named = {f"{build.model} @ {build.dataset} {build.classes}": build for build in builds}
    return Record(
        spec="example",
        title="An example",
        report=ReportSettings(order=tuple(named), **settings),
        builds=named,
    )


def cifar10_record() -> Record:
    """Return a record with most of what a real one holds."""
    no_weights = Figure("unavailable", **_NO_WEIGHTS)
    no_file = Figure("unavailable", **_NO_FILE)
    builds = (
        build(
            "Original Model",
            baseline=True,
            figures=counts(23_520_842, 1_297_829_888, 2_605_464_576)
            | {
                "latency@1": timed(36.81, spread=0.74),
                "speedup@1": Figure("derived", 1, "×", environment=MACHINE),
                "time.total": timed(172.2883, "s", samples=1),
                "top1": no_weights,
                "loss": no_weights,
            },
            reported={"top1": quoted("87.79 %", 87.79)},
        ),
        build(
            "Lite Model",
            source="zoo/resnet_lite",
            figures=counts(1_598_378, 101_550_592, 203_777_024)
            | {
                "latency@1": timed(3.412, spread=0.11),
                "speedup@1": timed(10.79, "×", interval=(10.51, 11.02)),
                "time.total": timed(12.43, "s", samples=1),
                "top1": no_weights,
                "loss": no_weights,
            },
            reported={"top1": quoted("90.24 %", 90.24)},
        ),
        build(
            "Quant Model",
            dtype="int8",
            metadata={"int8": "x86, 512 images of the train split"},
            figures=counts(23_498_122, 325_799_936, 658_944_000, "packed")
            | {
                "latency@1": timed(37.02, spread=3.9),
                "speedup@1": timed(0.9942, "×", interval=(0.9611, 1.031)),
                "time.total": timed(10.74, "s", samples=1, environment="77aa01bc"),
                "top1": no_weights,
                "loss": no_weights,
            },
            reported={"top1": quoted("79.81 %", 79.81)},
        ),
        build(
            "ResNet-20",
            source="zoo/cifar_resnet20",
            metadata={"weights": "sha256 12fca82f0bebc4135bf1f32f6e3710e61d5108578464b84f"},
            figures=counts(269_722, 40_551_040, 81_800_000)
            | {
                "macs": counted(40_551_040, check=40_813_184, checked_by="torch FlopCounterMode"),
                "latency@1": timed(2.961, spread=0.08),
                "speedup@1": timed(12.43, "×", interval=(12.1, 12.71)),
                "time.total": timed(8.9, "s", samples=1),
                "top1": scored(9173),
                "loss": Figure("measured", 0.35217, by="torchmetrics"),
            },
            reported={"top1": quoted("91.73 %", 91.73, source="pytorch_resnet_cifar10 README")},
        ),
        build(
            "ResNet-56",
            source="zoo/cifar_resnet56",
            figures=counts(853_018, 125_485_696, 252_900_000)
            | {
                "latency@1": missing("failed", "out of memory"),
                "speedup@1": missing("failed", "out of memory"),
                "time.total": timed(26.4, "s", samples=1),
                "top1": no_file,
                "loss": no_file,
            },
            reported={"top1": quoted("93.39 %", 93.39, source="pytorch_resnet_cifar10 README")},
        ),
    )
    return replace(
        record_of(
            *builds,
            columns=("top1", "loss", "latency", "speedup", "time.total", "flops", "macs", "params"),
            batch_sizes=(1,),
            rounds=7,
        ),
        spec="cifar10",
        title="ResNets on CIFAR-10",
        environments={
            MACHINE: _ENVIRONMENT,
            "77aa01bc": _ENVIRONMENT | {"cpu": "AMD EPYC 7B12", "cores": "4", "threads": "4"},
        },
        datasets={
            "cifar10": DatasetRecord(
                source="cifar10",
                split="test",
                classes=10,
                shape=(3, 32, 32),
                count=10_000,
                fingerprint="b1c2d3e4f5061728394a5b6c7d8e9f00",
                normalize="imagenet",
            )
        },
    )


def headers(table: Table) -> tuple[str, ...]:
    """Return what stands above the columns of a table."""
    return tuple(column.header for column in table.columns)
