"""`reportgen list`: what a spec may name."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def topic(command: argparse.ArgumentParser) -> None:
    """Take the name of a list."""
    command.add_argument("topic", choices=sorted(LISTS), help="what to list")


def show(arguments: argparse.Namespace) -> int:
    """Print a list."""
    rows = LISTS[arguments.topic]()
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        print(f"{name:<{width}}  {text}".rstrip())
    return 0


def _list_models() -> list[tuple[str, str]]:
    from reportgen.sources.catalog import MODEL_SOURCES

    rows = []
    for source in (MODEL_SOURCES[name] for name in MODEL_SOURCES):
        for name, entry in source.models.items():
            args = ", ".join(f"{key}={value}" for key, value in (entry.args or {}).items())
            rows.append((name, f"{entry.summary} ({args})" if args else entry.summary))
        if not source.models:
            rows.append((source.form, source.summary))
    return rows


def _list_model_sources() -> list[tuple[str, str]]:
    from reportgen.sources.catalog import MODEL_SOURCES

    return [
        (source.form, source.summary) for source in map(MODEL_SOURCES.__getitem__, MODEL_SOURCES)
    ]


def _list_datasets() -> list[tuple[str, str]]:
    from reportgen.data.source import DATA_SOURCES

    rows = []
    for name in DATA_SOURCES:
        entry = DATA_SOURCES[name]
        classes = f"{entry.classes} classes" if entry.classes else ""
        shape = "×".join(map(str, entry.shape or ()))
        rows.append((name, ", ".join(filter(None, (entry.title, classes, shape)))))
    return rows


def _list_metrics() -> list[tuple[str, str]]:
    from reportgen.record.metrics import METRICS

    return [
        (
            f"{name}{'@BATCH' * row.per_batch}{'[.CONVENTION]' * row.by_convention}",
            f"{row.meaning}{f' ({row.unit})' if row.unit else ''}",
        )
        for name, row in METRICS.items()
    ]


def _list_conventions() -> list[tuple[str, str]]:
    from reportgen.counting.readings import FAMILIES

    return [
        (
            f"{metric}.{name}",
            convention.counts if name == convention.name else f"as {metric}.{convention.name}",
        )
        for metric, conventions in FAMILIES.items()
        for name, convention in conventions.items()
    ]


def _list_formats() -> list[tuple[str, str]]:
    from reportgen.record.formats import FORMATS

    return [(name, f"{FORMATS[name].meaning} (NAME.{FORMATS[name].suffix})") for name in FORMATS]


def _list_templates() -> list[tuple[str, str]]:
    from reportgen.report.templating import described_templates

    place = "a file of one of these names in the folder `report: templates`, or --templates DIR"
    return [*described_templates(), ("To replace one:", place)]


LISTS: dict[str, Callable[[], list[tuple[str, str]]]] = {
    "models": _list_models,
    "model-sources": _list_model_sources,
    "datasets": _list_datasets,
    "metrics": _list_metrics,
    "conventions": _list_conventions,
    "formats": _list_formats,
    "templates": _list_templates,
}
