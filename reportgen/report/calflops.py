"""calflops' text blocks, byte for byte, and the lines that stand below them."""

from __future__ import annotations

import re
from collections.abc import Callable

from reportgen.common import units
from reportgen.common.visible import one_line
from reportgen.record.record import BuildRecord, Figure, Record
from reportgen.report.comparison import labelled_builds
from reportgen.report.figures import counting_notes, is_doubtful, part_of, sentence, shown
from reportgen.report.input_text import inputs_text
from reportgen.report.tables import TextBlock

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
Write = Callable[[units.Number], str]


def blocks(record: Record) -> list[TextBlock]:
    """Return a block for each build, in the order of the report."""
    return [_block(build, label, record) for _, label, build in labelled_builds(record)]


def _block(build: BuildRecord, name: str, record: Record) -> TextBlock:
    params, macs, flops = (shown(build, key) for key in ("params", "macs", "flops"))
    # An int8 model has nothing to train: what calflops would count there is what it holds packed.
    trainable = (build.dtype == "float32" and shown(build, "trainable_params")) or params
    both = 1 + record.report.backward_factor
    totals = (
        ("Total Training Params: ", _figure(trainable, units.calflops_params)),
        ("fwd MACs: ", _figure(macs, units.calflops_macs)),
        ("fwd FLOPs: ", _figure(flops, units.calflops_flops)),
        ("fwd+bwd MACs: ", _figure(macs, lambda value: units.calflops_macs(value * both))),
        ("fwd+bwd FLOPs: ", _figure(flops, lambda value: units.calflops_flops(value * both))),
    )
    counted = any((params, macs, flops))
    return TextBlock(
        name=name,
        backward_factor=f"{record.report.backward_factor:.2f}",
        totals=tuple(units.calflops_line(*line) for line in totals) if counted else (),
        tree=_tree(build) if record.report.tree else "",
        flops=_figure(flops, units.calflops_flops, why=False),
        macs=_figure(macs, units.calflops_macs, why=False),
        params=_figure(params, lambda value: units.calflops_params(value, 4), why=False),
        inputs=inputs_text(build, build.batch_size or record.report.batch_size)
        if build.inputs
        else "",
        notes=tuple(counting_notes(build)),
        time=_optional(build, record, "time.total", " seconds", 4),
        accuracy=_optional(build, record, "top1", "%", 2),
    )


def _optional(build: BuildRecord, record: Record, key: str, unit: str, decimals: int) -> str:
    """Write a figure that is only there when the spec asks for it."""
    figure = shown(build, key)
    if figure is None:
        return ""
    part = part_of(figure, record.datasets.get(build.dataset), build.dataset)
    said = "; ".join(filter(None, (figure.note, part)))
    note = f" ({said})" if said else ""
    return _figure(figure, lambda value: f"{_decimals(figure, value, decimals)}{unit}{note}")


def _decimals(figure: Figure, value: units.Number, decimals: int) -> str:
    """Write a value; a quoted one with the digits that its source printed."""
    if figure.provenance != "reported":
        return f"{value:.{decimals}f}"
    printed = _NUMBER.match(figure.text)
    return printed[0] if printed and float(printed[0]) == value else str(value)


def _figure(figure: Figure | None, write: Write, *, why: bool = True) -> str:
    """Write a figure so that nobody takes a quoted one for ours, or a missing one for zero."""
    if figure is None or (figure.value is None and figure.provenance != "unavailable"):
        return "not measured"
    if figure.value is None:
        return f"unavailable: {one_line(sentence(figure.reason))}" if why else "unavailable"
    quoted = f" (quoted: {one_line(figure.source)})" if figure.provenance == "reported" else ""
    doubt = " (not verified)" if is_doubtful(figure) else ""
    stale = (f" (stale: {one_line(figure.stale)})" if why else " (stale)") if figure.stale else ""
    return write(figure.value) + quoted + doubt + stale


def _tree(build: BuildRecord) -> str:
    if not build.ledger:
        return ""
    from reportgen.record.ledger import Ledger
    from reportgen.report.tree import module_tree

    return module_tree(Ledger.from_json(build.ledger))
