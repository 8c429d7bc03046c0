"""A target that misbehaves costs failures in the figures; never a hang, a crash or a lost count."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Command

from apibench.engine.echo_server import EchoServer

Measure = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("knob", "error"),
    [
        ("reset=1", "tcp.reset"),
        ("truncate=1&size=1k", "tcp.closed"),
        ("nonsense=1", "http.protocol"),
        ("endless=1", "http.protocol"),
        ("stall=1", "timeout"),
        ("status=503", "http.5xx"),
        ("status=404", "http.4xx"),
        ("redirect=9", "http.redirects"),
    ],
)
@pytest.mark.parametrize("tls", [False, True])
def test_each_fault_has_its_name_and_every_request_is_accounted_for(
    measure: Measure, knob: str, error: str, *, tls: bool
) -> None:
    arguments = ["-c", "3", "-n", "9", "--timeout", "300ms", "-k"]
    if knob.startswith("redirect"):
        arguments += ["-L", "2"]
    with EchoServer(tls=tls) as server:
        document = measure(f"{server.address}/?{knob}", *arguments)
    requests = document["requests"]
    assert requests["by_error"] == {error: 9}
    assert requests["started"] == requests["ok"] + requests["failed"] + requests["unfinished"]
    assert document["iterations"]["failed"] == 9
    assert any("nothing succeeded" in reason for reason in document["verdict"]["reasons"])


def test_a_mix_of_faults_leaves_the_equations_true(measure: Measure) -> None:
    with EchoServer(knobs="delay=1ms:50,20ms:5&status=503:10&close=20&reset=5", seed=3) as server:
        document = measure(server.address, "-r", "500/s", "-d", "1s", "--timeout", "200ms")
        counted = server.counts()
    requests, load = document["requests"], document["load"]
    assert load["offered"] == load["started"] + sum(load["dropped"].values()) == 500
    assert requests["started"] == requests["ok"] + requests["failed"] + requests["unfinished"]
    assert sum(requests["by_error"].values()) == requests["failed"]
    assert requests["ok"] <= counted["requests"] <= requests["attempts"]
    assert requests["ok"] == counted["responses"]["200"]


@pytest.mark.parametrize(
    "knob",
    [
        *("chunked=1", "until_close=1", "http10=1", "size=300k", "size=2m&chunked=1", "close=1", "echo=1"),
        # More than a turn's worth, with the end already behind it.
        "size=8m&until_close=1",
    ],
)
@pytest.mark.parametrize("tls", [False, True])
def test_every_framing_is_read_to_its_end(measure: Measure, knob: str, *, tls: bool) -> None:
    with EchoServer(tls=tls) as server:
        document = measure(f"{server.address}/?{knob}", "-k", "-c", "3", "-n", "30", "--data", "hello")
        counted = server.counts()
    assert document["requests"]["ok"] == 30
    if not tls:
        assert document["bytes"]["received"] == counted["sent_bytes"]


def test_head_has_no_body_whatever_it_says(measure: Measure, echo: EchoServer) -> None:
    document = measure(f"{echo.address}/?size=1k", "-X", "HEAD", "-c", "2", "-n", "20")
    assert document["requests"]["ok"] == 20
    assert document["generator"]["connections_opened"] == 2


def test_a_target_that_dies_in_mid_run_ends_the_run_on_time(measure: Measure) -> None:
    server = EchoServer(knobs="delay=5ms")

    def die_in_the_middle() -> None:
        while server.counts()["requests"] < 50:
            time.sleep(0.005)
        server.stop()

    threading.Thread(target=die_in_the_middle, daemon=True).start()
    document = measure(server.address, "-r", "200/s", "-d", "1s", "--drain", "1s")
    requests = document["requests"]
    assert requests["ok"] > 0
    assert requests["failed"] + requests["unfinished"] > 0
    assert requests["started"] == requests["ok"] + requests["failed"] + requests["unfinished"]
    assert set(requests["by_error"]) <= {"tcp.refused", "tcp.reset", "tcp.closed"}


def test_the_slowest_requests_are_told_apart_with_where_their_time_went(
    measure: Measure, echo: EchoServer, tmp_path: Path
) -> None:
    (tmp_path / "targets").write_text(f"GET {echo.address}/fast\nGET {echo.address}/slow?delay=40ms\n")
    document = measure("--targets", str(tmp_path / "targets"), "-c", "4", "-n", "200", "--seed", "1")
    slowest = document["slowest"]
    assert len(slowest) == 50
    assert slowest[0]["response_ns"] == document["response_time"]["max_ns"]
    assert {row["address"] for row in slowest} == {echo.address.removeprefix("http://")}
    assert {row["status"] for row in slowest} == {200}
    for row in slowest:
        phases = row["phases"]
        before_ns = sum(
            phases.get(f"{part}_ns", 0) for part in ("schedule_lag", "connection_wait", "connection_opening")
        )
        assert row["response_ns"] == before_ns + row["service_ns"]
        assert 40_000_000 < phases["first_byte_ns"] <= row["service_ns"], row


def test_redirects_within_the_origin_are_followed_and_counted_apart(measure: Measure, echo: EchoServer) -> None:
    document = measure(f"{echo.address}/a?redirect=2", "-c", "2", "-n", "10", "-L", "5")
    steps = {step["name"]: step["requests"]["ok"] for step in document["scenarios"][0]["steps"]}
    assert steps == {"GET /a": 10, "GET /a → redirect": 20}
    assert echo.counts()["requests"] == 30


def test_a_threshold_may_be_of_the_redirects_of_a_step_also_in_the_last_second(
    measure: Measure, echo: EchoServer
) -> None:
    goal = "rate of 'GET /a → redirect' > 90/s for 1s"
    document = measure(f"{echo.address}/a?redirect=2", "-r", "50/s", "-d", "1s", "-L", "5", "--threshold", goal)
    assert [(row["passed"], row["no_data"]) for row in document["thresholds"]] == [(True, False)]
    assert document["intended_from"] == "mixed"


def test_what_a_step_expects_is_said_of_the_answer_to_which_its_redirects_lead(
    apibench: Command, echo: EchoServer, tmp_path: Path
) -> None:
    plan = {
        "version": 1,
        "hosts": {"api": {"url": echo.address, "redirects": 5}},
        "scenarios": [
            {
                "name": "main",
                "steps": [
                    {
                        "type": "request",
                        "host": "api",
                        "path": "/a?redirect=2",
                        "expect": {"status": [{"first": 200, "last": 200}]},
                    }
                ],
                "load": {"vus": 2, "iterations": 10},
            }
        ],
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    document = apibench("run", str(tmp_path / "plan.json"), "-o", "json=-").document
    assert [(step["name"], step["requests"]["ok"]) for step in document["scenarios"][0]["steps"]] == [
        ("GET /a", 10),
        ("GET /a → redirect", 20),
    ]


def test_redirects_are_not_followed_unless_asked_for(measure: Measure, echo: EchoServer) -> None:
    document = measure(f"{echo.address}/?redirect=2", "-c", "2", "-n", "10")
    assert document["requests"]["by_status"] == {"302": 10}
