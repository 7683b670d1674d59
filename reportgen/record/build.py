"""A build in the record: a model, the data it was run on, and its figures."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import with_config

from reportgen.common.units import read_in
from reportgen.record import figure as figures
from reportgen.record import ledger as ledgers
from reportgen.record import limits
from reportgen.record.damage import DamageError, quoted
from reportgen.record.description import ByMetric, Description
from reportgen.record.figure import Figure
from reportgen.record.metrics import metric_of
from reportgen.record.text import Written, compact, pretty
from reportgen.record.values import KNOWN_KEYS, Digest, Named, Text


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class BuildRecord(Description):
    """The figures of one build, and what they were measured on.

    `dependencies` holds, for each group of figures, the digests of model, code, weights, data …: if
    one differs, the figures are stale. `metadata` is about the build and not a metric (the
    checkpoint's hash, the int8 engine). `ledger` is in its compact form
    (`reportgen.record.ledger`).
    """

    dependencies: Named[Named[Digest]] = field(default_factory=dict)
    figures: ByMetric[Figure] = field(default_factory=dict)
    metadata: Named[Text] = field(default_factory=dict)
    ledger: ledgers.Written | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the build as JSON values."""
        data = compact(self)
        for name in ("figures", "reported"):
            if name in data:
                data[name] = {key: figure.to_json() for key, figure in data[name].items()}
        data["claims"] = [compact(claim) for claim in self.claims]
        data["inputs"] = [entry.to_json() for entry in self.inputs]
        for name in ("claims", "inputs"):
            if not data[name]:
                del data[name]
        return data

    @functools.cached_property
    def text(self) -> Written:
        """Its part of the record file. A run writes the file often, and changes one build."""
        return Written(pretty(self.to_json(), depth=2))


def damages(build: BuildRecord, environments: Mapping[str, object]) -> Iterator[DamageError]:
    """Yield contradictions between valid values of a build."""
    for kind, found in (("figures", build.figures), ("reported", build.reported)):
        for key, figure in found.items():
            try:
                inside = list(figures.damages(figure, key, environments))
            except KeyError:
                yield DamageError((kind, key), f"{quoted(key)} is no metric")
                continue
            for damage in inside:
                yield damage.inside(kind, key)
    for damage in ledgers.damages(build.ledger) if build.ledger else ():
        yield damage.inside("ledger")
    for key, text in build.budgets.items():
        try:
            limits.parse(key, text)
        except (KeyError, ValueError):
            yield DamageError(("budgets", key), f"{quoted(text)} is not a budget of {quoted(key)}")
    for index, claim in enumerate(build.claims):
        try:
            metric = metric_of(claim.metric)
            read_in(claim.value, metric.unit, metric.counts)
        except (KeyError, ValueError):
            what = f"{quoted(claim.value)} is not a value of {quoted(claim.metric)}"
            yield DamageError(("claims", index), what)
