"""A report as a typed value: what every writer, every template and the Python API see.

`reportgen.report.build` makes it from a record. Nothing in it is laid out: cells hold a value with
its unit, interval, marks and footnotes, and the text that the metric's own formatting gives. What
marks and footnotes look like is the business of each format, and so is escaping.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reportgen.record.figure import Figure, Provenance
from reportgen.record.record import Record

Mark = Literal["best", "quoted", "about", "missing", "broken", "stale", "unverified"]
Better = Literal["lower", "higher"]
Value = int | float | str | None

NOTHING = "–"
ABOUT = "≈"
BROKEN = "✗"
STALE = "†"
UNVERIFIED = "?"

_ARROWS: Mapping[Better | None, str] = {"lower": " ↓", "higher": " ↑", None: ""}
_SIGNS: Mapping[Mark, str] = {"unverified": UNVERIFIED, "stale": STALE, "broken": BROKEN}


@dataclass(frozen=True)
class Note:
    """A footnote. Its name depends on its own words only: a new one does not rename the others."""

    kind: str
    text: str

    @property
    def id(self) -> str:
        """The name by which a cell refers to it: `quoted-1f3a5b7c`."""
        said = self.text.encode("utf-8", "backslashreplace")
        return f"{self.kind}-{hashlib.sha256(said).hexdigest()[:8]}"


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    `text` is what it shows, without any sign of a mark. `value` is a number in `unit`, or a text;
    None where there is none. `low` and `high` are a 95 % interval. `figure` is what the record
    holds, where the cell shows one of its figures.
    """

    text: str
    value: Value = None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    marks: frozenset[Mark] = frozenset()
    notes: tuple[Note, ...] = ()
    figure: Figure | None = None

    @property
    def provenance(self) -> Provenance | None:
        """Where its figure is from; None for a cell that shows no figure."""
        return self.figure.provenance if self.figure else None

    @property
    def signed(self) -> str:
        """The text with a sign for each mark that has one: `1,000 †`."""
        about = ABOUT if "about" in self.marks else ""
        signs = (sign for mark, sign in _SIGNS.items() if mark in self.marks)
        return " ".join((f"{about}{self.text}", *signs))


MISSING = Cell(NOTHING, marks=frozenset({"missing"}))


def words(text: str) -> Cell:
    """Make a cell of plain text."""
    return MISSING if text == NOTHING else Cell(text, text)


@dataclass(frozen=True)
class Column:
    """A column: `key` is that of its metric (`latency@256`), or a name for what is no figure.

    `better` says which direction is good, None where neither is or where rows do not compete.
    """

    key: str
    label: str
    unit: str = ""
    better: Better | None = None
    number: bool = True

    @property
    def header(self) -> str:
        """The label with an arrow towards what is better."""
        return self.label + _ARROWS[self.better]


def headed(*labels: str, numbers: Iterable[str] = ()) -> tuple[Column, ...]:
    """Make columns that show no metric: texts, and numbers where named."""
    return tuple(Column(label, label, number=label in numbers) for label in labels)


@dataclass(frozen=True)
class Row:
    """A row: `name` tells it from the other rows, and is a build's name in the record if of one."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells, one for each column."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def notes(self) -> tuple[Note, ...]:
        """The footnotes of the cells, row by row, each once."""
        return tuple(dict.fromkeys(note for cell in self._cells() for note in cell.notes))

    @property
    def marks(self) -> frozenset[Mark]:
        """The marks in it that a reader must be told the meaning of."""
        return frozenset().union(*(cell.marks for cell in self._cells()))

    def to_pandas(self) -> Any:
        """Return the values as a pandas DataFrame, a line for each row."""
        from reportgen.report.frame import frame

        return frame([self])

    def _repr_html_(self) -> str:
        from reportgen.report.notebook import as_html

        return as_html([self])

    def _cells(self) -> Iterator[Cell]:
        return (cell for row in self.rows for cell in row.cells)


@dataclass(frozen=True)
class Entry:
    """One line of a list: what it is about, and what there is to say."""

    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class TextBlock:
    """What the text document says of one build.

    `totals` are the lines of the calflops block (none where nothing was counted), `tree` is the
    model with every module's share, `time` and `accuracy` are empty where nobody asked for them,
    `inputs` where the model was run on images. `notes` say what is to be known of the counts.
    """

    name: str
    backward_factor: str
    totals: tuple[str, ...]
    tree: str
    flops: str
    macs: str
    params: str
    inputs: str
    notes: tuple[str, ...]
    time: str
    accuracy: str


@dataclass(frozen=True)
class Explanation:
    """One build's counts under every convention; `operations` splits those of `work` by kind."""

    name: str
    input: str
    work: Table
    operations: Table
    size: Table
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """Everything a report shows, ready to be laid out.

    `tables` are the comparisons, by data set; `modules` the tables of modules, by model. `exact`
    holds counts to the last digit, `spread` how far apart the rounds of times lay. `blocks` are for
    the text document. Templates in `template_dirs` take the place of ours of the same name.
    """

    record: Record
    tables: Mapping[str, Table]
    budgets: Table | None
    claims: Table | None
    exact: Table | None
    spread: Table | None
    modules: Mapping[str, Table]
    explanations: tuple[Explanation, ...]
    environments: Table | None
    datasets: Table | None
    models: tuple[Entry, ...]
    notation: tuple[Entry, ...]
    how_measured: tuple[str, ...]
    blocks: tuple[TextBlock, ...]
    template_dirs: tuple[Path, ...] = ()

    @property
    def title(self) -> str:
        """What the spec calls it."""
        return self.record.title

    @property
    def spec(self) -> str:
        """The name of the spec's file."""
        return self.record.spec

    @property
    def marks(self) -> frozenset[Mark]:
        """The marks in the comparisons that a reader must be told the meaning of."""
        return frozenset().union(*(table.marks for table in self.tables.values()))

    @property
    def footnotes(self) -> tuple[Note, ...]:
        """The footnotes of all tables, each once."""
        return tuple(dict.fromkeys(note for table in self.all_tables() for note in table.notes))

    def to_pandas(self) -> Any:
        """Return the values of the comparisons as a pandas DataFrame, a line for each build."""
        from reportgen.report.frame import frame

        return frame(self.tables.values())

    def save(self, out: str | os.PathLike[str]) -> list[Path]:
        """Write the record and the documents into a folder; return the files that changed."""
        from reportgen.common.files import locked, write
        from reportgen.report import render

        file = Path(out) / f"{self.spec}.json"
        texts = {
            "json": self.record.dumps(),
            **render(self.record, template_dirs=self.template_dirs),
        }
        with locked(file):
            paths = {file.with_suffix(f".{kind}"): text for kind, text in texts.items()}
            return [path for path, text in paths.items() if write(path, text)]

    def _repr_html_(self) -> str:
        from reportgen.report.notebook import as_html

        return as_html(self.tables.values())

    def _repr_markdown_(self) -> str:
        from reportgen.report.notebook import as_markdown

        return as_markdown(self.tables.values())

    def all_tables(self) -> Iterator[Table]:
        """Yield every table in the order of the documents."""
        yield from self.tables.values()
        yield from filter(None, (self.budgets, self.claims, self.exact))
        yield from self.modules.values()
        for each in self.explanations:
            yield from (each.work, each.operations, each.size)
        yield from filter(None, (self.environments, self.datasets, self.spread))
