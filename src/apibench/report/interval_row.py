"""
One second of the document.

Its counts are the measurement's own. What belongs to the warm-up stands in a block of the same form under `warmup`,
so that no sum over rows mixes the two; levels (`waiting`, `opening`, `in_flight`) are of everything, because a target
feels all of it. Every count lies in the second of its own event, so a row's `ok` may have started a row earlier.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apibench.model.groups import GroupName
from apibench.model.histogram import Histogram, from_times
from apibench.model.interval import GroupInterval, Interval, ScenarioInterval, SeriesInterval
from apibench.model.run import SeriesName
from apibench.model.tally import GroupTally, IterationTally, RequestTally, Tally
from apibench.model.timeline import Timeline
from apibench.report.blocks import HEADLINES, brief_times, group_counts, hdr_text, iteration_counts, seconds


@dataclass(frozen=True, slots=True)
class Presence:
    """Who is in a row: of a run on one machine, always the only one."""

    expected: int = 1
    """Segments that should be."""
    present: int = 1
    """Segments that are."""
    state: str = "sealed"
    """`provisional`, `sealed` or `revised`."""


ALONE = Presence()


def interval_row(
    interval: Interval,
    timeline: Timeline,
    series: Sequence[SeriesName],
    groups: Sequence[GroupName],
    presence: Presence = ALONE,
) -> dict[str, Any]:
    """The row of an interval."""
    main, warmup = Tally(), Tally()
    main.add(interval, "main")
    warmup.add(interval, "warmup")
    row: dict[str, Any] = {
        "start_s": seconds(interval.start_ns),
        "length_s": seconds(interval.end_ns - interval.start_ns),
        "phase": timeline.part(interval),
        "state": presence.state,
        "segments_expected": presence.expected,
        "segments_present": presence.present,
        **_counts(main),
        "waiting": sum(scenario.waiting for scenario in interval.scenarios),
        "opening": sum(each.opening for each in interval.series),
        "in_flight": sum(each.in_flight for each in interval.series),
        "generator": dict(interval.generator),
        "scenarios": [
            {
                "scenario": each.scenario,
                "phase": each.phase,
                "waiting": each.waiting,
                **iteration_counts(_alone(each)),
                "checks": [list(check) for check in each.checks],
                **_python(each),
            }
            for each in interval.scenarios
        ],
        "steps": [_step(each, series[each.series]) for each in interval.series if _is_alive(each)],
        "groups": [_group(each, groups[each.group]) for each in interval.groups],
    }
    if warmup.iterations or warmup.requests:
        row["warmup"] = _counts(warmup)
    return row


def times_of(counts: Mapping[str, Any], name: str) -> Histogram:
    """The `response` or `service` times of a row, or of its warm-up, with all their cells."""
    times = counts.get(name)
    return Histogram() if times is None else from_times({**times, "hdr": counts[f"{name}_hdr"]})


def _counts(tally: Tally) -> dict[str, Any]:
    iterations, requests = iteration_counts(tally.all_iterations()), tally.all_requests(times=HEADLINES)
    response, service = requests.times("response_time"), requests.times("service_time")
    return {
        "offered": iterations.pop("offered"),
        "dropped": iterations.pop("dropped"),
        "lost": iterations.pop("lost"),
        **{f"iterations_{name}": count for name, count in iterations.items()},
        **_request_counts(requests),
        "response": brief_times(response),
        "service": brief_times(service),
        "response_hdr": hdr_text(response),
        "service_hdr": hdr_text(service),
    }


def _request_counts(tally: RequestTally | SeriesInterval) -> dict[str, Any]:
    return {
        "started": tally.started,
        "ok": tally.ok,
        "failed": tally.failed,
        "unfinished": tally.unfinished,
        "attempts": tally.started + tally.stale_retries,
        "stale_retries": tally.stale_retries,
        "by_status": dict(sorted(tally.by_status.items())),
        "by_error": dict(sorted(tally.by_error.items())),
        "sent_bytes": tally.sent_bytes,
        "received_bytes": tally.received_bytes,
    }


def _step(interval: SeriesInterval, name: SeriesName) -> dict[str, Any]:
    return {
        "scenario": name.scenario,
        "step": name.step,
        "phase": interval.phase,
        **_request_counts(interval),
        "opening": interval.opening,
        "in_flight": interval.in_flight,
        "response": brief_times(interval.histograms.get("response_time") or Histogram()),
        "service": brief_times(interval.histograms.get("service_time") or Histogram()),
    }


def _group(interval: GroupInterval, name: GroupName) -> dict[str, Any]:
    tally = GroupTally()
    tally.add(interval)
    return {
        "scenario": name.scenario,
        "group": name.name,
        "phase": interval.phase,
        **group_counts(tally),
        "pending": interval.pending,
        "time": brief_times(tally.time),
    }


def _python(interval: ScenarioInterval) -> dict[str, Any]:
    """What was waited for functions of Python, and how long they took: where any was called."""
    named = interval.histograms.items()
    return {name: brief_times(histogram) for name, histogram in named if name.startswith("python_")}


def _is_alive(interval: SeriesInterval) -> bool:
    """
    A step that nothing happened to and nobody is in takes no place: a plan may have a thousand.

    An arrival that was dropped as `ended` happened to its first step: it has a response time there and no event.
    """
    events = interval.started + interval.ok + interval.failed + interval.unfinished + interval.stale_retries
    levels = interval.in_flight + interval.opening
    traffic = interval.sent_bytes + interval.received_bytes
    return bool(events or levels or traffic or interval.times.get("response_time"))


def _alone(interval: ScenarioInterval) -> IterationTally:
    tally = IterationTally()
    tally.add(interval)
    return tally
