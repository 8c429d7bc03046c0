"""What has come of one segment: batches in order, each once."""

from collections import deque
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Any

from apibench.aggregator.iteration_counts import IterationCounts, Key, iterations_of
from apibench.model.batch import IntervalBatch
from apibench.model.host_sample import HostTotals

REMEMBERED = 64
"""Windows whose offered iterations are kept. A worker that was fenced reports no longer than its drain lasts."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A batch that may be counted: whole, and the next of its segment. Its histograms stay encoded: they are many."""

    batch: IntervalBatch
    region: str
    start_ns: int
    end_ns: int
    iterations: Mapping[Key, IterationCounts]

    @classmethod
    def of(cls, batch: IntervalBatch, region: str) -> "Delivery":
        """What a batch says of itself. Raises ValueError for one that is no interval."""
        return cls(batch, region, *iterations_of(batch.counts))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a segment has come: everything that adds up over its batches."""

    batches: int = 0
    end_ns: int = 0
    """Of the last batch; the windows before it are reported."""
    final: bool = False
    """There will be no more."""
    iterations: Mapping[Key, IterationCounts] = field(default_factory=dict)
    host: HostTotals = field(default_factory=HostTotals)

    def then(self, delivery: Delivery) -> "Progress":
        """And one batch more."""
        iterations = {key: replace(each, waiting=0) for key, each in self.iterations.items()}
        for key, each in delivery.iterations.items():
            iterations[key] = iterations.get(key, IterationCounts()).then(each)
        return Progress(
            delivery.batch.number + 1,
            max(self.end_ns, delivery.end_ns),
            self.final or delivery.batch.final,
            iterations,
            self.host.then(delivery.batch.host),
        )

    def to_document(self) -> dict[str, Any]:
        """As it is stored beside the counts that brought the segment so far."""
        return {
            "batches": self.batches,
            "end_ns": self.end_ns,
            "final": self.final,
            "iterations": [
                [scenario, phase, each.offered, each.started, each.ended, each.waiting, each.dry]
                for (scenario, phase), each in self.iterations.items()
            ],
            "host": astuple(self.host),
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> "Progress":
        """And back."""
        iterations = {(row[0], row[1]): IterationCounts(*row[2:]) for row in document["iterations"]}
        return cls(
            document["batches"], document["end_ns"], document["final"], iterations, HostTotals(*document["host"])
        )


@dataclass
class SegmentBook:
    """One segment's. What is durable is in the store; what is accepted is on its way there."""

    segment: int
    worker_id: str
    region: str
    accepted: Progress = field(default_factory=Progress)
    durable: Progress = field(default_factory=Progress)
    started_ns: int | None = None
    """Where its first batch began; None before it came."""
    last: bytes | None = None
    """The last durable batch: what was in flight or waiting at its end, should there be no other."""
    recent: deque[tuple[int, Mapping[Key, int]]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """Of the last durable batches: where they began, and what they say was offered."""

    @property
    def dry(self) -> frozenset[int]:
        """The scenarios whose loads have ended because no row was left."""
        return frozenset(scenario for (scenario, _), each in self.durable.iterations.items() if each.dry)

    @property
    def complete(self) -> bool:
        """Whether its last batch is in the store."""
        return self.durable.final

    def settle(self, delivery: Delivery, progress: Progress) -> None:
        """The next batch is in the store, and the segment so far with it."""
        self.durable = progress
        self.last = delivery.batch.counts
        if self.started_ns is None:
            self.started_ns = delivery.start_ns
        offered = {key: each.offered for key, each in delivery.iterations.items() if each.offered}
        self.recent.append((delivery.start_ns, offered))
