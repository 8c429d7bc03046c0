"""Minutes of single workers of a large run, put together in memory until they are stored."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from apibench.aggregator.deliveries import encoded
from apibench.model.counts import IntervalCounts

FOLDED = 10
"""Batches that are kept as they came before they are added up. Decoded, a worker would take megabytes."""


@dataclass
class _Minute:
    region: str
    room: int
    """How many batches are kept yet. Each worker's first time is another, so that all don't come due at once."""
    batches: list[bytes] = field(default_factory=list)

    def add(self, batch: bytes) -> None:
        self.batches.append(batch)
        self.room -= 1
        if self.room < 0:
            self.room = FOLDED
            self.fold()

    def fold(self) -> bytes:
        total = IntervalCounts()
        for batch in self.batches:
            total.clear_pending()
            total.merge_wire(batch)
        self.batches = [total.to_wire()]
        return self.batches[0]


class Minutes:
    """Of one run."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, str], _Minute] = {}

    def add(self, start_ns: int, region: str, worker_id: str, batches: list[bytes]) -> None:
        """Batches of one window of the minute that begins there."""
        key = start_ns, worker_id
        if key not in self._open:
            self._open[key] = _Minute(region, room=len(self._open) % FOLDED)
        self._open[key].add(encoded(batches))

    def take(self, before_ns: int, most: int) -> Iterator[tuple[int, str, str, bytes]]:
        """Minutes that began before that moment: beginning, region, worker, counts. They are kept until `stored`."""
        ready = sorted(key for key in self._open if key[0] < before_ns)[:most]
        for start_ns, worker_id in ready:
            minute = self._open[start_ns, worker_id]
            yield start_ns, minute.region, worker_id, minute.fold()

    def stored(self, start_ns: int, worker_id: str) -> None:
        """That minute is in the store."""
        self._open.pop((start_ns, worker_id), None)
