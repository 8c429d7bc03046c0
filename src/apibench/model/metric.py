"""Counts of a stretch of a run as they are stored: one row for each thing counted, whole in itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricPart:
    """
    What came of one stretch of a run in one commit. Readers add the parts of a stretch up; none is ever changed.

    Late results are another part of the same stretch. `counts` is everything, `apibench.v1.Interval` encoded; the store
    makes its columns for people and charts of it.
    """

    run_id: str
    tier_s: int
    """1, 10, 60, 3600: how long a stretch is; 0 is the whole run."""
    start_ns: int
    """After the barrier."""
    end_ns: int
    region: str
    worker_id: str
    """Empty for all workers of the region together."""
    part: int
    """From 0, within its stretch, tier, region and worker."""
    workers: int
    """How many segments are in it."""
    workers_expected: int
    counts: bytes
    host: str = ""
    """JSON: what an aggregator that is started anew has to know of it beside."""


@dataclass(frozen=True, slots=True)
class IngestMark:
    """Up to where the batches of a segment are in the store."""

    run_id: str
    segment: int
    worker_id: str
    durable: int
    """Batches below are in."""


@dataclass(frozen=True, slots=True)
class PartQuery:
    """Which parts of a run are wanted."""

    run_id: str
    tier_s: int
    from_ns: int = 0
    to_ns: int | None = None
    """Parts that begin before it; None for no bound."""
    regions: tuple[str, ...] = ()
    """None named: all."""
    workers: tuple[str, ...] | None = None
    """None: parts of whole regions. Else those of these workers, or of every single one where none is named."""
    counts: bool = True
    """Whether what was counted is wanted too, which is nearly all there is to read; else it is empty."""
