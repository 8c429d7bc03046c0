"""The smallest run that has one of everything."""

import copy
from typing import Any

import pytest
from tests.unit.report.runs import SECOND_NS, Run, interval, open_load, plan, scenario, series, times


@pytest.fixture(scope="session")
def small_document() -> dict[str, Any]:
    """2.5 s of an open run with a warm-up that reaches over, a failure, and something that never ended."""
    rows = [
        interval(
            0,
            1,
            [scenario(phase="warmup", offered=3, started=3, ok=2)],
            [
                series(
                    phase="warmup",
                    started=3,
                    ok=2,
                    in_flight=1,
                    by_status={"200": 2},
                    times={"response_time": times([900, 1000]), "service_time": times([800, 900])},
                )
            ],
            cpu_ns=10,
        ),
        interval(
            1,
            1,
            [scenario(phase="warmup", ok=1), scenario(offered=4, started=3, ok=1, failed=1, waiting=1)],
            [
                series(
                    phase="warmup",
                    ok=1,
                    by_status={"200": 1},
                    times={"response_time": times([9_000]), "service_time": times([8_000])},
                ),
                series(
                    started=3,
                    ok=1,
                    failed=1,
                    stale_retries=1,
                    in_flight=1,
                    by_status={"200": 1, "503": 1},
                    by_error={"http.5xx": 1},
                    sent_bytes=300,
                    received_bytes=500,
                    times={
                        "response_time": times([5_000]),
                        "service_time": times([4_000]),
                        "failed_time": times([7_000]),
                        "schedule_lag": times([10, 20, 30]),
                    },
                ),
            ],
            cpu_ns=20,
            connections_opened=2,
            connections_reused=4,
        ),
        interval(
            2,
            0.5,
            [scenario(unfinished=1, dropped={"ended": 1})],
            [
                series(
                    unfinished=1,
                    times={
                        "response_time": times([], [400_000_000, 500_000_000]),
                        "service_time": times([], [400_000_000]),
                    },
                )
            ],
        ),
    ]
    made = Run(plan([open_load(4, 1)], [["GET /"]], name="small", warmup_ns=SECOND_NS), rows, status="failed")
    return made.document()


@pytest.fixture
def changed(small_document: dict[str, Any]) -> dict[str, Any]:
    """The same, to be broken."""
    return copy.deepcopy(small_document)
