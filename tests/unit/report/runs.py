"""Runs that never were: intervals made by hand, and the documents of them. Nothing here reads a clock."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import NormalDist
from typing import Any

from apibench.model.exit_codes import ExitCode
from apibench.model.histogram import Histogram
from apibench.model.host_sample import HostTotals
from apibench.model.interval import Interval, ScenarioInterval, SeriesInterval
from apibench.model.plan import Plan
from apibench.model.run import Ended, HostMachine, RunEnd, RunRecord, SeriesName, WorkerRecord
from apibench.model.tally import Tally
from apibench.model.verdict import Generator, GeneratorFinding, Status, ThresholdResult, Verdict
from apibench.report.result import result_document

SECOND_NS = 1_000_000_000
STARTED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def times(values: Iterable[int], lower_bounds: Sequence[int] = ()) -> dict[str, Any]:
    """A TIMES block as an interval holds it; `lower_bounds` are values that are known to be at least that."""
    histogram = Histogram()
    for value, count in Counter([*values, *lower_bounds]).items():
        histogram.record(value, count)
    block: dict[str, Any] = json.loads(histogram.to_json())
    if lower_bounds:
        block["censored"], block["censored_min_ns"] = len(lower_bounds), min(lower_bounds)
    return block


def like_a_service(count: int, median_ns: int, sigma: float = 0.5) -> list[int]:
    """So many times with the long right tail that services have; the same ones every time."""
    normal = NormalDist()
    return [round(median_ns * math.exp(sigma * normal.inv_cdf((number + 0.5) / count))) for number in range(count)]


def plan(loads: Sequence[Mapping[str, Any]], steps: Sequence[Sequence[str]], **words: Any) -> Plan:
    """A plan of scenarios with these loads, each of request steps with these names."""
    scenarios = [
        {
            "name": f"scenario {number}" if len(loads) > 1 else "main",
            "load": dict(load),
            "steps": [{"type": "request", "host": "api", "path": "/", "name": name} for name in names],
        }
        for number, (load, names) in enumerate(zip(loads, steps, strict=True))
    ]
    document = {"version": 1, "hosts": {"api": {"base_url": "http://shop.test:8080"}}, "scenarios": scenarios, **words}
    return Plan.model_validate(document)


def open_load(rate: int, seconds: int, **words: Any) -> dict[str, Any]:
    ends = {"duration_ns": seconds * SECOND_NS}
    return {"model": "open", "rate": {"count": rate, "per_ns": SECOND_NS}, "ends": ends, **words}


def closed_load(vus: int, seconds: int) -> dict[str, Any]:
    return {"model": "closed", "vus": vus, "ends": {"duration_ns": seconds * SECOND_NS}}


def series(number: int = 0, phase: str = "main", **words: Any) -> SeriesInterval:
    """One series' part of an interval; what is not told is nothing."""
    nothing: dict[str, Any] = {
        **dict.fromkeys(("started", "ok", "failed", "unfinished", "stale_retries", "in_flight", "opening"), 0),
        **dict.fromkeys(("sent_bytes", "received_bytes"), 0),
        **{name: {} for name in ("by_status", "by_error", "times")},
    }
    return SeriesInterval(**{**nothing, "series": number, "phase": phase, **words})


def scenario(number: int = 0, phase: str = "main", **words: Any) -> ScenarioInterval:
    """One scenario's part of an interval; what is not told is nothing."""
    nothing: dict[str, Any] = {
        **dict.fromkeys(("offered", "started", "ok", "failed", "unfinished", "waiting"), 0),
        "dropped": {},
        "times": {},
    }
    return ScenarioInterval(**{**nothing, "scenario": number, "phase": phase, **words})


def interval(
    start_s: float,
    length_s: float,
    scenarios: Sequence[ScenarioInterval],
    steps: Sequence[SeriesInterval],
    **generator: int,
) -> Interval:
    start_ns = round(start_s * SECOND_NS)
    return Interval(start_ns, start_ns + round(length_s * SECOND_NS), generator, tuple(scenarios), tuple(steps))


@dataclass(frozen=True)
class Run:
    """A run, before it is a document."""

    plan: Plan
    intervals: Sequence[Interval]
    results: tuple[ThresholdResult, ...] = ()
    findings: tuple[GeneratorFinding, ...] = ()
    status: Status = "passed"
    exit_code: ExitCode = ExitCode.PASSED
    reasons: tuple[str, ...] = ()
    ended: Ended = "complete"
    tags: Mapping[str, str] = field(default_factory=dict)
    co_located: bool = False
    look_ups_ns: tuple[int, ...] = ()
    stopped_ns: int | None = None
    busy: bool = False
    taken: HostTotals = field(default_factory=HostTotals)
    workers: tuple[WorkerRecord, ...] = ()

    def series_names(self) -> tuple[SeriesName, ...]:
        numbers = {each.name: number for number, each in enumerate(self.plan.scenarios)}
        return tuple(SeriesName(numbers[each.name], request.name) for each, request in self.plan.requests())

    def document(self) -> dict[str, Any]:
        main, warmup = Tally(), Tally()
        for each in self.intervals:
            main.add(each, "main")
            warmup.add(each, "warmup")
        host = HostMachine(
            *(8, None, "6.1.0", "tsc"),
            spin=True,
            co_located=self.co_located,
            pace_p50_ns=52_000,
            pace_p99_ns=181_000,
            descriptors=65_536,
            local_ports=28_232,
        )
        names = self.series_names()
        record = RunRecord(
            *("0123456789", self.plan, STARTED_AT, "0.1.0", 4, host, names, self.look_ups_ns, self.tags),
            workers=self.workers,
        )
        addresses = {"192.0.2.7:8080": 50}
        end = RunEnd(
            *(STARTED_AT + timedelta(minutes=1), self.ended, 1_000_000_000, addresses, self.stopped_ns, self.busy),
            taken=self.taken,
        )
        generator: Generator = "limited" if self.findings else "valid"
        reasons = (*(f"{each.message}. {each.remedy}" for each in self.findings), *self.reasons)
        verdict = Verdict(self.status, self.exit_code, generator, reasons, self.results, self.findings)
        # Through JSON, as every reader but the run itself gets it.
        document: dict[str, Any] = json.loads(
            json.dumps(result_document(record, end, verdict, main, warmup, self.intervals))
        )
        return document
