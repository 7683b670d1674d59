"""What the user asks to measure again, and which models a run is about."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from reportgen.common.errors import UsageError, did_you_mean
from reportgen.plan.plan import Build, Plan
from reportgen.record.metric import KINDS, Group
from reportgen.record.record import Figure


@dataclass(frozen=True)
class Selection:
    """What to measure.

    `again` (`--remeasure`) holds kinds, models, `unavailable` or `all`; `only` (`--only`) the
    models a run is about, all where it is empty. Models are named, or matched as file names are.
    """

    again: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()

    def check(self, plans: Iterable[Plan]) -> None:
        """Raise UsageError for a name that selects nothing in any of the plans."""
        models = {build.model for plan in plans for build in plan.builds.values()}
        kinds = {"all", "unavailable", *KINDS}
        for name in sorted(self.again - kinds):
            _known(f"--remeasure {name}: nothing is called so.", name, models, kinds)
        for name in sorted(self.only):
            _known(f"--only {name}: no model is called so.", name, models)

    def includes(self, build: Build) -> bool:
        """Whether a run is about a build."""
        return not self.only or _any(build.model, self.only)

    def covers(self, build: Build, group: Group, figure: Figure | None) -> bool:
        """Whether a figure is to be measured again though nothing changed."""
        if not self.again:
            return False
        kind = "timing" if group in ("speedup", "cold start", "module times") else group
        if figure and figure.provenance == "unavailable" and "unavailable" in self.again:
            return True
        return bool(self.again & {"all", kind}) or _any(build.model, self.again)


def _any(model: str, patterns: Collection[str]) -> bool:
    return model in patterns or any(fnmatchcase(model, pattern) for pattern in patterns)


def _known(message: str, name: str, models: Collection[str], others: Collection[str] = ()) -> None:
    if not any(_any(model, [name]) for model in models):
        raise UsageError(f"{message} {did_you_mean(name, {*models, *others})}".strip())
