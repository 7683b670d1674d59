"""A spec, in whatever form it is given → its plan; and where its data may be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from reportgen.common.errors import RecordError, SpecError, UsageError

if TYPE_CHECKING:
    from reportgen.data.search import Search
    from reportgen.plan.plan import Plan
    from reportgen.spec import Spec

PathLike: TypeAlias = "str | os.PathLike[str]"
SpecLike: TypeAlias = "PathLike | Mapping[str, Any] | Spec"


def plan(
    spec: SpecLike,
    *,
    name: str = "",
    folder: PathLike = "",
    overrides: Sequence[str] = (),
    out: Path | None = None,
) -> Plan:
    """Check a spec, and plan it.

    A model or a metric that no installed package has is an error, unless the record in `out` has
    figures of it. Raises SpecError with every problem of the spec.
    """
    from reportgen.common.registry import known_before
    from reportgen.plan.resolve import plan

    path = Path(spec) if isinstance(spec, str | os.PathLike) else None
    name = name or (path.stem if path else "report")
    spec_dir = path.parent if path else Path(folder)

    def resolved() -> Plan:
        return plan(_checked(spec, spec_dir, overrides), name=name, spec_dir=spec_dir)

    try:
        return resolved()
    except SpecError:
        if out is None or not (names := _recorded_names(out / f"{name}.json")):
            raise
    with known_before(names):
        return resolved()


def _checked(spec: SpecLike, folder: Path, overrides: Sequence[str]) -> Spec:
    from reportgen.spec import Spec, load, of_mapping

    if isinstance(spec, str | os.PathLike):
        return load(Path(spec), overrides)
    if isinstance(spec, Mapping):
        return of_mapping(spec, folder, overrides)
    if not isinstance(spec, Spec):
        kind = type(spec).__name__
        raise UsageError(f"a spec is a path, a dictionary or a reportgen.Spec, and not a {kind}.")
    if overrides:
        raise UsageError("overrides: change the values of a Spec before you make it.")
    return spec


def _recorded_names(path: Path) -> set[str]:
    """List the models and the metrics that a record holds figures of."""
    from reportgen.record import record as records
    from reportgen.record.metrics import parse_key

    try:
        record = records.read(path)
    except (RecordError, OSError, UnicodeDecodeError):
        return set()
    builds = record.builds.values() if record else ()
    good = [(b.source, key) for b in builds for key, figure in b.figures.items() if figure.is_good]
    return {name for source, key in good for name in (source, parse_key(key).name)}


def search(plan: Plan, data_dirs: Iterable[PathLike] = (), *, offline: bool = False) -> Search:
    """Say where the data and weights of a spec may be: REPORTGEN_DATA comes after `data_dirs`."""
    from reportgen.data.search import Search

    directories = [Path(directory) for directory in data_dirs]
    for directory in directories:
        if not directory.is_dir():
            raise UsageError(f"{directory}: no such folder of data")
    environment = os.environ.get("REPORTGEN_DATA", "").split(os.pathsep)
    directories += [Path(part) for part in environment if part]
    return Search(tuple(directories), offline, plan.spec_dir)


def template_dirs(plan: Plan, directories: Iterable[PathLike] = ()) -> list[Path]:
    """Return the folders of templates that go before ours: those given, then the spec's."""
    folders = [*map(Path, directories), *([plan.templates] if plan.templates else [])]
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder of templates")
    return folders
