"""Batches that have come, merged by window and region: what one transaction is going to write of a run."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from apibench.aggregator.segment_book import Delivery, Progress
from apibench.aggregator.windows import Grid
from apibench.model.counts import IntervalCounts

FEW = 16
"""Up to so many segments, every second of every worker is stored by itself, in the transaction that counts it. Of more
only minutes are (`minutes.py`): a second of a thousand workers takes ten megabytes."""


@dataclass
class GatheredWindow:
    """What has been gathered of one window and region."""

    start_ns: int
    end_ns: int
    region: str
    counts: IntervalCounts = field(default_factory=IntervalCounts)
    by_worker: dict[str, list[bytes]] = field(default_factory=dict)
    """Batches as they came: encoded they take a hundredth of the memory."""
    segments: dict[int, Progress] = field(default_factory=dict)
    """How far each that is in it has come with it."""

    def words(self, detail: str, *, late: bool) -> str:
        """What stands beside its counts, for an aggregator that is started anew."""
        segments = {str(segment): progress.to_document() for segment, progress in self.segments.items()}
        return json.dumps({"detail": detail, "late": late, "segments": segments}, separators=(",", ":"))


@dataclass
class Gathered:
    """What has been gathered of one run."""

    grid: Grid
    deliveries: list[tuple[Delivery, Progress]] = field(default_factory=list)
    """In the order in which they came, each with how far its segment is with it."""
    windows: dict[tuple[int, str], GatheredWindow] = field(default_factory=dict)

    def add(self, delivery: Delivery, progress: Progress) -> None:
        """One batch more; `progress` is its segment's with it. Raises ValueError for one that is no interval."""
        start_ns, end_ns = self.grid.window(delivery.start_ns)
        key = start_ns, delivery.region
        window = self.windows.get(key) or GatheredWindow(start_ns, end_ns, delivery.region)
        window.counts.merge_wire(delivery.batch.counts)
        self.windows[key] = window
        self.deliveries.append((delivery, progress))
        window.by_worker.setdefault(delivery.batch.worker_id, []).append(delivery.batch.counts)
        window.segments[delivery.batch.segment] = progress

    def in_order(self) -> list[GatheredWindow]:
        """By time, then region."""
        return [self.windows[key] for key in sorted(self.windows)]


def encoded(batches: Iterable[bytes]) -> bytes:
    """Of several batches of one stretch, all together."""
    first, *others = batches
    if not others:
        return first
    total = IntervalCounts.from_wire(first)
    for each in others:
        total.merge_wire(each)
    return total.to_wire()


def detail_of(segments: int, before: str) -> str:
    """How much of single workers is stored: `none` of the only one, `second`, or `minute`. It stays as it began."""
    if before in ("second", "minute"):
        return before
    if segments <= 1:
        return "none"
    return "second" if segments <= FEW else "minute"
