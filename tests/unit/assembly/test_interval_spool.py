"""The seconds of a run on disk: all of them, in order, and not in memory."""

import tracemalloc
from collections.abc import Iterator
from contextlib import closing

import pytest

from apibench.assembly.interval_spool import IntervalSpool
from apibench.model.counts import IntervalCounts

HOURS_S = 4 * 3_600


def lost(count: int) -> IntervalCounts:
    """Counts that tell one from another."""
    made = IntervalCounts()
    made.add_lost(0, "main", count)
    return made


def wires(spool: IntervalSpool) -> list[bytes]:
    return [counts.to_wire() for counts in spool]


@pytest.fixture
def spool() -> Iterator[IntervalSpool]:
    with closing(IntervalSpool()) as made:
        yield made


def test_what_was_put_in_comes_out_as_often_as_it_is_asked_for(spool: IntervalSpool) -> None:
    expected = []
    for count in range(1, 5):
        spool.append(lost(count))
        expected.append(lost(count).to_wire())
        assert wires(spool) == expected
        assert wires(spool) == expected


def test_a_disk_that_is_full_costs_memory_and_nothing_else(
    spool: IntervalSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(lost(1))

    def full(_: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool._file, "write", full, raising=False)
    spool.append(lost(2))
    monkeypatch.undo()
    # In order, also if there is room again.
    spool.append(lost(3))
    assert wires(spool) == [lost(count).to_wire() for count in (1, 2, 3)]


def test_hours_take_no_memory(spool: IntervalSpool) -> None:
    counts = lost(1)
    tracemalloc.start()
    try:
        spool.append(counts)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(HOURS_S):
            spool.append(counts)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 64 * 1024
    assert sum(1 for _ in spool) == 1 + HOURS_S
