"""Whatever happens to a record, reading it gives a record or one error; and what is read, shows."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from reportgen.common.errors import RecordError, ReportgenError
from reportgen.record import record as records
from reportgen.record.record import Record
from reportgen.report import render
from reportgen.review import present
from reportgen.review.changes import compare_all
from tests.record.mutants import mutant

ROOT = Path(__file__).resolve().parents[2]
FILES = (*sorted((ROOT / "out").glob("*.json")), *sorted((ROOT / "tests/records").glob("*.json")))


@cache
def good(number: int) -> tuple[str, Record]:
    text = FILES[number % len(FILES)].read_text(encoding="utf-8")
    return text, records.loads(text)


def read(text: str) -> tuple[Record | None, str]:
    """Return the record that a text is, or what is said of it."""
    try:
        return records.loads(text, "r.json"), ""
    except RecordError as error:
        return None, str(error)


def check(seed: int, *, show: bool = True) -> bool:
    """Read a mutant, and show it if it is a record; return whether it was."""
    text, whole = good(seed)
    record, message = read(mutant(text, seed))
    if record is None:
        assert message.startswith("r.json:")
        assert "\n" not in message
        assert len(message) < 2_000
        message.encode()
        return False
    assert records.loads(record.dumps()) == record
    if not show:
        return True
    try:
        for document in render(record).values():
            document.encode()
        present.to_json(compare_all({"r": whole}, {"r": record}), [])
    except ReportgenError:
        pass
    return True


@pytest.mark.parametrize("part", range(10))
def test_a_mutant_is_a_record_or_one_error(part: int) -> None:
    found = [check(seed) for seed in range(12 * part, 12 * (part + 1))]
    assert not all(found)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_four_thousand_mutants(part: int) -> None:
    # In a process of its own: reading takes memory that is not given back, a megabyte a mutant.
    program = (
        "import sys; from tests.record.test_mutants import check; first = int(sys.argv[1]); "
        "[check(seed, show=seed % 5 == 0) for seed in range(first, first + 500)]"
    )
    words = [sys.executable, "-c", program, str(1_000 + 500 * part)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
