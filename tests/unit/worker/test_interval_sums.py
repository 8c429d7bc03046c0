"""What a worker says of batches that are wanted once more: all that there is, in as many sums as there is room for."""

import zlib

import pytest

from apibench.model.batch import BatchRange, IntervalBatch, IntervalSum
from apibench.model.counts import IntervalCounts
from apibench.model.interval import Interval
from apibench.worker import interval_sums
from apibench.worker.interval_sums import sums_of

WHOSE = ("r1", 3, "w3")


def batch(number: int) -> IntervalBatch:
    """One in which `number` + 1 iterations are counted, as lost."""
    counts = IntervalCounts()
    counts.add_lost(number % 3, "main", number + 1, 0)
    data = counts.to_wire()
    return IntervalBatch(*WHOSE, number, data, zlib.crc32(data))


def said(sums: list[IntervalSum]) -> list[tuple[int, int, int | None]]:
    """From, until, and what is counted; None where it is no longer there."""
    found = []
    for each in sums:
        assert (each.run_id, each.segment, each.worker_id, each.checksum) == (*WHOSE, zlib.crc32(each.counts))
        interval = Interval.from_counts(IntervalCounts.from_wire(each.counts))
        lost = sum(scenario.lost for scenario in interval.scenarios)
        found.append((each.batches.first, each.batches.until, lost if each.counts else None))
    return found


def test_a_sum_is_that_of_its_batches() -> None:
    wanted = BatchRange(4, 10)
    assert said(list(sums_of(WHOSE, wanted, [batch(number) for number in range(4, 10)]))) == [
        (4, 10, sum(range(5, 11)))
    ]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ((), [(4, 10, None)]),
        ((7, 8, 9), [(4, 7, None), (7, 10, 8 + 9 + 10)]),
        ((4, 5, 8, 9), [(4, 8, None), (8, 10, 9 + 10)]),
        ((4, 5, 6), [(4, 10, None)]),
    ],
)
def test_what_is_no_longer_there_is_told_as_such(
    found: tuple[int, ...], words: list[tuple[int, int, int | None]]
) -> None:
    assert said(list(sums_of(WHOSE, BatchRange(4, 10), [batch(number) for number in found]))) == words


def test_sums_that_no_message_has_room_for_are_said_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [batch(number) for number in range(9)]
    # Room for the counts of one scenario, and not for those of another beside it.
    room = max(len(each.counts) for each in batches)
    monkeypatch.setattr(interval_sums, "MAX_PAYLOAD_BYTES", room)
    sums = list(sums_of(WHOSE, BatchRange(0, 9), batches))
    assert all(len(each.counts) <= room for each in sums)
    assert [each.batches.first for each in sums] == [0, *(each.batches.until for each in sums[:-1])]
    assert sums[-1].batches.until == 9
    assert sum(lost or 0 for _, _, lost in said(sums)) == sum(range(1, 10))
