"""The record: every figure of one spec, with its origin. A lock file for a report.

One JSON file per spec, keys sorted, one figure a line, so that a diff shows figures and branches
that change different models merge. Documents are written from the record alone. Reading checks
every value against the dataclasses, and `reportgen.record.json_schema` is generated from them.
"""

from __future__ import annotations

import functools
import json
import re
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import Strict, TypeAdapter, ValidationError, with_config

from reportgen.common.errors import ConflictError, RecordError
from reportgen.record import build as builds
from reportgen.record.build import BuildRecord
from reportgen.record.damage import REMEDY, DamageError, of_validation, quoted
from reportgen.record.description import ClaimRecord, InputTensor
from reportgen.record.figure import Cause, Figure, Provenance
from reportgen.record.metric import Certainty, Metric
from reportgen.record.metrics import declared, is_possible
from reportgen.record.migrations import upgrade
from reportgen.record.parsing import parse
from reportgen.record.text import compact, pretty
from reportgen.record.values import (
    KNOWN_KEYS,
    Amount,
    Count,
    Digest,
    Flag,
    FormatName,
    MetricKey,
    Name,
    Named,
    Positive,
    Several,
    Shape,
    Text,
    Word,
)

__all__ = [
    "SCHEMA",
    "BuildRecord",
    "Cause",
    "ClaimRecord",
    "DatasetRecord",
    "Figure",
    "InputTensor",
    "MetricRecord",
    "Provenance",
    "Record",
    "ReportSettings",
    "loads",
    "read",
]

SCHEMA = 3
_HALVES = re.compile("[\ud800-\udfff]")
_LARGEST_FILE = 256 * 2**20  # bytes; a thousand models with their ledgers are 12 million


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class DatasetRecord:
    """What the report says of a data set; `fingerprint` is the hash of its content.

    `count` is how many examples the split has as published, `read` how many were read here, and
    `left_out` says which files were not, and why.
    """

    source: Text
    split: Word
    classes: Count
    shape: Shape
    count: Count | None = None
    read: Count | None = None
    left_out: Text = ""
    fingerprint: Digest | Literal[""] = ""
    normalize: Text = ""


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class MetricRecord:
    """What a document says of a package's metric, also where the package is not installed."""

    label: Text
    meaning: Text
    kind: Literal["accuracy", "complexity"]
    unit: Word = ""
    better: Literal["lower", "higher"] | None = None
    certainty: Certainty = "exact"

    @classmethod
    def of(cls, metric: Metric) -> MetricRecord:
        """Return what a record keeps of a metric."""
        return cls(**{name: getattr(metric, name) for name in cls.__dataclass_fields__})


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class ReportSettings:
    """How the spec wants its documents: columns as asked for, formats, order of the builds."""

    columns: Several[MetricKey] = ()
    formats: Several[FormatName] = ("md", "txt")
    order: Several[Name] = ()
    tree: Flag = False
    explain: Flag = False
    module_depth: Annotated[int, Strict(), Ge(0), Le(10_000)] | None = None
    module_columns: Several[MetricKey] | None = None
    backward_factor: Amount = 2.0
    batch_size: Positive = 1
    batch_sizes: Several[Positive] = ()
    rounds: Count = 0
    fewer_rounds: Flag = False


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Record:
    """Everything a report shows. `environments` names the machines and versions measured on."""

    spec: Word
    title: Text
    report: ReportSettings = field(default_factory=ReportSettings)
    datasets: Named[DatasetRecord] = field(default_factory=dict)
    environments: Named[Named[Text]] = field(default_factory=dict)
    metrics: Named[MetricRecord] = field(default_factory=dict)
    builds: Named[BuildRecord] = field(default_factory=dict)

    def declared(self) -> AbstractContextManager[None]:
        """Let the metrics of packages be known in the body (see `metrics.declared`)."""
        return declared({name: Metric(name=name, **vars(m)) for name, m in self.metrics.items()})

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values, its schema version among them."""
        metrics = {name: compact(metric) for name, metric in self.metrics.items()}
        return {
            "reportgen": SCHEMA,
            "spec": self.spec,
            "title": self.title,
            "report": compact(self.report),
            "datasets": {name: compact(dataset) for name, dataset in self.datasets.items()},
            "environments": {name: dict(entry) for name, entry in self.environments.items()},
            **({"metrics": metrics} if metrics else {}),
            "builds": {name: build.to_json() for name, build in self.builds.items()},
        }

    def dumps(self) -> str:
        """Return the text of the record file: sorted, one figure a line, the same every time."""
        texts = {name: build.text for name, build in self.builds.items()}
        text = pretty({**replace(self, builds={}).to_json(), "builds": texts})
        # A text may hold half of a surrogate pair, which cannot be encoded.
        return _HALVES.sub("\ufffd", text) + "\n"


def loads(text: str, where: str = "record") -> Record:
    """Read a record from its text.

    Raises RecordError, with `where` and the place inside, if the text is damaged or of a newer
    version, and ConflictError if it has conflict markers.
    """
    if "\n<<<<<<< " in f"\n{text}":
        raise ConflictError(
            f"{where}: two branches' records stand side by side here (a merge conflict). "
            "Run the spec: it merges them and measures what is missing."
        )
    try:
        data = parse(text)
        if (version := _version(data)) > SCHEMA:
            raise RecordError(
                f"{where}: written by a newer reportgen (record version {version}, this one reads "
                f"up to {SCHEMA}). Upgrade reportgen."
            )
        return _checked(upgrade(data, SCHEMA))
    except json.JSONDecodeError as error:
        place = f"{where}:{error.lineno}:{error.colno}"
        raise RecordError(f"{place}: not JSON: {error.msg}. {REMEDY}") from None
    except DamageError as damage:
        raise RecordError(f"{where}: {damage}. {REMEDY}") from None


def read(path: Path) -> Record | None:
    """Read the record at `path`, or return None if there is none; may raise RecordError."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise RecordError(f"{path}: a record is a file, and this is none. Move it away.")
        if about.st_size > _LARGEST_FILE:
            raise RecordError(f"{path}: {about.st_size:,} bytes are no record. {REMEDY}")
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}.") from None
    return loads(text, str(path))


def _version(data: dict[str, Any]) -> int:
    """Return the version of the schema that a record was written with."""
    if "reportgen" not in data:
        raise DamageError((), 'not a reportgen record: the key "reportgen" is missing')
    version = data["reportgen"]
    if not isinstance(version, int) or isinstance(version, bool):
        raise DamageError(("reportgen",), f"{quoted(version)} is not a version")
    return version


def _checked(data: dict[str, Any]) -> Record:
    """Return the record of JSON values of this version; raise DamageError if they are damaged."""
    values = {key: value for key, value in data.items() if key != "reportgen"}
    try:
        record = _adapter().validate_python(values)
    except ValidationError as error:
        raise of_validation(error, values) from None
    for damage in _damages(record):
        raise damage
    return record


@functools.cache
def _adapter() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


def _damages(record: Record) -> Iterator[DamageError]:
    """Yield contradictions between valid values."""
    for name, build in record.builds.items():
        for damage in builds.damages(build, record.environments):
            yield damage.inside("builds", name)
    for name in ("columns", "module_columns"):
        for index, key in enumerate(getattr(record.report, name) or ()):
            if not is_possible(key):
                yield DamageError(("report", name, index), f"{quoted(key)} is no metric")
