"""What code, data and weights are like now, and why that cannot be told where it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeAlias, TypeVar

from reportgen.common.errors import MeasureError, UnreadableError
from reportgen.data.known import find, fingerprint_if_known
from reportgen.data.search import Search
from reportgen.data.source import DataRequest
from reportgen.plan.checkpoints import (
    as_file,
    file_name,
    locate_weights,
    tried_weights,
    weights_digest,
)
from reportgen.plan.dependencies import why_unreadable
from reportgen.plan.plan import Build, Plan
from reportgen.record.digests import ADDED
from reportgen.record.metric import Group
from reportgen.sources.model_source import ModelEntry
from reportgen.spec.model import Weights

T = TypeVar("T")

ReadData: TypeAlias = Callable[[DataRequest, str, Search, float], str]
"""Reads a split of a data set within some seconds, and returns its fingerprint."""

# By the name of an input: why nobody knows whether it changed.
Reasons = dict[str, str]


class Probe:
    """Looks at what builds depend on, once at each thing.

    Data that lies here and was never read is read by `read`, once, to know whether it is what
    figures were measured on; where there is none, that is not known.
    """

    def __init__(self, plan: Plan, search: Search, *, read: ReadData | None) -> None:
        self.plan = plan
        self.search = search
        self._read = read
        self._answers: dict[object, str | UnreadableError] = {}

    def dependencies(
        self, build: Build, group: Group, was: Mapping[str, str]
    ) -> tuple[dict[str, str], Reasons]:
        """Return the digests of what a group of figures depends on, and what cannot be read of it.

        Of that the digests are the old ones, `was`.
        """
        now = dict(build.dependencies[group])
        unknown: Reasons = {}
        for name in ("code", "imports", "packages"):
            if _moved(name, was, now) and (why := self._why_unreadable(build)):
                unknown[name] = why
        baseline = self.plan.baseline_of(build) if group == "speedup" else None
        for name in ("baseline", "baseline imports", "baseline packages"):
            if baseline and _moved(name, was, now) and (why := self._why_unreadable(baseline)):
                unknown[name] = f"{why} (the baseline)"
        if group == "accuracy":
            self._measured_on(build, now, unknown)
        for name in unknown:
            now.pop(name, None)
            if name in was:
                now[name] = was[name]
        return now, unknown

    def has_all(self, build: Build) -> bool:
        """Whether the data and weights that a build needs lie here."""
        return not any(True for _ in missing(build, "accuracy", self.search))

    def _why_unreadable(self, build: Build) -> str:
        key = ("code", build.entry.source)
        if key not in self._answers:
            self._answers[key] = why_unreadable(build.entry, self.search.spec_dir)
        return str(self._answers[key])

    def _measured_on(self, build: Build, now: dict[str, str], unknown: Reasons) -> None:
        """Add the digests of data, and of a checkpoint that the spec does not pin."""
        asked: dict[str, tuple[object, Callable[[], str]]] = {}
        source = build.data.source
        for split in splits(build):
            name = "data" if split == build.data.split else f"data ({split})"
            asked[name] = (source, split), partial(self._fingerprint, source, split)
        if (
            build.options.weights
            and build.options.weights.file
            and not build.options.weights.sha256
        ):
            weights = build.options.weights
            asked["file"] = weights.file, lambda: _weights_digest(weights, self.search)
        for name, (key, ask) in asked.items():
            answer = self._once(key, ask)
            if isinstance(answer, UnreadableError):
                unknown[name] = str(answer)
            else:
                now[name] = answer[:16]

    def _once(self, key: object, ask: Callable[[], str]) -> str | UnreadableError:
        if key not in self._answers:
            try:
                self._answers[key] = ask()
            except UnreadableError as error:
                self._answers[key] = error
            except Exception as error:  # of libraries that read images, or of the disk
                self._answers[key] = UnreadableError(_first_line(error))
        return self._answers[key]

    def _fingerprint(self, source: DataRequest, split: str) -> str:
        if known := fingerprint_if_known(source, split, self.search):
            return known
        if why := _why_not_here(source, split, self.search):
            raise UnreadableError(why)
        if self._read is None:
            raise UnreadableError(f"{source.title} ({split}) was not read here yet: a run reads it")
        return self._read(source, split, self.search, self.plan.measure.time_limit)


def _moved(name: str, was: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether a digest is not the old one, where the record has it or always had to."""
    required = bool(was) and name not in ADDED
    return (required or name in was) and now.get(name) != was.get(name)


def _first_line(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    return first if isinstance(error, MeasureError) else f"{type(error).__name__}: {first}"


def missing(build: Build, group: Group, search: Search) -> Iterable[str]:
    """Yield what measuring a group needs and is not here, with the paths tried."""
    if group != "accuracy":
        if "code" not in build.dependencies[group]:
            yield why_unreadable(build.entry, search.spec_dir)
        return
    if build.options.weights and not build.options.weights.fit:
        yield from _missing_weights(build.options.weights, build.entry, search)
    for split in splits(build):
        if why := _why_not_here(build.data.source, split, search):
            yield why


def _missing_weights(weights: Weights, entry: ModelEntry, search: Search) -> Iterable[str]:
    try:
        weights = as_file(weights, entry)
        if locate_weights(weights, search) is None:
            yield _no_weights(weights, search)
    except (MeasureError, OSError) as error:
        yield str(error)


def _weights_digest(weights: Weights, search: Search) -> str:
    digest = weights_digest(weights, search)
    if digest is None:
        raise UnreadableError(_no_weights(weights, search))
    return digest


def _no_weights(weights: Weights, search: Search) -> str:
    tried = _listed(tried_weights(weights, search))
    return f"the weights {file_name(weights)} are not here (tried {tried})"


def _why_not_here(source: DataRequest, split: str, search: Search) -> str:
    """Say why a split cannot be read; empty if it can."""
    try:
        if find(source, split, search):
            return ""
        why = f"{source.title} ({split}) is not here"
    except OSError as error:
        why = str(error)
    except Exception as error:  # of a plugin it may be anything
        why = _first_line(error)
    tried = _listed(source.entry.tried(source, split, search))
    return f"{why} (tried {tried})" if tried else why


def _listed(paths: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(paths))


def splits(build: Build) -> tuple[str, ...]:
    """Return the splits that an evaluation of the build reads."""
    found = [build.data.split]
    if build.options.weights and build.options.weights.fit:
        found.append(build.options.weights.fit.split)
    quantize = build.options.quantize
    if quantize and quantize.scheme == "int8-static":
        found.append(quantize.calibrate.split if quantize.calibrate else "train")
    return tuple(dict.fromkeys(found))
