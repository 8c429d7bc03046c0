"""
The result document, `apibench.result/1`: the one form that JSON output, history and every report are made of.

Additive changes only. Every figure follows from the intervals in it: a test rebuilds them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apibench.model.histogram import Histogram, to_times
from apibench.model.interval import Interval
from apibench.model.run import RunEnd, RunRecord
from apibench.model.tally import IterationTally, RequestTally, Tally
from apibench.model.threshold import Unit
from apibench.model.timeline import Timeline, model_of
from apibench.model.units import NS_PER_S
from apibench.model.verdict import ThresholdResult, Verdict

SCHEMA = "apibench.result/1"
PHASES = ("dns", "connect", "tls", "first_byte")
GENERATOR_TIMES = ("schedule_lag", "connection_wait", "connection_opening", "receive_lag")
_INTENDED_FROM = {"open": "arrival", "closed": "ready", "mixed": "mixed"}


def result_document(  # noqa: PLR0913, PLR0917 - what a run is, is these six things
    record: RunRecord,
    end: RunEnd,
    verdict: Verdict,
    main: Tally,
    warmup: Tally,
    intervals: Sequence[Interval],
) -> dict[str, Any]:
    """The document of a run that is over."""
    timeline = Timeline.of(record.plan)
    rows = [interval_row(interval, timeline) for interval in intervals]
    window = [row for row in rows if row["phase"] == "main"]
    window_s = sum(row["length_s"] for row in window)
    requests = main.all_requests()
    iterations = main.all_iterations()
    model = model_of(record.plan)
    return {
        "schema": SCHEMA,
        "run": _run_block(record, end, timeline, intervals),
        "verdict": {
            "status": verdict.status,
            "exit_code": int(verdict.exit_code),
            "generator": verdict.generator,
            "reasons": list(verdict.reasons),
        },
        "load": {
            "model": model,
            "offered": iterations.offered,
            "started": iterations.started,
            "dropped": {reason: iterations.dropped[reason] for reason in ("cap", "deadline", "ended")},
            "lost": 0,
            "offered_per_s": _per_s(sum(row["offered"] for row in window), window_s),
        },
        "iterations": _iterations_block(iterations),
        "requests": {**_requests_block(requests), "ok_per_s": _per_s(sum(row["ok"] for row in window), window_s)},
        **_times_blocks(requests),
        "intended_from": _INTENDED_FROM[model],
        "phases": {name: to_times(requests.times(name)) for name in PHASES},
        "generator": {
            **{name: to_times(requests.times(name)) for name in GENERATOR_TIMES},
            **_generator_block(intervals),
        },
        "bytes": {"sent": requests.sent_bytes, "received": requests.received_bytes},
        "warmup": {
            "iterations": _iterations_block(warmup.all_iterations()),
            "requests": _requests_block(warmup.all_requests()),
            **_times_blocks(warmup.all_requests()),
        },
        "checks": [],
        "thresholds": [_threshold_row(result) for result in verdict.thresholds],
        "scenarios": [_scenario_block(index, record, main) for index in range(len(record.plan.scenarios))],
        "intervals": rows,
    }


def interval_row(interval: Interval, timeline: Timeline) -> dict[str, Any]:
    """One interval of the document: counts of both phases, and the histograms of its second."""
    tallies = Tally(), Tally()
    for tally, phase in zip(tallies, ("main", "warmup"), strict=True):
        tally.add(interval, phase)
    iterations, requests = IterationTally(), RequestTally()
    for tally in tallies:
        iterations.merge(tally.all_iterations())
        requests.merge(tally.all_requests())
    return {
        "start_s": _seconds(interval.start_ns),
        "length_s": _seconds(interval.end_ns - interval.start_ns),
        "phase": timeline.part(interval),
        "segments_expected": 1,
        "segments_present": 1,
        "offered": iterations.offered,
        "iterations_started": iterations.started,
        "iterations_ok": iterations.ok,
        "iterations_failed": iterations.failed,
        "iterations_unfinished": iterations.unfinished,
        "dropped": {reason: iterations.dropped[reason] for reason in ("cap", "deadline", "ended")},
        "started": requests.started,
        "ok": requests.ok,
        "failed": requests.failed,
        "unfinished": requests.unfinished,
        "stale_retries": requests.stale_retries,
        "by_status": dict(sorted(requests.by_status.items())),
        "by_error": dict(sorted(requests.by_error.items())),
        "waiting": sum(scenario.waiting for scenario in interval.scenarios),
        "opening": sum(series.opening for series in interval.series),
        "in_flight": sum(series.in_flight for series in interval.series),
        "sent_bytes": requests.sent_bytes,
        "received_bytes": requests.received_bytes,
        "generator": dict(interval.generator),
        "response_hdr": _hdr(requests.times("response_time")),
        "service_hdr": _hdr(requests.times("service_time")),
    }


def _run_block(record: RunRecord, end: RunEnd, timeline: Timeline, intervals: Sequence[Interval]) -> dict[str, Any]:
    last_ns = intervals[-1].end_ns if intervals else 0
    return {
        "id": record.run_id,
        "name": record.plan.name,
        "started_at": record.started_at.isoformat(),
        "ended_at": end.ended_at.isoformat(),
        "ended": end.ended,
        "planned_s": None if timeline.planned_ns is None else _seconds(timeline.planned_ns),
        "actual_s": _seconds(max(last_ns - timeline.main_start_ns, 0)),
        "plan_sha256": record.plan.sha256(),
        "plan": record.plan.redacted(),
        "seed": record.plan.seed,
        "engine": {"version": record.engine_version, "driver": "epoll", "threads": record.threads},
        "host": {
            "cpus": record.host.cpus,
            "quota": record.host.quota,
            "kernel": record.host.kernel,
            "clock": record.host.clock,
            "spin": record.host.spin,
            "co_located": record.host.co_located,
            "pace": {"p50_ns": record.host.pace_p50_ns, "p99_ns": record.host.pace_p99_ns},
        },
        "addresses": [{"address": address, "connections": count} for address, count in end.addresses.items()],
        "tags": dict(record.tags),
    }


def _scenario_block(index: int, record: RunRecord, main: Tally) -> dict[str, Any]:
    scenario = record.plan.scenarios[index]
    steps = [
        {"name": series.step, **_step_blocks(main.requests.get(number, RequestTally()))}
        for number, series in enumerate(record.series)
        if series.scenario == index
    ]
    return {
        "name": scenario.name,
        "load": scenario.load.model_dump(mode="json"),
        "iterations": _iterations_block(main.iterations.get(index, IterationTally())),
        "steps": steps,
    }


def _step_blocks(tally: RequestTally) -> dict[str, Any]:
    return {
        "requests": _requests_block(tally),
        **_times_blocks(tally),
        "phases": {name: to_times(tally.times(name)) for name in PHASES},
        "generator": {name: to_times(tally.times(name)) for name in GENERATOR_TIMES},
        "bytes": {"sent": tally.sent_bytes, "received": tally.received_bytes},
    }


def _iterations_block(tally: IterationTally) -> dict[str, Any]:
    return {
        "offered": tally.offered,
        "started": tally.started,
        "ok": tally.ok,
        "failed": tally.failed,
        "unfinished": tally.unfinished,
        "time": to_times(tally.time),
    }


def _requests_block(tally: RequestTally) -> dict[str, Any]:
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


def _times_blocks(tally: RequestTally) -> dict[str, Any]:
    return {name: to_times(tally.times(name)) for name in ("response_time", "service_time", "failed_time")}


def _generator_block(intervals: Iterable[Interval]) -> dict[str, Any]:
    total: dict[str, int] = {}
    for interval in intervals:
        for name, value in interval.generator.items():
            total[name] = max(total.get(name, 0), value) if name == "longest_gap_ns" else total.get(name, 0) + value
    cpu_ns = total.pop("cpu_ns", 0)
    return {"cpu_s": _seconds(cpu_ns), **total}


def _threshold_row(result: ThresholdResult) -> dict[str, Any]:
    threshold = result.threshold
    unit = {Unit.DURATION: "ns", Unit.RATE: "per_s", Unit.SHARE: "share"}[threshold.unit]
    return {
        "expression": str(threshold),
        "of": threshold.step,
        "window_s": threshold.window_s,
        "value": result.value,
        "limit": result.limit,
        "unit": unit,
        "passed": result.passed,
        "no_data": result.no_data,
        "censored": result.censored,
        "failed_at_s": None if result.failed_at_ns is None else _seconds(result.failed_at_ns),
    }


def _hdr(histogram: Histogram) -> str | None:
    hdr: str = to_times(histogram)["hdr"]
    return hdr if histogram.count else None


def _seconds(duration_ns: int) -> float:
    return duration_ns / NS_PER_S


def _per_s(count: int, seconds: float) -> float | None:
    return count / seconds if seconds > 0 else None


def headline(document: Mapping[str, Any]) -> str:
    """The name of the block that a run is judged by: response time where arrivals were due, else service time."""
    return "service_time" if document["load"]["model"] == "closed" else "response_time"
