"""Columns and budgets that nothing would ever fill: no part of `measure`, no quoted figure.

A part that is `null` or `false` is switched off, wherever it is from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reportgen.common.errors import Problem
from reportgen.record import limits
from reportgen.record.metric import KINDS
from reportgen.record.metrics import METRICS, is_known, metric_of, parse_key
from reportgen.spec.quoted import metric_key
from reportgen.spec.yaml_text import Path, Source, mapping, sequence


def measured(parsed: Source) -> dict[str, Any]:
    """Return the parts of `measure` that are not switched off."""
    given = mapping(parsed.value.get("measure", {"complexity": {}}))
    return {part: value for part, value in given.items() if not _is_off(value)}


def how_to_measure(parsed: Source, part: str) -> str:
    """Say what to write so that a part of `measure` is measured; it is not now."""
    if part in mapping(parsed.value.get("measure")):
        return f"It is switched off: write `{part}: {{}}` instead"
    return f"Add `{part}: {{}}` to `measure`"


def switch_problems(parsed: Source) -> Iterator[Problem]:
    """Find a spec that switches everything off and shows nothing instead."""
    given = parsed.value.get("measure")
    off = [part for part in KINDS if part in mapping(given) and _is_off(mapping(given)[part])]
    shown = {*KINDS} & {*measured(parsed)} or sequence(parsed.value.get("reported"))
    if off and not shown:
        yield parsed.problem(
            ("measure", off[0]),
            "nothing is measured: everything here is switched off",
            f"Write `{off[0]}: {{}}` to measure with the usual settings.",
            at_key=True,
        )


def _is_off(value: Any) -> bool:
    return value is None or value is False


def column_problems(parsed: Source) -> Iterator[Problem]:
    """Find columns that would be empty, or are there twice."""
    report = mapping(parsed.value.get("report"))
    if report.get("modules") is not None and "complexity" not in measured(parsed):
        yield parsed.problem(
            ("report", "modules"),
            "nothing here gives the tables of modules",
            f"{how_to_measure(parsed, 'complexity')}, or remove them.",
            at_key=True,
        )
    yield from _columns(parsed, ("report", "columns"), report.get("columns"))
    of_modules = mapping(report.get("modules")).get("columns")
    yield from _columns(parsed, ("report", "modules", "columns"), of_modules)


def _columns(parsed: Source, path: Path, columns: Any) -> Iterator[Problem]:
    for index, column in enumerate(sequence(columns)):
        here = (*path, index)
        if not isinstance(column, str):
            continue
        if columns.index(column) != index:
            yield parsed.problem(here, f"the column '{column}' is listed twice", "Remove one.")
        # What is counted of modules is spoken of above, all at once.
        elif _by_module(column) == ("modules" in path):
            yield from _unfilled(parsed, here, column, "column")


def _by_module(column: str) -> bool:
    return column in METRICS and METRICS[column].by_module


def budget_problems(parsed: Source) -> Iterator[Problem]:
    """Find budgets that cannot be read, or that no figure would ever decide."""
    owners: list[tuple[Path, Any]] = [((), parsed.value)]
    models = mapping(parsed.value.get("models"))
    owners += [(("models", name), model) for name, model in models.items()]
    for path, owner in owners:
        for key, text in mapping(mapping(owner).get("budgets")).items():
            if not isinstance(text, str) or not is_known(key):
                continue  # an error where types are checked
            here = (*path, "budgets", key)
            try:
                limits.parse(key, text)
            except ValueError as error:
                message = f"'{key}' cannot have the budget '{text}'"
                yield parsed.problem(here, message, str(error))
            yield from _unfilled(parsed, here, key, "budget", at_key=True)


def _unfilled(
    parsed: Source, path: Path, key: str, noun: str, *, at_key: bool = False
) -> Iterator[Problem]:
    measure = measured(parsed)
    if not isinstance(parsed.value.get("measure", {}), dict) or not is_known(key):
        return
    metric = metric_of(key)
    entries = sequence(parsed.value.get("reported"))
    quoted = [mapping(entry).get(metric_key(entry)) for entry in entries]
    message = f"nothing here gives the {noun} '{key}'"
    if metric.kind not in measure and key not in quoted:
        hint = f"{how_to_measure(parsed, metric.kind)}, or remove the {noun}."
        yield parsed.problem(path, message, hint, at_key=at_key)
    elif metric.kind == "accuracy" and key not in quoted:
        given = mapping(measure.get("accuracy")).get("metrics", ["top1"])
        if isinstance(given, list) and key not in given:
            wanted = ", ".join(map(str, [*given, key]))
            hint = f"Add it to `measure: accuracy: metrics`: [{wanted}]."
            yield parsed.problem(path, message, hint, at_key=at_key)
    elif metric.of_data and key not in quoted and _all_have_inputs(parsed):
        hint = f"It is of a data set, and all models here have inputs: remove the {noun}."
        yield parsed.problem(path, message, hint, at_key=at_key)
    elif metric.per_batch and "@" in key:
        sizes = mapping(measure.get("timing")).get("batch_sizes", [1])
        batch = parse_key(key).batch
        if isinstance(sizes, list) and batch not in sizes:
            yield parsed.problem(
                path,
                f"batch size {batch} is not timed",
                f"Add it to `measure: timing: batch_sizes`, or choose one of {sizes}.",
                at_key=at_key,
            )


def _all_have_inputs(parsed: Source) -> bool:
    models = mapping(parsed.value.get("models")).values()
    return bool(models) and all(mapping(model).get("inputs") is not None for model in models)
