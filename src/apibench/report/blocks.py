"""The blocks that the result document is made of: counts and times, of a run, a scenario, a step or a second."""

from typing import Any

from apibench.model.histogram import QUANTILES, Histogram, lower_bounds, to_times
from apibench.model.host_sample import HostTotals
from apibench.model.run import HostMachine, WorkerRecord
from apibench.model.tally import DRY, GroupTally, IterationTally, RequestTally
from apibench.model.units import NS_PER_S

PHASES = ("dns", "connect", "tls", "first_byte")
GENERATOR_TIMES = ("schedule_lag", "connection_wait", "connection_opening", "receive_lag")
REQUEST_TIMES = ("response_time", "service_time", "failed_time")
HEADLINES = ("response_time", "service_time")
"""Those that rows of seconds show."""
DROP_REASONS = ("cap", "deadline", "ended", DRY)


def iteration_counts(tally: IterationTally) -> dict[str, Any]:
    """Iterations, counted."""
    return {
        "offered": tally.offered,
        "started": tally.started,
        "ok": tally.ok,
        "failed": tally.failed,
        "unfinished": tally.unfinished,
        "dropped": {reason: tally.dropped[reason] for reason in DROP_REASONS},
        "lost": tally.lost,
    }


def load_counts(tally: IterationTally) -> dict[str, Any]:
    """What was asked for, and what of it began."""
    return {
        "offered": tally.offered,
        "started": tally.started,
        "dropped": {reason: tally.dropped[reason] for reason in DROP_REASONS},
        "lost": tally.lost,
    }


def iterations_block(tally: IterationTally) -> dict[str, Any]:
    """Iterations, with the time from intended to ended of those that were ok or are known to a lower bound."""
    return {**iteration_counts(tally), "time": to_times(tally.time)}


def requests_block(tally: RequestTally) -> dict[str, Any]:
    """Requests, counted. `by_error` adds up to `failed`."""
    return {
        "started": tally.started,
        "ok": tally.ok,
        "failed": tally.failed,
        "unfinished": tally.unfinished,
        "attempts": tally.attempts,
        "stale_retries": tally.stale_retries,
        "by_status": dict(sorted(tally.by_status.items())),
        "by_error": dict(sorted(tally.by_error.items())),
    }


def group_counts(tally: GroupTally) -> dict[str, Any]:
    """Passes through a group, counted."""
    return {"passes": tally.started, "ok": tally.ok, "failed": tally.failed, "unfinished": tally.unfinished}


def times_blocks(tally: RequestTally, names: tuple[str, ...] = REQUEST_TIMES) -> dict[str, Any]:
    """A TIMES block for each of these names."""
    return {name: to_times(tally.times(name)) for name in names}


def bytes_block(tally: RequestTally) -> dict[str, Any]:
    """Bytes on the wire, heads included, TLS not."""
    return {"sent": tally.sent_bytes, "received": tally.received_bytes}


def limits_block(machine: HostMachine | WorkerRecord) -> dict[str, Any]:
    """What a machine allowed a generator to open; null where it is not told."""
    return {"descriptors": machine.descriptors or None, "local_ports": machine.local_ports or None}


def taken_block(taken: HostTotals) -> dict[str, Any]:
    """Processor time that a generator's threads wanted and did not get, by who was in the way."""
    return {"throttled_ns": taken.throttled_ns, "steal_ns": taken.steal_ns, "waited_ns": taken.waited_ns}


def brief_times(histogram: Histogram) -> dict[str, Any] | None:
    """A TIMES block without its cells; None where nothing was recorded. A second has one of every step."""
    if not histogram.count:
        return None
    return {
        "count": histogram.count,
        "sum_ns": str(histogram.sum_ns),
        "min_ns": histogram.min_ns,
        "max_ns": histogram.max_ns,
        "clamped": histogram.clamped,
        "censored": histogram.censored,
        "censored_min_ns": histogram.censored_min_ns,
        "quantiles": {f"{quantile:g}": histogram.quantile(quantile) for quantile in QUANTILES},
        "at_least": lower_bounds(histogram),
    }


def hdr_text(histogram: Histogram) -> str | None:
    """The cells as a text `HISTF...`; None where nothing was recorded."""
    if not histogram.count:
        return None
    text: str = to_times(histogram)["hdr"]
    return text


def seconds(duration_ns: int) -> float:
    """For documents; nothing is computed with them afterwards."""
    return duration_ns / NS_PER_S


def per_s(count: int, length_ns: int) -> float | None:
    """Events over a span; None where there was none."""
    return count * NS_PER_S / length_ns if length_ns > 0 else None
