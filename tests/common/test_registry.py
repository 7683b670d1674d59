"""Registries: our own entries, those of packages, and what is wrong with some of those."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from reportgen.common import registry
from reportgen.common.registry import PluginError, Registry, UnknownNameError


class Entry:
    """What the registry of these tests holds."""


OWN = Entry()
LAZY = Entry()


def make() -> Registry[Entry]:
    shipped = {"own": OWN, "lazy": f"{__name__}:LAZY"}
    return Registry("thing", "things", "reportgen.things", Entry, shipped)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    registry._declared.cache_clear()
    yield
    registry._declared.cache_clear()


def install(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    points: dict[str, str],
    code: str,
    group: str = "reportgen.things",
) -> None:
    """Install a package that declares entries: its metadata, and a module of its name."""
    site = folder / package
    info = site / f"{package}-1.2.dist-info"
    info.mkdir(parents=True)
    lines = "\n".join(f"{name} = {value}" for name, value in points.items())
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{lines}\n")
    (site / f"{package}.py").write_text(code)
    monkeypatch.syspath_prepend(str(site))


CODE = "from tests.common.test_registry import Entry\nENTRY = Entry()\n"


def test_entries_of_ours_and_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "pack_a", {"theirs": "pack_a:ENTRY"}, CODE)
    things = make()
    assert list(things) == ["own", "lazy", "theirs"]
    assert "theirs" in things
    assert "pack_a" not in sys.modules  # to know a name costs no import
    assert isinstance(things["theirs"], Entry)
    assert (things["own"], things["lazy"]) == (OWN, LAZY)
    assert things.shipped() == {"own": OWN, "lazy": LAZY}
    assert (things.package("theirs"), things.package("own")) == (("pack_a", "1.2"), ("", ""))


def test_a_name_that_is_unknown() -> None:
    with pytest.raises(UnknownNameError) as caught:
        make()["lasy"]
    assert str(caught.value) == "unknown thing 'lasy'"
    assert caught.value.hint == "Did you mean 'lazy'? `reportgen list things` lists all."


@pytest.mark.parametrize(
    ("points", "code", "message"),
    [
        (
            {"x": "pack_b:ENTRY"},
            "raise ImportError('no torch')",
            "the thing 'x' of the package pack_b cannot be loaded: ImportError: no torch. Update "
            "or uninstall it.",
        ),
        (
            {"x": "pack_b:MISSING"},
            CODE,
            "the thing 'x' of the package pack_b cannot be loaded: AttributeError: module 'pack_b' "
            "has no attribute 'MISSING'. Update or uninstall it.",
        ),
        (
            {"x": "pack_b:ENTRY"},
            "ENTRY = 3\n",
            "the thing 'x' of the package pack_b is a int and not a Entry. Its entry point must "
            "name a Entry: pack_b:ENTRY.",
        ),
        (
            {"x": "pack_b:ENTRY", "own": "pack_b:ENTRY"},
            CODE,
            "the package pack_b declares the thing 'own', which reportgen has itself. Uninstall "
            "it, or rename its entry.",
        ),
    ],
)
def test_an_entry_that_cannot_be_used(
    points: dict[str, str],
    code: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "pack_b", raising=False)
    install(tmp_path, monkeypatch, "pack_b", points, code)
    with pytest.raises(PluginError) as caught:
        make()["x"]
    assert str(caught.value) == message


def test_two_packages_with_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("pack_c", "pack_d"):
        install(tmp_path, monkeypatch, package, {"x": f"{package}:ENTRY"}, CODE)
    with pytest.raises(PluginError) as caught:
        make()["x"]
    assert str(caught.value) == (
        "the packages pack_c and pack_d both declare the thing 'x'. Uninstall one of them."
    )


def test_an_entry_point_without_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("x", f"{__name__}:OWN", "reportgen.things")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: (point,))
    things = make()
    assert things["x"] is OWN
    assert things.package("x") == (__name__, "")
