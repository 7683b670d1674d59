"""Tables of modules: whole, adding up, and the same as what mmengine prints."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from reportgen.counting import build_on_meta, count
from reportgen.measures.module_times import whole_units
from reportgen.record.ledger import Kind, Ledger, Module, Operation
from reportgen.record.record import Figure, Record, ReportSettings
from reportgen.report import render
from reportgen.report.modules import ITSELF, TOTAL, module_tables
from reportgen.report.tables import NOTHING, Table
from tests.golden import Golden
from tests.report.examples import MACHINE, build, cifar10_record, headers, missing, record_of

MMENGINE = json.loads((Path(__file__).parent / "mmengine_resnet18.json").read_text("utf-8"))

COLUMNS = ("params", "macs", "flops", "flops.thop", "activations", "params.keras")


def record(ledger: Ledger, *, depth: int, columns: tuple[str, ...] = COLUMNS) -> Record:
    one = build("Net", ledger=ledger.to_json())
    return record_of(one, columns=("macs",), module_depth=depth, module_columns=columns)


def table(ledger: Ledger, *, depth: int, columns: tuple[str, ...] = COLUMNS) -> Table:
    return module_tables(record(ledger, depth=depth, columns=columns))[0]


def ledger_of(name: str) -> Ledger:
    model = build_on_meta(lambda: torchvision.models.get_model(name, weights=None))
    return count(model, (torch.empty(1, 3, 224, 224, device="meta"),)).ledger


def numbers(one: Table) -> dict[str, list[int]]:
    """Return the figures of each row by its name, shares left out."""
    return {
        row.name: [cell.value for cell in row.cells[1:-1] if isinstance(cell.value, int)]
        for row in one.rows
    }


def small() -> Ledger:
    """A model that adds by itself, between two blocks; the second block adds too."""
    return Ledger(
        (
            Module("", "Net", output_shape=(1, 10), calls=1),
            Module("a", "Conv2d", params=6, trainable_params=6, calls=1, output_shape=(1, 2, 4, 4)),
            Module("b", "Block", calls=1, output_shape=(1, 2, 4, 4)),
            Module("b.conv", "Conv2d", params=8, trainable_params=8, calls=1),
            Module("unused", "Dropout"),
        ),
        (
            Operation(1, Kind.CONVOLUTION, "conv2d", macs=60, flops=120, out_elements=32),
            Operation(3, Kind.CONVOLUTION, "conv2d", macs=40, flops=80, out_elements=32),
            Operation(2, Kind.ADD, "add", flops=32, in_elements=32, out_elements=32),
            Operation(0, Kind.ADD, "add", flops=10, in_elements=10, out_elements=10),
        ),
    )


def test_a_table_of_modules(golden: Golden) -> None:
    text = render(record(small(), depth=2))["md"]
    start = text.index("## Modules of Net")
    golden("modules.md", text[start : text.index("\n## ", start + 1) + 1])


def test_depth_one_holds_what_lies_below() -> None:
    assert numbers(table(small(), depth=1, columns=("params", "macs", "flops"))) == {
        TOTAL: [14, 100, 242],
        ITSELF: [0, 0, 10],
        "a": [6, 60, 120],
        "b": [8, 40, 112],
    }


def test_without_work_there_is_no_share() -> None:
    one = table(small(), depth=1, columns=("params", "activations"))
    assert headers(one) == ("Module", "Params", "Activations", "Output")
    one = table(small(), depth=1, columns=("flops.torch", "params"))
    assert headers(one) == (
        *("Module", "FLOPs (torch)", "Share of FLOPs (torch)", "Params"),
        "Output",
    )
    assert [row.cells[2].text for row in one.rows] == ["100.00 %", "60.00 %", "40.00 %"]


def test_a_model_that_does_nothing() -> None:
    nothing = Ledger((Module("", "Identity"), Module("a", "Conv2d", params=3)))
    one = table(nothing, depth=1, columns=("params", "macs"))
    assert [[cell.text for cell in row.cells] for row in one.rows] == [
        [TOTAL, "3", "0", NOTHING, NOTHING],
        ["a", "3", "0", NOTHING, NOTHING],
    ]


def test_only_where_it_is_asked_for() -> None:
    assert module_tables(record_of(build("Net", ledger=small().to_json()))) == []
    assert module_tables(record_of(build("Net"), module_depth=1, module_columns=COLUMNS)) == []


def test_the_settings_come_back_from_the_record() -> None:
    from reportgen.record.record import loads

    one = record(small(), depth=2)
    again = loads(one.dumps())
    assert again.report == replace(one.report)
    assert render(again) == render(one)


def parents(names: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each row that is divided, with the rows that must add up to it."""
    for name in names:
        path = "" if name == TOTAL else name
        inside = [
            other
            for other in names
            if other not in (TOTAL, name, ITSELF)
            and not other.endswith(f" {ITSELF}")
            and other.startswith(f"{path}." if path else "")
            and "." not in other.removeprefix(f"{path}." if path else "")
        ]
        if inside:
            itself = " ".join(filter(None, (path, ITSELF)))
            yield name, [*inside, *([itself] if itself in names else [])]


@pytest.mark.parametrize("depth", [1, 2, 3, 9])
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5"])
def test_every_table_adds_up(name: str, depth: int) -> None:
    found = numbers(table(ledger_of(name), depth=depth))
    divided = dict(parents(list(found)))
    assert divided
    assert max(row.count(".") for row in found) <= depth - 1
    for parent, parts in divided.items():
        assert found[parent] == [
            sum(column) for column in zip(*(found[part] for part in parts), strict=True)
        ], parent


def timed(ledger: Ledger, shares: dict[str, int], **more: Any) -> Record:
    figure = Figure(
        "measured", environment=MACHINE, samples=5, shares=shares, note="for a batch of 1"
    )
    figure = more.pop("figure", figure)
    one = build("Net", ledger=ledger.to_json(), figures={"time.share": figure})
    columns = ("params", "macs", "time.share")
    found = record_of(one, columns=("macs",), module_columns=columns, **more)
    return replace(found, environments=cifar10_record().environments)


def percent(one: Table) -> dict[str, int]:
    """Return the share of the time in each row, in hundredths of a percent as printed."""
    place = headers(one).index("CPU time")
    return {
        row.name: int(row.cells[place].text.removesuffix(" %").replace(".", "")) for row in one.rows
    }


SHARES = {"": 312, "a": 4_500, "b": 88, "b.conv": 5_000, "unused": 100}


def test_a_table_with_the_time(golden: Golden) -> None:
    text = render(timed(small(), SHARES, module_depth=2))["md"]
    start = text.index("## Modules of Net")
    golden("module_times.md", text[start:])


def test_time_below_the_depth_is_in_the_row_above() -> None:
    (one,) = module_tables(timed(small(), SHARES, module_depth=1))
    # b: 88 + 5,000; a module that did nothing but take time has a row.
    assert percent(one) == {TOTAL: 10_000, ITSELF: 312, "a": 4_500, "b": 5_088, "unused": 100}


def test_time_of_modules_that_only_the_int8_model_has() -> None:
    shares = {"": 1_000, "a": 2_000, "b.conv.packed.inner": 3_000, "_scale": 4_000}
    (one,) = module_tables(timed(small(), shares, module_depth=2))
    assert percent(one) == {
        TOTAL: 10_000,
        ITSELF: 5_000,
        "a": 2_000,
        "b": 3_000,
        "b.conv": 3_000,
    }


def test_the_footnote_of_a_time_names_its_machine() -> None:
    (one,) = module_tables(timed(small(), SHARES, module_depth=1))
    assert [note.text for note in one.notes] == [
        "Median of 5 passes for a batch of 1, timed with hooks on every module on "
        "Intel(R) Xeon(R) CPU @ 2.20GHz, 2 threads, torch 2.15.0; hooks cost time too, so the "
        "shares stand for no times."
    ]


def test_no_share_of_the_time_and_why() -> None:
    failed = missing("failed", "out of memory", "take a smaller batch")
    (one,) = module_tables(timed(small(), {}, module_depth=1, figure=failed))
    assert headers(one) == ("Module", "Params", "MACs", "Share of MACs", "CPU time", "Output")
    assert {row.cells[4].text for row in one.rows} == {NOTHING}
    assert [note.text for note in one.notes] == ["Out of memory. Take a smaller batch."]


def test_time_that_was_not_measured_yet() -> None:
    (one,) = module_tables(record(small(), depth=1, columns=("macs", "time.share")))
    assert [cell.text for cell in one.rows[0].cells[:4]] == [TOTAL, "100", "100.00 %", NOTHING]
    assert one.notes == ()


@pytest.mark.parametrize("depth", [1, 2, 9])
def test_a_table_of_times_adds_up_to_the_last_digit(depth: int) -> None:
    ledger = ledger_of("resnet18")
    weights = [7919 * number % 101 for number in range(len(ledger.modules))]
    paths = [module.path for module in ledger.modules]
    shares = {path: part / sum(weights) for path, part in zip(paths, weights, strict=True)}
    (one,) = module_tables(timed(ledger, whole_units(shares, 10_000), module_depth=depth))
    found = percent(one)
    assert found[TOTAL] == 10_000
    divided = dict(parents(list(found)))
    assert divided
    for parent, parts in divided.items():
        assert found[parent] == sum(found[part] for part in parts), parent
    for path, part in found.items():
        if path != TOTAL and not path.endswith(ITSELF):
            inside = [p for p in paths if f"{p}.".startswith(f"{path}.")]
            assert abs(part - 10_000 * sum(shares[p] for p in inside)) < 1


def test_a_comparison_has_no_column_of_it() -> None:
    text = render(
        replace(timed(small(), SHARES), report=replace(ReportSettings(), formats=("md",)))
    )
    assert "CPU time" not in text["md"]


def short(value: int) -> str:
    """Write a count as fvcore and mmengine do: `0.118G`, `9.408K`, `1K`, `0`."""
    for unit, power in (("G", 9), ("M", 6), ("K", 3)):
        if value > 10 ** (power - 1):  # 0.1 of the unit and more
            return f"{value / 10**power:.3f}".rstrip("0").rstrip(".") + unit
    return str(value)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_modules_of_resnet18_as_mmengine_prints_them(mode: str) -> None:
    work = {"train": "flops.fvcore-train", "eval": "flops.fvcore"}[mode]
    found = numbers(table(ledger_of("resnet18"), depth=3, columns=("params", work, "activations")))
    printed = {
        name: [_plain(text) for text in texts] for name, texts in MMENGINE["modules"][mode].items()
    }
    assert {name: [short(value) for value in row] for name, row in found.items()} == printed


def _plain(text: str) -> str:
    """Write a printed figure with no zeros at its end, as `short` does."""
    match = re.fullmatch(r"([\d.]+)([GMK]?)", text)
    assert match is not None
    number = match[1].rstrip("0").rstrip(".") if "." in match[1] else match[1]
    return f"{number}{match[2]}"


def test_a_sequential_model_has_its_rows_in_order() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    ledger = count(model, (torch.zeros(1, 1, 2, 2),)).ledger
    # 4·3 and 3·2 products; 15 and 8 parameters; the ReLU has 3 elements
    assert numbers(table(ledger, depth=1, columns=("params", "macs", "flops"))) == {
        TOTAL: [23, 18, 39],
        "1": [15, 12, 24],
        "2": [0, 0, 3],
        "3": [8, 6, 12],
    }
