"""A metric of complexity that a package declares: read off the ledger, where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from reportgen.common import registry
from reportgen.data.search import Search
from reportgen.engine.count_build import count
from reportgen.plan.resolve import plan
from reportgen.record.ledger import Ledger
from reportgen.record.metric import Metric
from reportgen.spec import loads
from reportgen.spec.model import Complexity


def modules(ledger: Ledger) -> int:
    return len(ledger.modules)


def broken(ledger: Ledger) -> int:
    raise ValueError("no such layer")


MODULES = Metric(
    name="modules",
    label="Modules",
    meaning="modules",
    kind="complexity",
    measure=f"{__name__}:modules",
)
BROKEN = Metric(name="broken", label="B", meaning="b", kind="complexity", measure=broken)
SPEC = """\
reportgen: 1
title: T
datasets: {digits: {}}
models: {MLP: {source: zoo/digits_mlp}}
report: {columns: [params, modules, broken]}
"""


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    points = {
        name: (EntryPoint(name, f"{__name__}:{name.upper()}", "reportgen.metrics"),)
        for name in ("modules", "broken")
    }
    monkeypatch.setattr(registry, "_declared", lambda group: points)
    from reportgen.record.metrics import METRICS

    yield
    for name in points:
        METRICS._loaded.pop(name, None)


def test_it_is_read_off_the_ledger_and_one_that_fails_costs_its_own_cell() -> None:
    build = plan(loads(SPEC), name="t", spec_dir=Path()).builds["MLP"]
    figures = count(build, Complexity(), Search()).figures
    # The model, a flattening, three linear layers and two activations.
    assert figures["modules"].value == 7
    assert figures["modules"].convention == "modules"
    assert figures["broken"].reason == "ValueError: no such layer"
    assert figures["params"].value == (64 + 1) * 128 + (128 + 1) * 128 + (128 + 1) * 10
