"""The record: every figure of one spec, with where it came from. A lock file for a report.

One JSON file per spec, keys sorted, one figure a line, so that a diff shows figures and two
branches that touch different models merge. It holds all that a report shows; a document can always
be written again from it alone.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from reportgen.common.errors import ConflictError, RecordError
from reportgen.record.migrations import upgrade

SCHEMA = 3

Provenance = Literal["measured", "derived", "reported", "unavailable"]
_PROVENANCES = get_args(Provenance)
Cause = Literal[
    "undeclared",  # the spec gives nothing to measure it on (no weights, say): not a failure
    "missing",  # data or weights are not here and could not be fetched
    "failed",  # measuring raised
]


@dataclass(frozen=True)
class Figure:
    """One number and where it came from.

    `value` is an exact integer where the quantity is a count. `text` is the figure as its source
    printed it (reported ones only). `spread` is the interquartile range in the figure's unit,
    `interval` a 95 % confidence interval, over `samples` rounds. `fastest` is the fastest call of
    all rounds (of a speed-up the ratio of both models'), and the lower quartile of the rounds'
    fastest calls lies above it by `fastest_spread` (of a speed-up in proportion, both models'
    together). `correct` of `total` images stand behind a percentage. `check` is what an independent
    counter gave, when it differs. `shares` are the parts that modules have in a whole, in
    hundredths of a percent, by path and without what their children have; a figure of shares has no
    value.

    `stale` says why the figure was kept although what it was measured on has changed: measuring it
    anew failed. `unverified` names what a count may leave out. A time has `faults` page faults and
    `switches` involuntary context switches a call, and comes from `processes` processes. Times of
    one `session` were taken in turn, round by round, those of `in_turn` models in all.
    """

    provenance: Provenance
    value: int | float | None = None
    unit: str = ""
    by: str = ""
    convention: str = ""
    text: str = ""
    source: str = ""
    environment: str = ""
    samples: int | None = None
    spread: float | None = None
    interval: tuple[float, float] | None = None
    fastest: float | None = None
    fastest_spread: float | None = None
    faults: float | None = None
    switches: float | None = None
    processes: int | None = None
    session: str = ""
    in_turn: int | None = None
    correct: int | None = None
    total: int | None = None
    check: int | None = None
    checked_by: str = ""
    unverified: str = ""
    shares: Mapping[str, int] | None = None
    cause: Cause | None = None
    reason: str = ""
    hint: str = ""
    note: str = ""
    stale: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it was measured here, or derived from what was."""
        return self.provenance in ("measured", "derived") and (
            self.value is not None or self.shares is not None
        )

    def to_json(self) -> dict[str, Any]:
        """Return what differs from the defaults."""
        return _compact(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any], where: str) -> Figure:
        """Read a figure; raise RecordError, naming `where`, if it is none."""
        if not isinstance(data, Mapping) or data.get("provenance") not in _PROVENANCES:
            raise RecordError(f"{where}: not a figure: {json.dumps(data)[:80]}")
        if unknown := data.keys() - _names(cls):
            raise RecordError(f"{where}: unknown key '{min(unknown)}'")
        values = dict(data)
        if "interval" in values:
            values["interval"] = tuple(values["interval"])
        return cls(**values)


@dataclass(frozen=True)
class Claim:
    """What somebody said of a build: `reportgen.claims` judges it.

    `value` is the figure as printed, `quantity` what it is of, `module` the path of the part of the
    model that it is about (empty: all of it). `tolerance` is how far off it may be (`0.1%`; empty:
    half of its last digit). `reason` says why a claim that is known to be wrong is.
    """

    quantity: str
    value: str
    source: str
    module: str = ""
    tolerance: str = ""
    reason: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any], where: str) -> Claim:
        """Read a claim; raise RecordError, naming `where`, if it is none."""
        return cls(**_known(cls, data, where))


@dataclass(frozen=True)
class Input:
    """A tensor that a build was run on: its shape, without the batch's axis, and its type.

    Integers are drawn `below` a number, where `fill` does not say what every element is. `batch` is
    false where no axis of the batch goes before the shape.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    below: int | None = None
    fill: bool | int | float | None = None
    batch: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; `batch` stands there where it is false."""
        data = {key: value for key, value in vars(self).items() if value is not None}
        if self.batch:
            del data["batch"]
        return {**data, "shape": list(self.shape)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], where: str) -> Input:
        """Read an input; raise RecordError, naming `where`, if it is none."""
        values = _known(cls, data, where)
        values["shape"] = tuple(values["shape"])
        return cls(**values)


@dataclass(frozen=True)
class BuildRecord:
    """The figures of one build: a model, for a data set, with a class count.

    A build that has `takes` was run on those tensors, by name, and on no data set; its `dataset`
    and `input_shape` are empty, and its `classes` are 0 where its factory was told of none.

    `inputs` holds, for each kind of measurement, the digests of what it was measured on (model,
    code, weights, data …): a figure is stale when one of them differs. `facts` are things worth
    knowing that are not quantities (the checkpoint's hash, the int8 engine). `budgets` are limits
    (`reportgen.record.budgets`) by quantity. `ledger` is the operation ledger in its compact form
    (`reportgen.record.ledger`). `heads` and `frozen` say in words what the spec adds to the model
    or freezes of it; `batch_size` is that of its counted pass, where it is not that of the others.
    """

    model: str
    dataset: str
    classes: int
    source: str
    input_shape: tuple[int, ...]
    dtype: str = "float32"
    takes: tuple[Input, ...] = ()
    baseline: bool = False
    heads: str = ""
    frozen: str = ""
    batch_size: int | None = None
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    reported: Mapping[str, Figure] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    budgets: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    ledger: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the build as JSON values."""
        data = _compact(self)
        for name in ("figures", "reported"):
            if name in data:
                data[name] = {key: figure.to_json() for key, figure in data[name].items()}
        data["claims"] = [_compact(claim) for claim in self.claims]
        data["takes"] = [entry.to_json() for entry in self.takes]
        for name in ("claims", "takes"):
            if not data[name]:
                del data[name]
        data["dataset"] = self.dataset
        return data

    @functools.cached_property
    def text(self) -> str:
        """Its part of the record file. A run writes the file often, and changes one build."""
        return _pretty(self.to_json(), depth=2)

    @classmethod
    def from_json(cls, data: Mapping[str, Any], where: str) -> BuildRecord:
        """Read a build; raise RecordError, naming `where`, if it is none."""
        values = _known(cls, data, where)
        values["input_shape"] = tuple(values["input_shape"])
        for name in ("figures", "reported"):
            values[name] = {
                key: Figure.from_json(figure, f"{where}: {name}: {key}")
                for key, figure in values.get(name, {}).items()
            }
        values["claims"] = tuple(
            Claim.from_json(claim, f"{where}: claims") for claim in values.get("claims", ())
        )
        values["takes"] = tuple(
            Input.from_json(entry, f"{where}: takes") for entry in values.get("takes", ())
        )
        return cls(**values)


@dataclass(frozen=True)
class DatasetRecord:
    """What the report says of a data set; `fingerprint` is the hash of its content.

    `count` is how many examples the split has as published, `read` how many were read here, and
    `left_out` says which files were not, and why.
    """

    source: str
    split: str
    classes: int
    shape: tuple[int, ...]
    count: int | None = None
    read: int | None = None
    left_out: str = ""
    fingerprint: str = ""
    normalize: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any], where: str) -> DatasetRecord:
        """Read a data set; raise RecordError, naming `where`, if it is none."""
        values = _known(cls, data, where)
        values["shape"] = tuple(values["shape"])
        return cls(**values)


@dataclass(frozen=True)
class ReportSettings:
    """How the spec wants its documents: columns as asked for, formats, order of the builds."""

    columns: tuple[str, ...] = ()
    formats: tuple[str, ...] = ("md", "txt")
    order: tuple[str, ...] = ()
    tree: bool = False
    explain: bool = False
    module_depth: int | None = None
    module_columns: tuple[str, ...] | None = None
    backward_factor: float = 2.0
    batch_size: int = 1
    batch_sizes: tuple[int, ...] = ()
    rounds: int = 0
    fewer_rounds: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, Any], where: str) -> ReportSettings:
        """Read the settings; raise RecordError, naming `where`, if they are none."""
        values = _known(cls, data, where)
        for name in ("columns", "formats", "order", "batch_sizes", "module_columns"):
            if name in values:
                values[name] = tuple(values[name])
        return cls(**values)


@dataclass(frozen=True)
class Record:
    """Everything a report shows. `environments` names the machines and versions measured on."""

    spec: str
    title: str
    report: ReportSettings = field(default_factory=ReportSettings)
    datasets: Mapping[str, DatasetRecord] = field(default_factory=dict)
    environments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    builds: Mapping[str, BuildRecord] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values, its schema version among them."""
        return {
            "reportgen": SCHEMA,
            "spec": self.spec,
            "title": self.title,
            "report": _compact(self.report),
            "datasets": {name: _compact(dataset) for name, dataset in self.datasets.items()},
            "environments": {name: dict(entry) for name, entry in self.environments.items()},
            "builds": {name: build.to_json() for name, build in self.builds.items()},
        }

    def dumps(self) -> str:
        """Return the text of the record file: sorted, one figure a line, the same every time."""
        data = {**replace(self, builds={}).to_json(), "builds": self.builds}
        # Somebody's text may hold half of a pair; JSON has an escape for it, UTF-8 has none.
        text = _pretty(data, depth=0).encode("utf-8", "backslashreplace").decode("utf-8")
        return text + "\n"


def loads(text: str, where: str = "record") -> Record:
    """Read a record from its text.

    Raises RecordError, naming `where`, when the text is broken or of a newer version, and
    ConflictError in the middle of a merge.
    """
    if "\n<<<<<<< " in f"\n{text}":
        raise ConflictError(
            f"{where}: two branches' records stand side by side here (a merge conflict). "
            "Run the spec: it merges them and measures what is missing."
        )
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise RecordError(
            f"{where}:{error.lineno}:{error.colno}: not JSON: {error.msg}. Restore the file from "
            "version control, or delete it to measure everything again."
        ) from None
    version = data.get("reportgen") if isinstance(data, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise RecordError(f"{where}: not a reportgen record: the key 'reportgen' is missing.")
    if version > SCHEMA:
        raise RecordError(
            f"{where}: written by a newer reportgen (record version {version}, this one reads up "
            f"to {SCHEMA}). Upgrade reportgen."
        )
    try:
        data = upgrade(data, SCHEMA)
    except KeyError as error:
        raise RecordError(
            f"{where}: no reportgen ever wrote records of version {error}. Restore the file from "
            "version control, or delete it to measure everything again."
        ) from None
    try:
        return Record(
            spec=data["spec"],
            title=data["title"],
            report=ReportSettings.from_json(data["report"], f"{where}: report"),
            datasets={
                name: DatasetRecord.from_json(entry, f"{where}: datasets: {name}")
                for name, entry in data["datasets"].items()
            },
            environments=data["environments"],
            builds={
                name: BuildRecord.from_json(entry, f"{where}: {name}")
                for name, entry in data["builds"].items()
            },
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{where}: not a reportgen record: {error!r}") from None


def read(path: Path) -> Record | None:
    """Read the record at `path`, or return None where there is none yet."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return loads(text, str(path))


def _names(cls: Any) -> Mapping[str, object]:
    """Return the fields of a dataclass by name; `fields` makes a list of them on every call."""
    named: Mapping[str, object] = cls.__dataclass_fields__
    return named


def _known(cls: type, data: Mapping[str, Any], where: str) -> dict[str, Any]:
    if unknown := data.keys() - _names(cls):
        raise RecordError(f"{where}: unknown key '{min(unknown)}'")
    return dict(data)


def _compact(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that are worth writing: all but empty and default ones."""
    result = {}
    for name in _names(type(value)):
        content = getattr(value, name)
        if content is None or content is False or content == "" or content == {}:
            continue
        result[name] = list(content) if isinstance(content, tuple) else content
    return result


# Objects with these keys are one line each: a figure, an environment, a row of a table.
_OPEN_DEPTH = 4


def _pretty(value: Any, depth: int) -> str:
    if isinstance(value, BuildRecord):
        return value.text
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        rows = ",\n".join(" " * (depth + 1) + _pretty(entry, _OPEN_DEPTH) for entry in value)
        return f"[\n{rows}\n{' ' * depth}]"
    if not isinstance(value, dict) or depth >= _OPEN_DEPTH or not value:
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(", ", ": "))
    indent = " " * (depth + 1)
    # Build records hold figures one level below; every other object closes a level earlier.
    lines = (
        f"{indent}{json.dumps(key, ensure_ascii=False)}: {_pretty(value[key], depth + 1)}"
        for key in sorted(value)
    )
    return "{\n" + ",\n".join(lines) + "\n" + " " * depth + "}"
