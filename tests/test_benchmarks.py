"""What benchmarks write: sections that come and stay."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    spec = importlib.util.spec_from_file_location("benchmarks_run", FOLDER / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_section_takes_the_place_of_the_old_one_and_the_others_stay(run: ModuleType) -> None:
    first = run.with_section("", "b", "## b\n\nold\n", names="abc")
    assert first == "# Benchmarks\n\n## b\n\nold\n"
    both = run.with_section(first, "a", "## a\n\n1\n", names="abc")
    assert both == "# Benchmarks\n\n## a\n\n1\n\n## b\n\nold\n"
    assert run.with_section(both, "b", "## b\n\nnew\n", names="abc") == (
        "# Benchmarks\n\n## a\n\n1\n\n## b\n\nnew\n"
    )


def test_every_benchmark_says_what_it_is_and_has_a_committed_result(run: ModuleType) -> None:
    results = (FOLDER / "results.md").read_text(encoding="utf-8")
    for name in run.NAMES:
        assert (FOLDER / f"{name}.py").read_text(encoding="utf-8").startswith('"""')
        assert f"\n## {name}\n" in results
