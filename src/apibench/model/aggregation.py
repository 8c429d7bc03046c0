"""What the controller tells an aggregator of a run, and what it hears of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from apibench.model.errand import ErrandReport
from apibench.model.ledger import Ledger
from apibench.model.worker import WorkerFacts


@dataclass(frozen=True, slots=True)
class RunOpening:
    """A run whose results are going to come."""

    run_id: str
    plan: str
    """Its canonical JSON."""
    started_at: str
    """ISO 8601, in UTC: only to label it."""
    tags: Mapping[str, str] = field(default_factory=dict)
    least_workers: int = 1
    """With fewer that are not lost its verdict is that."""


class Fate(StrEnum):
    """What became of a segment."""

    LIVE = "live"
    FINISHED = "finished"
    """Everything that it did is sealed, and is coming or has come."""
    LOST = "lost"
    """Its worker has fallen silent; what it did not report may still come."""


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """A segment, as the controller knows it."""

    segment: int
    worker: WorkerFacts
    fate: Fate = Fate.LIVE
    clock_error_ns: int = 0
    """By how much its beginning may differ from the others'."""
    batches: int | None = None
    """How many it has sealed, once that is final."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Everything that the controller knows of a run; told anew, whole, whenever something of it has changed."""

    run_id: str
    version: int
    """Only grows: an older one than the last is ignored."""
    ledger: Ledger
    segments: tuple[SegmentFacts, ...]
    ended: str = ""
    """How it ended, in the words of the result document; empty while it goes on."""
    ended_at: str = ""
    stopped_ns: int | None = None
    """From when on, after the barrier, somebody wanted it to end early: what comes after that is in no rate."""
    setup: ErrandReport | None = None
    """What was done once before the load; None where that is nothing, or not over."""
    teardown: ErrandReport | None = None
    """Behind it, likewise."""


class WindowState(StrEnum):
    """How far a window can be trusted to stay as it is."""

    PROVISIONAL = "provisional"
    SEALED = "sealed"
    REVISED = "revised"
    """Something came after it was sealed."""


@dataclass(frozen=True, slots=True)
class RunUpdate:
    """What a watcher of a run hears: a window, or how the run stands."""

    number: int
    """Grows by one with each update of the run: who was cut off asks for what came after."""
    kind: str
    """`window`, `abort` (a threshold that aborts has failed), or `ended`."""
    document: Mapping[str, Any]
    """Of a window: the row that the result document has in `intervals`, with `state`, `summary` and `thresholds`."""


@dataclass(frozen=True, slots=True)
class ResultQuery:
    """Which part of a run a result is wanted of; everything where nothing is said."""

    from_ns: int | None = None
    """After the barrier; cut at whole windows."""
    to_ns: int | None = None
    regions: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    rows: bool = True
    """Without them `intervals` are the warm-up, the planned duration and the drain, each as one: the same figures, from
    a few coarse stretches instead of every second."""

    @property
    def whole(self) -> bool:
        """Whether it asks for the whole run."""
        return replace(self, rows=True) == ResultQuery()
