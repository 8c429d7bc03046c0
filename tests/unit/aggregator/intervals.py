"""Intervals made by hand: a second at a time, with the figures that a test is about."""

import json
from collections.abc import Sequence
from typing import Any

from apibench.authoring.plan_file import parse_plan_document
from apibench.model.histogram import Histogram
from apibench.model.interval import Interval, ScenarioInterval, SeriesInterval
from apibench.model.plan import Plan
from apibench.model.run import SeriesName
from apibench.model.units import NS_PER_S

MS = 1_000_000
SERIES = (SeriesName(0, "GET /a"), SeriesName(0, "GET /b"))


def plan(
    *thresholds: str,
    rate: int | None = 100,
    max_vus: int = 1_000,
    warmup_ns: int = 0,
    duration_ns: int = 10 * NS_PER_S,
    also: Sequence[dict[str, Any]] = (),
    **words: Any,
) -> Plan:
    """A plan of ten seconds unless told: open at a rate, with what `words` say of it, or closed; `also` has steps."""
    ends = {"duration_ns": duration_ns}
    load: dict[str, Any] = {"model": "closed", "vus": 5, "ends": ends}
    if rate is not None:
        load = {"model": "open", "rate": {"count": rate, "per_ns": NS_PER_S}, "max_vus": max_vus, "ends": ends, **words}
    steps = [{"type": "request", "host": "h", "path": path} for path in ("/a", "/b")]
    return parse_plan_document(
        {
            "version": 1,
            "warmup_ns": warmup_ns,
            "hosts": {"h": {"base_url": "http://127.0.0.1"}},
            "scenarios": [{"name": "main", "steps": [*steps, *also], "load": load}],
            "thresholds": list(thresholds),
        }
    )


def times(value_ns: int, count: int, *, censored: int = 0, also: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    """A TIMES block of one value; of so many of them it is only a lower bound. `also`: another value and its count."""
    histogram = Histogram()
    other_ns, others = also
    histogram.record(value_ns, count - others)
    histogram.record(other_ns, others)
    block: dict[str, Any] = json.loads(histogram.to_json())
    if censored:
        block.update(censored=censored, censored_min_ns=value_ns)
    return block


def second(number: int, **figures: Any) -> Interval:
    """
    The second of that number, from 0: `ok` requests of `response_ns` and `service_ns` each, and what else is named.

    Names: ok, failed, errors, started, series, offered, begun, dropped, waiting, response_ns, service_ns, best (value
    and count), lag_ns, receive_ns, wait_ns, in_flight, pending (value and count), censored, gap_ns, cpu_ns, unstarted,
    iteration_ns, phase, length_ns, checks.
    """
    ok = figures.get("ok", 100)
    errors = figures.get("errors", {})
    failed = figures.get("failed", sum(errors.values()))
    blocks: dict[str, Any] = {}
    if ok:
        blocks["response_time"] = times(figures.get("response_ns", 2 * MS), ok, censored=figures.get("censored", 0))
        blocks["service_time"] = times(figures.get("service_ns", 2 * MS), ok, also=figures.get("best", (0, 0)))
        blocks["schedule_lag"] = times(figures.get("lag_ns", 10_000), ok)
        blocks["receive_lag"] = times(figures.get("receive_ns", 1_000), ok)
        blocks["connection_wait"] = times(figures.get("wait_ns", 0), ok)
    if "pending" in figures:
        blocks["pending"] = times(*figures["pending"])
    series = SeriesInterval(
        series=figures.get("series", 0),
        phase=figures.get("phase", "main"),
        started=figures.get("started", ok + failed),
        ok=ok,
        failed=failed,
        unfinished=0,
        stale_retries=0,
        in_flight=figures.get("in_flight", 0),
        opening=0,
        by_status={"200": ok},
        by_error=errors,
        sent_bytes=0,
        received_bytes=0,
        times=blocks,
    )
    scenario = ScenarioInterval(
        scenario=0,
        phase=figures.get("phase", "main"),
        offered=figures.get("offered", ok + failed),
        started=figures.get("begun", ok + failed),
        ok=ok,
        failed=failed,
        unfinished=0,
        dropped=figures.get("dropped", {"cap": 0, "deadline": 0, "ended": 0}),
        waiting=figures.get("waiting", 0),
        times={"time": times(figures["iteration_ns"], ok)} if "iteration_ns" in figures and ok else {},
        checks=figures.get("checks", ()),
    )
    return Interval(
        start_ns=number * NS_PER_S,
        end_ns=number * NS_PER_S + figures.get("length_ns", NS_PER_S),
        generator={
            "cpu_ns": figures.get("cpu_ns", 10 * MS),
            "longest_gap_ns": figures.get("gap_ns", 0),
            "unstarted": figures.get("unstarted", 0),
        },
        scenarios=(scenario,),
        series=(series,),
    )
