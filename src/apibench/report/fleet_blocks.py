"""Of a run on several machines: its workers, and its parts between changes of the rate."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from apibench.model.interval import Interval, ScenarioInterval, SeriesInterval
from apibench.model.run import WorkerRecord
from apibench.model.tally import Tally
from apibench.report.blocks import (
    iterations_block,
    limits_block,
    per_s,
    requests_block,
    seconds,
    taken_block,
    times_blocks,
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a run in which the rates stayed as they were. Its ends are boundaries of windows."""

    revision: int
    name: str
    effective_ns: int
    """When the rates changed, exactly; the section begins with the first whole window after it."""
    from_ns: int
    to_ns: int
    whole: Interval
    """Everything that happened in it."""


def worker_row(worker: WorkerRecord) -> dict[str, Any]:
    """A segment and its worker."""
    return {
        "worker": worker.worker_id,
        "segment": worker.segment,
        "region": worker.region,
        "fate": worker.fate,
        "clock_error_ns": worker.clock_error_ns,
        "share": worker.share,
        "batches": worker.batches,
        "reported_s": seconds(worker.reported_ns),
        "complete": worker.complete,
        "lost": worker.lost,
        "minutes_lacking": worker.minutes_lacking,
        "cpus": worker.cpus,
        **limits_block(worker),
        **taken_block(worker.taken),
    }


def section_block(section: Section) -> dict[str, Any]:
    """Figures of a section alone. All sections together have what the run has, but for its warm-up."""
    tally = Tally()
    tally.add(section.whole)
    iterations, requests = tally.all_iterations(), tally.all_requests()
    length_ns = section.to_ns - section.from_ns
    return {
        "revision": section.revision,
        "name": section.name,
        "effective_s": seconds(section.effective_ns),
        "from_s": seconds(section.from_ns),
        "to_s": seconds(section.to_ns),
        "iterations": {**iterations_block(iterations), **_rates(section.whole.scenarios, length_ns)},
        "requests": {**requests_block(requests), **_rates(section.whole.series, length_ns)},
        "offered_per_s": per_s(iterations.offered, length_ns),
        **times_blocks(requests),
    }


def _rates(parts: Iterable[ScenarioInterval | SeriesInterval], length_ns: int) -> dict[str, float | None]:
    everything = list(parts)
    return {
        "started_per_s": per_s(sum(each.started for each in everything), length_ns),
        "ok_per_s": per_s(sum(each.ok for each in everything), length_ns),
    }
