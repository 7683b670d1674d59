"""Upgrade old records: one function for each step from a version to the next.

To change the schema, raise `reportgen.record.record.SCHEMA`, add a step to `MIGRATIONS`, and keep a
record of the old version in `tests/records/`: it stays readable for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reportgen.record.damage import DamageError

Migration = Callable[[dict[str, Any]], dict[str, Any]]


def _fastest_calls_were_not_kept(data: dict[str, Any]) -> dict[str, Any]:
    """Version 2 adds the fastest calls of times, which are unknown for older figures."""
    return data


def _words_of_version_3(data: dict[str, Any]) -> dict[str, Any]:
    """Version 3 renames keys, and adds some: stale and unverified figures, page faults …"""
    builds = {name: _build_3(build) for name, build in data.get("builds", {}).items()}
    return {**data, "builds": builds}


def _build_3(build: dict[str, Any]) -> dict[str, Any]:
    names = {"inputs": "dependencies", "takes": "inputs", "facts": "metadata"}
    renamed = {names.get(key, key): value for key, value in build.items()}
    claims = renamed.get("claims", [])
    renamed["claims"] = [
        {"metric" if key == "quantity" else key: value for key, value in claim.items()}
        for claim in claims
    ]
    return renamed


# The version that a step starts from → the step.
MIGRATIONS: Mapping[int, Migration] = {1: _fastest_calls_were_not_kept, 2: _words_of_version_3}


def upgrade(
    data: dict[str, Any], to: int, migrations: Mapping[int, Migration] = MIGRATIONS
) -> dict[str, Any]:
    """Bring the JSON values of a record to version `to`, step by step.

    Raises DamageError if there is no step, or if a step fails.
    """
    for version in range(data["reportgen"], to):
        if version not in migrations:
            raise DamageError((), f"no reportgen ever wrote records of version {version}")
        try:
            data = {**migrations[version](data), "reportgen": version + 1}
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            found = f"{type(error).__name__}: {error}"
            what = f"the record of version {version} cannot be brought to version {version + 1}"
            raise DamageError((), f"{what} ({found})") from None
    return data
