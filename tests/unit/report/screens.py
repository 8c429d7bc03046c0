"""The runs whose screens are kept as text. Figures are made up, and add up."""

from collections.abc import Sequence
from dataclasses import replace

from tests.unit.report.runs import (
    SECOND_NS,
    Run,
    closed_load,
    interval,
    like_a_service,
    open_load,
    plan,
    scenario,
    series,
    times,
)

from apibench.model.exit_codes import ExitCode
from apibench.model.host_sample import HostTotals
from apibench.model.interval import Interval, SeriesInterval
from apibench.model.run import WorkerRecord
from apibench.model.slow_request import SlowRequest
from apibench.model.threshold import parse_threshold
from apibench.model.verdict import GeneratorFinding, ThresholdResult

MS = 1_000_000
_GENERATOR = {"cpu_ns": 120_000_000, "connections_opened": 5, "connections_reused": 1_995}


def served(ok: int, median_ns: int, *, lag_ns: int = 20_000, number: int = 0, phase: str = "main") -> SeriesInterval:
    """A good second: all that started ended ok."""
    service = like_a_service(ok, median_ns)
    lag = like_a_service(ok, lag_ns, 0.4)
    return series(
        number,
        phase,
        started=ok,
        ok=ok,
        by_status={"200": ok},
        sent_bytes=82 * ok,
        received_bytes=1_210 * ok,
        times={
            "response_time": times([a + b for a, b in zip(service, lag, strict=True)]),
            "service_time": times(service),
            "first_byte": times([value - value // 8 for value in service]),
            "schedule_lag": times(lag),
            "receive_lag": times(like_a_service(ok, 2_000)),
            "connection_wait": times([0] * ok),
            "connect": times(like_a_service(5, 300_000)),
        },
    )


def steady(seconds: int, rate: int, median_ns: int, *, lag_ns: int = 20_000, warmup_s: int = 0) -> list[Interval]:
    rows = []
    for second in range(warmup_s + seconds):
        phase = "warmup" if second < warmup_s else "main"
        part = served(rate, median_ns, lag_ns=lag_ns, phase=phase)
        counts = scenario(phase=phase, offered=rate, started=rate, ok=rate, times={"time": part.times["response_time"]})
        rows.append(interval(second, 1, [counts], [part], **_GENERATOR))
    return rows


def judged(text: str, value: float | None, *, passed: bool, censored: bool = False) -> ThresholdResult:
    threshold = parse_threshold(text)
    limit = threshold.limit if isinstance(threshold.limit, int) else threshold.limit.count * SECOND_NS
    return ThresholdResult(
        threshold, value, limit, passed, censored, 3 * SECOND_NS if value is not None and not passed else None
    )


def passed_open() -> Run:
    results = (judged("p99 < 200ms", 39.6 * MS, passed=True), judged("errors < 0.1%", 0.0, passed=True))
    made = plan([open_load(500, 4)], [["GET /items"]], name="shop", seed=42, warmup_ns=SECOND_NS)
    return Run(made, steady(4, 500, 12 * MS, warmup_s=1), results, tags={"branch": "main"})


def failed_threshold() -> Run:
    results = (
        judged("p99 < 30ms", 39.6 * MS, passed=False),
        judged("errors < 0.1%", 0.0, passed=True),
        judged("p99 of 'GET /basket' < 1s", None, passed=False),
    )
    reasons = ("p99 < 30ms: not held", "p99 of 'GET /basket' < 1s: no data")
    made = plan([closed_load(50, 4)], [["GET /items", "GET /basket"]], name="shop")
    rows = [
        interval(second, 1, [scenario(offered=500, started=500, ok=500)], [served(500, 12 * MS)], **_GENERATOR)
        for second in range(4)
    ]
    return Run(made, rows, results, (), "failed", ExitCode.THRESHOLD_FAILED, reasons)


def limited_generator() -> Run:
    finding = GeneratorFinding(
        "delay",
        "our own delay at p99 was 48.1 ms beyond this host's timers; the limit is 4.02 ms",
        "Give the generator a processor of its own, or ask for less.",
    )
    made = plan([open_load(500, 3)], [["GET /items"]], name="shop")
    rows = steady(3, 500, 12 * MS, lag_ns=20 * MS)
    return Run(made, rows, (), (finding,), "invalid", ExitCode.MEASUREMENT_INVALID, co_located=True)


def nothing_succeeded() -> Run:
    made = plan([open_load(200, 3)], [["POST /orders"]], name="shop")
    failed = series(
        started=200,
        failed=200,
        by_status={"503": 150},
        by_error={"http.5xx": 150, "tcp.reset": 50},
        sent_bytes=16_400,
        received_bytes=30_000,
        times={"failed_time": times(like_a_service(200, 3 * MS)), "schedule_lag": times(like_a_service(200, 20_000))},
    )
    rows = [
        interval(second, 1, [scenario(offered=200, started=200, failed=200)], [failed], **_GENERATOR)
        for second in range(3)
    ]
    reasons = ("nothing succeeded: not one of 600 requests was ok",)
    return Run(made, rows, (), (), "failed", ExitCode.THRESHOLD_FAILED, reasons)


def aborted() -> Run:
    """The target froze: timeouts, then a threshold ended it, and what waited was never sent."""
    frozen = judged("p99 < 1s for 2s abort", 2_000 * MS, passed=False, censored=True)
    results = (replace(frozen, failed_at_ns=4 * SECOND_NS, ended_the_run=True),)
    made = plan([open_load(100, 60)], [["GET /items"]], name="shop")
    rows = [*steady(2, 100, 12 * MS)]
    stuck = series(started=100, in_flight=100, times={"schedule_lag": times(like_a_service(100, 20_000))})
    rows.append(interval(2, 1, [scenario(offered=100, started=100)], [stuck], **_GENERATOR))
    late = series(
        started=50,
        failed=100,
        in_flight=50,
        by_error={"timeout": 100},
        times={name: times([], [1_000 * MS] * 100) for name in ("response_time", "service_time")},
    )
    rows.append(interval(3, 1, [scenario(offered=100, started=50, failed=100, waiting=50)], [late], **_GENERATOR))
    slow = (_cut_off(0, 2_000 * MS, 1_500 * MS, "192.0.2.7:8080"), _cut_off(0, 1_900 * MS, None, None))
    end = series(
        unfinished=50,
        times={
            "response_time": times([], [2_000 * MS] * 100),
            "service_time": times([], [1_500 * MS] * 50),
        },
    )
    last = interval(4, 0.5, [scenario(unfinished=50, dropped={"ended": 50})], [end], **_GENERATOR)
    rows.append(replace(last, slowest=slow))
    reasons = ("p99 < 1s for 2s abort: not held, and so it ended the run",)
    stopped_ns = 4 * SECOND_NS + 2 * MS
    return Run(made, rows, results, (), "failed", ExitCode.THRESHOLD_FAILED, reasons, "aborted", stopped_ns=stopped_ns)


def _cut_off(step: int, response_ns: int, service_ns: int | None, address: str | None) -> SlowRequest:
    service = {} if service_ns is None else {"service_time": service_ns}
    return SlowRequest(step, 4 * SECOND_NS, response_ns, None, None, unfinished=True, address=address, times=service)


def several_steps(names: Sequence[str] = ("GET /items", "GET /items → redirect", "POST /orders")) -> Run:
    """A closed run of three steps, the last of which fails at times."""
    made = plan([closed_load(20, 3)], [names], name="checkout", seed=7)
    rows = []
    for second in range(3):
        steps = [served(300, (4 + 3 * number) * MS, number=number) for number in range(2)]
        ok = served(290, 15 * MS, number=2)
        steps.append(
            series(
                2,
                started=300,
                ok=290,
                failed=10,
                by_status={"201": 290, "503": 8},
                by_error={"http.5xx": 8, "timeout": 2},
                sent_bytes=ok.sent_bytes,
                received_bytes=ok.received_bytes,
                times={
                    **ok.times,
                    "failed_time": times(like_a_service(8, 3 * MS)),
                    "response_time": times(like_a_service(290, 15 * MS), [1_000 * MS] * 2),
                    "service_time": times(like_a_service(290, 15 * MS), [1_000 * MS] * 2),
                },
            )
        )
        counts = scenario(
            offered=300, started=300, ok=290, failed=10, times={"time": times(like_a_service(290, 30 * MS))}
        )
        rows.append(interval(second, 1, [counts], steps, **_GENERATOR))
    return Run(made, rows, (), (), tags={"branch": "main"})


def stolen_time() -> Run:
    """On two workers, of which one stands on a machine that is given out twice."""
    taken = HostTotals(throttled_ns=0, steal_ns=1_540 * MS, waited_ns=90 * MS, threads=4)
    finding = GeneratorFinding(
        "stolen",
        "the hypervisor gave 1.50 s of the processor time of the threads of worker eu-2 to other machines, 25.00 % of "
        "the run",
        "Use dedicated or larger instances, and none with credits.",
    )
    first = WorkerRecord(0, "eu-1", "eu", "finished", 180_000, 0.5, 3, 3 * SECOND_NS, complete=True, lost=0, cpus=2)
    robbed = replace(first, segment=1, worker_id="eu-2", clock_error_ns=1_250_000, taken=taken)
    made = plan([open_load(500, 3)], [["GET /items"]], name="shop")
    findings, code = (finding,), ExitCode.MEASUREMENT_INVALID
    return Run(made, steady(3, 500, 12 * MS), (), findings, "invalid", code, taken=taken, workers=(first, robbed))


def long_named_step() -> Run:
    return several_steps(
        ("GET /v1/organizations/{organization}/projects/{project}/items", "GET /items → redirect", "注文を確認する")
    )


SCREENS = {
    made.__name__: made()
    for made in (
        passed_open,
        failed_threshold,
        limited_generator,
        nothing_succeeded,
        aborted,
        several_steps,
        stolen_time,
        long_named_step,
    )
}
