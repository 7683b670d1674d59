"""What figures depend on, as far as a spec and the code it names tell: digests, by group.

docs/architecture.md has the table. Nothing is imported, not even to find a module.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from reportgen.common.errors import UnreadableError
from reportgen.common.fingerprint import code_digest, digest
from reportgen.plan.code import find_module, imports_digest, is_found, lost_import
from reportgen.record.metric import Group
from reportgen.record.metrics import metric_of
from reportgen.sources.model_source import ModelEntry
from reportgen.spec.model import Measure, Model, Normalization

# How each group is measured. Raise a number when a change makes the figures of old records wrong;
# every figure of that group is then measured again.
METHODS: Mapping[Group, int] = {
    "complexity": 1,
    "timing": 2,  # with the steady allocator
    "speedup": 2,
    "cold start": 1,
    "module times": 2,
    "accuracy": 1,
}


# What a spec may change in a model that its factory knows nothing of.
_VARIANT = {"heads", "freeze", "inputs"}


def group_of(key: str) -> Group:
    """Return the group of a figure's key; raise KeyError for one that cannot be."""
    return metric_of(key).group


def digests(
    measure: Measure,
    model: Model,
    entry: ModelEntry,
    classes: int,
    shape: tuple[int, ...],
    normalization: Normalization,
    spec_dir: Path,
) -> dict[Group, dict[str, str]]:
    """Digest what the figures of each group of one build depend on.

    `shape` is that of an image: channels, height, width; of a model with inputs of its own it is
    empty. What a spec leaves at its default is left out, so that a new option with a default makes
    no old figure stale. So is `code` where that cannot be read: `why_unreadable` says why.
    """
    quantize = _given(model.quantize)
    variant = {}
    if model.model_fields_set & _VARIANT:  # few are: dumping is set up for those alone
        variant = model.model_dump(include=_VARIANT, exclude_defaults=True)
    build = {
        "model": digest(
            [entry.source, model.args, classes, shape, quantize, *([variant] if variant else [])]
        ),
        **_code_if_read(entry, spec_dir),
    }
    dependencies: dict[Group, dict[str, str]] = {}
    if measure.complexity:
        settings = _given(measure.complexity)
        if model.batch_size is not None:
            settings = {**(settings or {}), "batch_size": model.batch_size}
        dependencies["complexity"] = {**build, "settings": digest(settings)}
    if measure.timing:
        settings = measure.timing.model_dump(
            exclude={"batch_sizes", "total", "together"}, exclude_defaults=True
        )
        dependencies["timing"] = {**build, "settings": digest(settings)}
        dependencies["speedup"] = dict(dependencies["timing"])
        timing = measure.timing
        first = [min(timing.batch_sizes), timing.threads]
        dependencies["cold start"] = {**build, "settings": digest(first)}
        once: list[Any] = [timing.module_runs, min(timing.batch_sizes), timing.threads]
        if timing.allocator != "steady":
            once.append(timing.allocator)
        dependencies["module times"] = {**build, "settings": digest(once)}
    if measure.accuracy:
        dependencies["accuracy"] = {
            **build,
            "weights": digest(_given(model.weights)),
            "normalization": digest(_given(normalization)),
        }
    for group, method in METHODS.items():
        if group in dependencies:
            dependencies[group]["method"] = str(method)
    return dependencies


def _given(part: BaseModel | None) -> dict[str, Any] | None:
    return part.model_dump(exclude_defaults=True) if part is not None else None


def why_unreadable(entry: ModelEntry, spec_dir: Path) -> str:
    """Say why the code that defines a model cannot be read, or not all of it; empty if it can."""
    try:
        _code_and_imports(entry, spec_dir)
    except UnreadableError as error:
        return str(error)
    if entry.package and not entry.version:
        return f"{entry.package} is not installed"
    start = _start(entry, spec_dir)
    return lost_import(start, _search_path(spec_dir)) if start else ""


def _code_if_read(entry: ModelEntry, spec_dir: Path) -> dict[str, str]:
    try:
        found = _code_and_imports(entry, spec_dir)
    except UnreadableError:
        found = {}
    if entry.version:
        found["packages"] = digest([entry.package, entry.version])
    return found


def _code_and_imports(entry: ModelEntry, spec_dir: Path) -> dict[str, str]:
    found = {"code": _code(entry, spec_dir)}
    if start := _start(entry, spec_dir):
        with _unreadable():
            found["imports"] = imports_digest(start, _search_path(spec_dir))
    return found


def _code(entry: ModelEntry, spec_dir: Path) -> str:
    """Digest the code that defines a model, where it is ours or the user's to change."""
    if not entry.target:
        raise UnreadableError(f"no installed package has the model '{entry.source}'")
    start = _start(entry, spec_dir)
    if isinstance(start, str) and not is_found(start, _search_path(spec_dir)):
        beside = f"neither beside the spec ({spec_dir}) nor " if entry.runs_foreign_code else "not "
        raise UnreadableError(f"the module {start} is not there, {beside}installed")
    path = start
    if isinstance(start, str):
        path = find_module(start, _search_path(spec_dir)) if entry.runs_foreign_code else None
    with _unreadable():
        return code_digest(path) if isinstance(path, Path) else entry.identity(spec_dir)


@contextmanager
def _unreadable() -> Iterator[None]:
    """Turn a file that cannot be read into a reason."""
    try:
        yield
    except FileNotFoundError as error:
        raise UnreadableError(f"{error.filename} is not there") from None
    except OSError as error:
        raise UnreadableError(f"{error.filename} cannot be read ({error.strerror})") from None


def _start(entry: ModelEntry, spec_dir: Path) -> str | Path | None:
    """Return the module or the file whose imports are followed, if any."""
    return spec_dir / entry.start if isinstance(entry.start, Path) else entry.start


def _search_path(spec_dir: Path) -> list[str]:
    return [str(spec_dir), *sys.path]
