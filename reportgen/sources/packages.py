"""Single models that installed packages declare, in the entry point group `reportgen.models`.

The name of the entry point is what a spec writes, its value the factory:
`acme/net = acme.nets:net`.
"""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from reportgen.common.registry import PluginError
from reportgen.sources.model_source import ModelEntry, ModelSource, UnknownModelError

GROUP = "reportgen.models"


@dataclass(frozen=True)
class PackageSource(ModelSource):
    """Models by the names that packages declare."""

    @override
    def find(self, name: str) -> ModelEntry:
        from importlib.metadata import entry_points

        found = {
            (point.dist.name if point.dist else point.module.partition(".")[0], point.value)
            for point in entry_points(group=GROUP, name=name)
        }
        if len(found) > 1:
            owners = " and ".join(sorted(owner for owner, _ in found))
            raise PluginError(
                f"the packages {owners} both declare the model '{name}'. Uninstall one of them."
            )
        for package, target in found:
            return ModelEntry(name, target, package=package)
        raise UnknownModelError(name)


SOURCE = PackageSource("PACKAGE/NAME", f"a model of an installed package (group {GROUP})")
