"""All sources of models, and which of them has the model that a spec names.

A name begins with the name of its source: `zoo/NAME`. A path of a Python file needs none, and
what begins with no source is a single model of an installed package.
"""

from __future__ import annotations

from dataclasses import replace

from reportgen.common.errors import did_you_mean, nearest
from reportgen.common.registry import Registry, was_known
from reportgen.sources.model_source import ModelEntry, ModelSource, UnknownModelError

MODEL_SOURCES = Registry(
    "model source",
    "model-sources",
    "reportgen.model_sources",
    ModelSource,
    {
        "zoo": "reportgen.sources.zoo:SOURCE",
        "torchvision": "reportgen.sources.torchvision:SOURCE",
        "python": "reportgen.sources.python:MODULES",
        "file": "reportgen.sources.python:FILES",
        "package": "reportgen.sources.packages:SOURCE",
    },
)


def find(name: str) -> ModelEntry:
    """Return the model that a spec's `source` names; raise UnknownModelError.

    No library is imported: whether a factory of the user's own exists is known when it is built.
    """
    source = source_of(name)
    try:
        entry = MODEL_SOURCES[source].find(name)
    except UnknownModelError as error:
        if was_known(name):
            return ModelEntry(name, "")
        raise UnknownModelError(name, error.hint or _hint(name)) from None
    package, _ = MODEL_SOURCES.package(source)
    return replace(entry, package=package) if package and not entry.package else entry


def publishes(source: str) -> bool:
    """Whether there is such a source, and it publishes weights by name."""
    return source in MODEL_SOURCES and bool(MODEL_SOURCES[source].weights)


def source_of(name: str) -> str:
    """Return the source that is to have a model of this name."""
    if name.endswith(".py") or name.rpartition(":")[0].endswith(".py"):
        return "file"
    prefix, slash, _ = name.partition("/")
    return prefix if slash and prefix in MODEL_SOURCES else "package"


def _hint(name: str) -> str:
    """Name the model that may be meant: of a source of nearly this name, or any with this name."""
    prefix, _, rest = name.partition("/")
    near = nearest(prefix, MODEL_SOURCES) if rest else None
    known = [model for source in MODEL_SOURCES for model in MODEL_SOURCES[source].models]
    base = name.rpartition("/")[2]
    family = [model for model in known if model.rpartition("/")[2] == base]
    if near and near != prefix and (_is_known(meant := f"{near}/{rest}")):
        family = [meant]
    guess = f"Did you mean '{family[0]}'?" if family else did_you_mean(name, known)
    return f"{guess} `reportgen list models` lists all.".strip()


def _is_known(name: str) -> bool:
    try:
        MODEL_SOURCES[source_of(name)].find(name)
    except UnknownModelError:
        return False
    return True
