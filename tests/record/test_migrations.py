"""Old records stay readable, for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reportgen.record import record as records
from reportgen.record.damage import DamageError
from reportgen.record.migrations import MIGRATIONS, upgrade
from reportgen.report import render

STORED = sorted((Path(__file__).parents[1] / "records").glob("version_*.json"))


def test_there_is_a_stored_record_of_every_version() -> None:
    versions = range(1, records.SCHEMA + 1)
    assert [path.name for path in STORED] == [f"version_{number}.json" for number in versions]
    assert sorted(MIGRATIONS) == [*versions][:-1]


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_record_is_read_and_shown(path: Path) -> None:
    record = records.read(path)
    assert record is not None
    assert record.builds["CNN"].figures["params"].value == 9_978
    assert record.builds["CNN"].dependencies["complexity"]["method"] == "1"
    assert record.environments
    assert "| CNN |" in render(record)["md"]
    assert records.loads(record.dumps()) == record


def test_steps_are_taken_one_after_the_other() -> None:
    def rename(data: dict[str, Any]) -> dict[str, Any]:
        return {"title": data["name"], **{k: v for k, v in data.items() if k != "name"}}

    def add(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "subtitle": f"{data['title']}!"}

    steps = {1: rename, 2: add}
    old = {"reportgen": 1, "name": "T"}
    assert upgrade(old, 3, steps) == {"reportgen": 3, "title": "T", "subtitle": "T!"}
    assert upgrade({"reportgen": 2, "title": "T"}, 3, steps)["subtitle"] == "T!"
    assert upgrade(old, 1, steps) == old


def test_a_version_that_never_was() -> None:
    with pytest.raises(DamageError, match=r"^no reportgen ever wrote records of version 0$"):
        upgrade({"reportgen": 0}, 1, {})


def test_a_step_that_meets_damage() -> None:
    def rename(data: dict[str, Any]) -> dict[str, Any]:
        return {"title": data["name"]}

    with pytest.raises(DamageError) as caught:
        upgrade({"reportgen": 1}, 2, {1: rename})
    assert str(caught.value) == (
        "the record of version 1 cannot be brought to version 2 (KeyError: 'name')"
    )
