"""
The result document, `apibench.result/1`: the one form that JSON output, history and every report are made of.

Additive changes only. Every count and rate in it, and both headline distributions, follow from its own `intervals`: a
test rebuilds them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from apibench.model.checks import checks_of
from apibench.model.groups import groups_of
from apibench.model.histogram import Histogram, to_times
from apibench.model.interval import Interval
from apibench.model.run import RunEnd, RunRecord
from apibench.model.tally import GroupTally, IterationTally, RequestTally, Tally
from apibench.model.timeline import Timeline, model_of
from apibench.model.verdict import Verdict
from apibench.report.blocks import (
    GENERATOR_TIMES,
    PHASES,
    bytes_block,
    group_counts,
    iterations_block,
    limits_block,
    load_counts,
    per_s,
    requests_block,
    seconds,
    taken_block,
    times_blocks,
)
from apibench.report.errand_words import errand_block, exit_code_after
from apibench.report.fleet_blocks import Section, section_block, worker_row
from apibench.report.intended import intended_from
from apibench.report.interval_row import interval_row
from apibench.report.python_block import python_block
from apibench.report.slow_row import slow_row
from apibench.report.threshold_row import threshold_row
from apibench.report.window_counts import Events, WindowCounts

SCHEMA = "apibench.result/1"


def result_document(  # noqa: PLR0913, PLR0917 - what a run is, is these six things
    record: RunRecord,
    end: RunEnd,
    verdict: Verdict,
    main: Tally,
    warmup: Tally,
    intervals: Iterable[Interval],
) -> dict[str, Any]:
    """The document of a run on one machine that is over: its only segment is in each of its intervals."""
    timeline = Timeline.of(record.plan)
    if end.stopped_ns is not None:
        timeline = timeline.stopped(end.stopped_ns)
    window, rows, groups = WindowCounts(timeline.main_start_ns), [], groups_of(record.plan)
    for interval in intervals:
        window.add(timeline, interval)
        rows.append(interval_row(interval, timeline, record.series, groups))
    return document_of(record, end, verdict, main, warmup, window, rows)


def document_of(  # noqa: PLR0913, PLR0917 - what a run is, is these things
    record: RunRecord,
    end: RunEnd,
    verdict: Verdict,
    main: Tally,
    warmup: Tally,
    window: WindowCounts,
    rows: Sequence[Mapping[str, Any]],
    sections: Sequence[Section] = (),
) -> dict[str, Any]:
    """
    The document of what one walk over its seconds came to.

    `sections`: its parts between changes of the rate.
    """
    timeline = Timeline.of(record.plan)
    if end.stopped_ns is not None:
        timeline = timeline.stopped(end.stopped_ns)
    window_ns = timeline.window_ns(window.end_ns, complete=end.ended == "complete")
    all_scenarios, all_series = window.of_all(window.scenarios), window.of_all(window.series)
    requests, iterations = main.all_requests(), main.all_iterations()
    return {
        "schema": SCHEMA,
        "run": {
            **_run_block(record, end, timeline, window.last_ns),
            "window_s": seconds(window_ns),
            "setup": errand_block(end.setup),
            "teardown": errand_block(end.teardown),
            "workers": [worker_row(each) for each in record.workers],
            "revisions": [section_block(each) for each in sections],
        },
        "verdict": _verdict_block(verdict, end),
        "load": {
            "model": model_of(record.plan),
            **load_counts(iterations),
            "offered_per_s": per_s(all_scenarios.offered, window_ns),
        },
        "iterations": {
            **iterations_block(iterations),
            **_rates(all_scenarios, window_ns),
        },
        "requests": {
            **requests_block(requests),
            **_rates(all_series, window_ns),
            "at_least": end.busy,
        },
        **times_blocks(requests),
        "intended_from": intended_from(record.plan),
        "phases": {**times_blocks(requests, PHASES), "dns": to_times(_look_ups(record))},
        "generator": {**times_blocks(requests, GENERATOR_TIMES), **_generator_block(window.generator)},
        "bytes": bytes_block(requests),
        "warmup": {
            "load": load_counts(warmup.all_iterations()),
            "iterations": iterations_block(warmup.all_iterations()),
            "requests": requests_block(warmup.all_requests()),
            **times_blocks(warmup.all_requests()),
            "bytes": bytes_block(warmup.all_requests()),
        },
        "checks": list(_checks(record, main)),
        "python": python_block(record, end, main),
        "thresholds": [threshold_row(result) for result in verdict.thresholds],
        "scenarios": [
            _scenario_block(index, record, main, window, window_ns) for index in range(len(record.plan.scenarios))
        ],
        "slowest": [
            slow_row(request, record.series, [scenario.name for scenario in record.plan.scenarios])
            for request in main.slowest
        ],
        "intervals": list(rows),
    }


def _checks(record: RunRecord, main: Tally) -> Iterator[dict[str, Any]]:
    """Those that were looked at, in the plan's order."""
    for index, names in enumerate(checks_of(record.plan)):
        tally = main.iterations.get(index, IterationTally())
        for number, name in enumerate(names):
            passed, failed = tally.checks_passed[number], tally.checks_failed[number]
            if passed or failed:
                scenario = record.plan.scenarios[index].name
                yield {"scenario": scenario, "name": name, "passed": passed, "failed": failed}


def _look_ups(record: RunRecord) -> Histogram:
    """Of names, all before the run: no request waits for one."""
    times = Histogram()
    for took_ns in record.look_ups_ns:
        times.record(took_ns)
    return times


def headline(document: Mapping[str, Any]) -> str:
    """The name of the block that a run is judged by: response time where arrivals were due, else service time."""
    return "service_time" if document["load"]["model"] == "closed" else "response_time"


def _rates(events: Events, window_ns: int) -> dict[str, float | None]:
    """Of what happened inside the planned window, to requests of the warm-up too: the target served those in it."""
    return {"started_per_s": per_s(events.started, window_ns), "ok_per_s": per_s(events.ok, window_ns)}


def _run_block(record: RunRecord, end: RunEnd, timeline: Timeline, last_ns: int) -> dict[str, Any]:
    return {
        "id": record.run_id,
        "name": record.plan.name,
        "started_at": record.started_at.isoformat(),
        "ended_at": end.ended_at.isoformat(),
        "ended": end.ended,
        "planned_s": None if timeline.planned_ns is None else seconds(timeline.planned_ns),
        "actual_s": seconds(max(last_ns - timeline.main_start_ns, 0)),
        "barrier_ns": end.barrier_ns,
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
            **limits_block(record.host),
            **taken_block(end.taken),
        },
        "addresses": [{"address": address, "connections": count} for address, count in end.addresses.items()],
        "tags": dict(record.tags),
    }


def _verdict_block(verdict: Verdict, end: RunEnd) -> dict[str, Any]:
    return {
        "status": verdict.status,
        "exit_code": int(exit_code_after(verdict.exit_code, end.teardown)),
        "generator": verdict.generator,
        "reasons": list(verdict.reasons),
        "findings": [
            {"code": finding.code, "message": finding.message, "remedy": finding.remedy} for finding in verdict.findings
        ],
    }


def _scenario_block(index: int, record: RunRecord, main: Tally, window: WindowCounts, window_ns: int) -> dict[str, Any]:
    scenario = record.plan.scenarios[index]
    mine = window.scenarios.get(index, Events())
    return {
        "name": scenario.name,
        "load": scenario.load.model_dump(mode="json"),
        "iterations": {
            **iterations_block(main.iterations.get(index, IterationTally())),
            **_rates(mine, window_ns),
            "offered_per_s": per_s(mine.offered, window_ns),
        },
        "steps": [
            {"name": series.step, **_step_blocks(number, main, window, window_ns)}
            for number, series in enumerate(record.series)
            if series.scenario == index
        ],
        "groups": [
            {"name": group.name, **_group_blocks(number, main, window, window_ns)}
            for number, group in enumerate(groups_of(record.plan))
            if group.scenario == index
        ],
    }


def _step_blocks(number: int, main: Tally, window: WindowCounts, window_ns: int) -> dict[str, Any]:
    tally = main.requests.get(number, RequestTally())
    return {
        "requests": {**requests_block(tally), **_rates(window.series.get(number, Events()), window_ns)},
        **times_blocks(tally),
        "phases": times_blocks(tally, PHASES),
        "generator": times_blocks(tally, GENERATOR_TIMES),
        "bytes": bytes_block(tally),
    }


def _group_blocks(number: int, main: Tally, window: WindowCounts, window_ns: int) -> dict[str, Any]:
    tally = main.groups.get(number, GroupTally())
    ok = window.groups.get(number, Events()).ok
    return {**group_counts(tally), "ok_per_s": per_s(ok, window_ns), "time": to_times(tally.time)}


def _generator_block(counts: Mapping[str, int]) -> dict[str, Any]:
    total = {"cpu_ns": 0, "connections_opened": 0, "connections_reused": 0, **counts}
    return {"cpu_s": seconds(total.pop("cpu_ns")), **total}
