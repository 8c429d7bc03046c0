"""Sums of batches that an aggregator wants: it was started anew, and what the one before had made of them is lost."""

import zlib
from collections.abc import Iterator

from apibench.model.batch import BatchRange, IntervalBatch, IntervalSum
from apibench.model.counts import IntervalCounts
from apibench.wire.limits import MAX_PAYLOAD_BYTES


def sums_of(whose: tuple[str, int, str], wanted: BatchRange, found: list[IntervalBatch]) -> Iterator[IntervalSum]:
    """
    All that is wanted, in as many sums as messages have room for; what is not there is told as such.

    `whose`: run, segment and worker. `found`: those of the wanted batches that there are, in order.
    """
    # Files go from the oldest on. A disk that was full leaves holes, too: what lies before the last one is given up.
    first = wanted.until
    for batch in reversed(found):
        if batch.number != first - 1:
            break
        first = batch.number
    if wanted.first < first:
        yield IntervalSum(*whose, BatchRange(wanted.first, first), b"", zlib.crc32(b""))
    if first < wanted.until:
        yield from _fitting(whose, [batch for batch in found if batch.number >= first])


def _fitting(whose: tuple[str, int, str], batches: list[IntervalBatch]) -> Iterator[IntervalSum]:
    total = IntervalCounts()
    for batch in batches:
        # What was in flight at the end of one is counted by the next.
        total.clear_pending()
        total.merge_wire(batch.counts)
    counts = total.to_wire()
    if len(counts) > MAX_PAYLOAD_BYTES and len(batches) > 1:
        middle = len(batches) // 2
        yield from _fitting(whose, batches[:middle])
        yield from _fitting(whose, batches[middle:])
    else:
        yield IntervalSum(*whose, BatchRange(batches[0].number, batches[-1].number + 1), counts, zlib.crc32(counts))
