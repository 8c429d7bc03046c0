"""
Minutes of single workers of a large run, put together in memory until they are stored.

What is here dies with an aggregator, and its batches count already. So workers keep those (`keep_from`), and one that
is started anew works out from the store which are in no minute, and asks for their sums (`wanted`).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice

from apibench.aggregator.segment_book import Delivery
from apibench.model.batch import BatchRange, IntervalSum
from apibench.model.counts import IntervalCounts

FOLDED = 10
"""Batches that are kept as they came before they are added up. Decoded, a worker would take megabytes."""
WANTED = 16
"""Sums that are asked for with one acknowledgement, at most: a worker makes them one after another."""


@dataclass
class WorkerMinute:
    """What a segment did in a minute, or in a part of one."""

    segment: int
    start_ns: int
    """Of the minute."""
    region: str
    worker_id: str
    batches: BatchRange
    """Those that are in it."""
    end_ns: int = 0
    """Of the last of them."""
    _room: int = 0
    """How many batches are kept yet. Each segment's first time is another, so that all don't come due at once."""
    _kept: list[bytes] = field(default_factory=list)

    def follows(self, start_ns: int, number: int) -> bool:
        """Whether a batch of that minute and number is the next of it."""
        return self.start_ns == start_ns and self.batches.until == number

    def add(self, delivery: Delivery) -> None:
        """The next batch."""
        self._kept.append(delivery.batch.counts)
        self.batches = BatchRange(self.batches.first, self.batches.until + 1)
        self.end_ns = delivery.end_ns
        self._room -= 1
        if self._room < 0:
            self._room = FOLDED
            self._fold()

    def counts(self) -> bytes:
        """All of it."""
        if len(self._kept) > 1:
            self._fold()
        return self._kept[0]

    def _fold(self) -> None:
        total = IntervalCounts()
        for counts in self._kept:
            total.clear_pending()
            total.merge_wire(counts)
        self._kept = [total.to_wire()]


class Minutes:
    """Of one run. Batches are here by segment, since those of one come in the order of time."""

    def __init__(self) -> None:
        self._open: dict[int, list[WorkerMinute]] = {}
        self._wanted: dict[int, dict[int, list[BatchRange]]] = {}
        """By segment and minute."""
        self._gone: dict[int, set[int]] = {}
        """Minutes of which a worker has something no longer, by segment."""

    def add(self, start_ns: int, delivery: Delivery) -> None:
        """A batch that is in the store, of the minute that begins there."""
        batch = delivery.batch
        minutes = self._open.setdefault(batch.segment, [])
        if not minutes or not minutes[-1].follows(start_ns, batch.number):
            none, room = BatchRange(batch.number, batch.number), batch.segment % FOLDED
            minutes.append(
                WorkerMinute(batch.segment, start_ns, delivery.region, batch.worker_id, none, delivery.start_ns, room)
            )
        minutes[-1].add(delivery)

    def add_sum(self, region: str, summed: IntervalSum, end_ns: int) -> bool:
        """What was wanted, or a part of it, up to that moment. Whether it was; if so it is no longer."""
        for start_ns, ranges in self._wanted.get(summed.segment, {}).items():
            if any(each.holds(summed.batches) for each in ranges):
                self._found(summed.segment, start_ns, summed.batches)
                if not summed.counts:
                    self._gone.setdefault(summed.segment, set()).add(start_ns)
                else:
                    minute = WorkerMinute(
                        summed.segment, start_ns, region, summed.worker_id, summed.batches, end_ns, 0, [summed.counts]
                    )
                    # The last one is that which goes on.
                    self._open.setdefault(summed.segment, []).insert(0, minute)
                return True
        return False

    def take(self, before_ns: int, most: int, over: Collection[int]) -> list[WorkerMinute]:
        """
        Minutes that began before that moment, and all of segments that are over. They are kept until `stored`.

        At most so many, the earliest first.
        """
        ready = (
            each
            for segment, minutes in self._open.items()
            for each in minutes
            if each.start_ns < before_ns or segment in over
        )
        return sorted(ready, key=lambda each: (each.start_ns, each.segment, each.batches.first))[:most]

    def stored(self, segment: int, start_ns: int, batches: BatchRange) -> None:
        """A minute with these batches is in the store, by this aggregator or one before."""
        left = [each for each in self._open.get(segment, []) if each.batches != batches]
        if left:
            self._open[segment] = left
        else:
            self._open.pop(segment, None)
        self._found(segment, start_ns, batches)

    def lacks(self, segment: int, start_ns: int, batches: BatchRange) -> None:
        """Batches that count, and that are in no minute of which is known that it is stored."""
        ranges = self._wanted.setdefault(segment, {}).setdefault(start_ns, [])
        if ranges and ranges[-1].until == batches.first:
            batches = BatchRange(ranges.pop().first, batches.until)
        ranges.append(batches)

    def wanted(self, segment: int) -> tuple[BatchRange, ...]:
        """Sums to ask a worker for, in order; not all if there are many."""
        minutes = self._wanted.get(segment, {})
        return tuple(islice((each for start_ns in sorted(minutes) for each in minutes[start_ns]), WANTED))

    def lacking(self, segment: int) -> int:
        """In how many minutes something is missing that counts in all sums."""
        return len(self._wanted.get(segment, {}).keys() | self._gone.get(segment, set()))

    def keep_from(self, segment: int, durable: int) -> int:
        """From which batch on a worker is to keep them; `durable` count by now."""
        here = [each.batches.first for each in self._open.get(segment, [])]
        return min([durable, *here, *(each.first for each in self.wanted(segment))])

    def _found(self, segment: int, start_ns: int, batches: BatchRange) -> None:
        minutes = self._wanted.get(segment, {})
        left = [rest for each in minutes.pop(start_ns, []) for rest in each.without(batches)]
        if left:
            minutes[start_ns] = left
        if not minutes:
            self._wanted.pop(segment, None)
