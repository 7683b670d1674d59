"""Whatever happens to a record, reading it gives a record or one error; and what is read, shows."""

from __future__ import annotations

import gc
import multiprocessing
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from reportgen.common.errors import RecordError, ReportgenError
from reportgen.measures.memory import peak_bytes
from reportgen.record import record as records
from reportgen.record.record import Record
from reportgen.report import render
from reportgen.review import present
from reportgen.review.changes import compare_all
from tests.record.mutants import mutant

ROOT = Path(__file__).resolve().parents[2]
FILES = (*sorted((ROOT / "out").glob("*.json")), *sorted((ROOT / "tests/records").glob("*.json")))
# The two with long ledgers take most of the time: every other file has twice as many mutants.
SHARES = (*FILES, *(file for file in FILES if file.stat().st_size < 500_000))


@cache
def good(file: Path) -> tuple[str, Record]:
    text = file.read_text(encoding="utf-8")
    return text, records.loads(text)


def read(text: str) -> tuple[Record | None, str]:
    """Return the record that a text is, or what is said of it."""
    try:
        return records.loads(text, "r.json"), ""
    except RecordError as error:
        return None, str(error)


def check(seed: int, *, show: bool = True) -> bool:
    """Read a mutant, and show it if it is a record; return whether it was."""
    text, whole = good(SHARES[seed % len(SHARES)])
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


def check_many(first: int) -> tuple[float, int]:
    """Check 1,000 mutants; return the seconds of the slowest, and the peak of memory in bytes."""
    slowest = 0.0
    for seed in range(first, first + 1_000):
        start = time.process_time()
        check(seed, show=seed % 10 == 0)
        slowest = max(slowest, time.process_time() - start)
    return slowest, peak_bytes()


@pytest.mark.slow
def test_twenty_thousand_mutants() -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        found = list(pool.map(check_many, range(1_000, 21_000, 1_000)))
    assert max(seconds for seconds, _ in found) < 2
    assert max(peak for _, peak in found) < 2**29


def test_reading_keeps_no_memory() -> None:
    def read_many(first: int) -> int:
        """Return the bytes that are still held after 300 mutants of one record were read."""
        text, _ = good(FILES[-1])
        for seed in range(first, first + 300):
            read(mutant(text, seed))
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = read_many(0)
        assert read_many(300) - before < 1_000_000
    finally:
        tracemalloc.stop()
