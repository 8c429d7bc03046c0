"""Real processes, real gRPC, a real PostgreSQL, and a target that counts for itself: what dies costs only its own."""

import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.distributed.processes import Processes, open_plan, processes
from tests.postgres import Postgres

from apibench.engine.echo_server import EchoServer

LEASE_S = 10
DATABASE_AWAY_S = int(os.environ.get("APIBENCH_DATABASE_AWAY_S", "6"))
# A run of nearly a minute, the start and the end of seven processes, and a machine that does something else beside.
pytestmark = pytest.mark.timeout(300)


def check_against(document: dict[str, Any], requests: int) -> None:
    """Our counts and the target's agree: all that it saw was sent, and all that was answered was seen."""
    ours, load = document["requests"], document["load"]
    assert load["offered"] == load["started"] + sum(load["dropped"].values()) + load["lost"]
    assert ours["ok"] <= requests <= ours["attempts"] + load["lost"]


def offered_by_second(document: dict[str, Any]) -> list[int]:
    """Without what was lost: what workers really had."""
    return [row["offered"] - row["lost"] for row in document["intervals"] if row["phase"] == "main"]


def test_three_workers_over_grpc_count_what_the_target_counts(tmp_path: Path, postgres: Postgres) -> None:
    with EchoServer(http="127.0.0.1:0") as target, processes(tmp_path, postgres.new_database(), 3) as here:
        run_id = here.run(plan=open_plan(target.address, 300, 4))
        document = here.result(run_id)
        counted = target.counts()["requests"]
    # Six processes on two processors: they may be late by their own fault, and say so then.
    assert document["verdict"]["exit_code"] in (0, 112), document["verdict"]
    assert document["requests"]["ok"] == document["load"]["offered"] == 1_200 == counted
    assert document["load"]["lost"] == 0
    slowest = document["slowest"]
    assert len(slowest) == 50
    assert slowest[0]["response_ns"] == document["response_time"]["max_ns"]
    workers = document["run"]["workers"]
    assert sorted(each["fate"] for each in workers) == ["finished"] * 3
    assert max(abs(each["clock_error_ns"]) for each in workers) < 5_000_000


def test_everything_dies_once_and_the_counts_agree(tmp_path: Path, postgres: Postgres) -> None:
    rate_per_s, length_s = 200, 44 + DATABASE_AWAY_S
    with EchoServer(http="127.0.0.1:0") as target, processes(tmp_path, postgres.new_database(), 3) as here:
        run_id = here.run(plan=open_plan(target.address, rate_per_s, length_s))
        here.until_running(run_id)
        began_s = time.monotonic()
        at(began_s + 4)
        killed_at = datetime.now(UTC)
        here.kill("w1")
        at(began_s + 6)
        here.kill("aggregator")
        at(began_s + 8)
        here.start("aggregator")
        at(began_s + 18)
        here.kill("controller")
        at(began_s + 20)
        here.start("controller")
        at(began_s + 30)
        postgres.stop(signal.SIGQUIT)
        at(began_s + 30 + DATABASE_AWAY_S)
        postgres.start()
        document = here.result(run_id)
        counted = target.counts()["requests"]
        said = here.said()
    load = document["load"]
    assert load["offered"] == rate_per_s * length_s, said
    assert sorted(each["fate"] for each in document["run"]["workers"]) == ["finished", "finished", "lost"]
    check_against(document, counted)
    # Its share is nobody's for as long as it might still have been sending, and two seconds at most beyond that.
    by_second = offered_by_second(document)
    killed_s = (killed_at - datetime.fromisoformat(document["run"]["started_at"])).total_seconds()
    back_s = max(second + 1 for second, offered in enumerate(by_second) if offered < rate_per_s * 0.95)
    assert LEASE_S - 2 < back_s - killed_s < LEASE_S + 2 + 1, said
    # What it had sent in its last two seconds, and nobody had heard of, counts as lost too.
    third = rate_per_s / 3
    assert third * (LEASE_S - 2) < load["lost"] < third * (LEASE_S + 2 + 2), said
    # At the end the others had all of it again; and what the database was away for is there.
    assert by_second[-10:] == [rate_per_s] * 10
    assert len(by_second) == length_s


def test_a_worker_that_was_frozen_beyond_its_lease_sends_nothing_when_it_thaws(
    tmp_path: Path, postgres: Postgres
) -> None:
    rate_per_s, length_s = 100, 30
    with EchoServer(http="127.0.0.1:0") as target, processes(tmp_path, postgres.new_database(), 2) as here:
        run_id = here.run(plan=open_plan(target.address, rate_per_s, length_s))
        here.until_running(run_id)
        began_s = time.monotonic()
        at(began_s + 3)
        here.signal("w0", signal.SIGSTOP)
        at(began_s + 3 + LEASE_S + 2.5)
        before = target.counts()["requests"]
        here.signal("w0", signal.SIGCONT)
        at(began_s + 3 + LEASE_S + 5.5)
        within_3_s = target.counts()["requests"] - before
        document = here.result(run_id)
        counted = target.counts()["requests"]
        said = here.said()
    # The other one has the whole rate by now, and nothing comes on top of it.
    assert abs(within_3_s - 3 * rate_per_s) <= rate_per_s * 0.05 * 3 + 5, said
    # What it had is lost; it is taken as a spare then, under another number.
    assert [each["fate"] for each in document["run"]["workers"]].count("lost") == 1
    assert document["load"]["offered"] == rate_per_s * length_s
    check_against(document, counted)


def test_a_worker_that_is_told_to_end_hands_over_within_two_seconds(tmp_path: Path, postgres: Postgres) -> None:
    rate_per_s, length_s = 200, 14
    with EchoServer(http="127.0.0.1:0") as target, processes(tmp_path, postgres.new_database(), 2) as here:
        run_id = here.run(plan=open_plan(target.address, rate_per_s, length_s))
        here.until_running(run_id)
        time.sleep(3)
        began_s = time.monotonic()
        assert here.end("w1") == 0
        took_s = time.monotonic() - began_s
        document = here.result(run_id)
        counted = target.counts()["requests"]
        said = here.said()
    assert took_s < 5, said
    assert document["load"]["lost"] == 0, said
    assert document["requests"]["ok"] == rate_per_s * length_s == counted
    assert offered_by_second(document) == [rate_per_s] * length_s


def test_another_controller_takes_over_and_the_run_does_not_feel_it(tmp_path: Path, postgres: Postgres) -> None:
    rate_per_s, length_s = 200, 25
    with EchoServer(http="127.0.0.1:0") as target:
        here = Processes(tmp_path, postgres.new_database())
        second = Processes(tmp_path, "")
        try:
            here.start_controller()
            here.until("a leader", lambda: here.ask("GET", "/v1/runs") is not None)
            here.start_controller(name="second", http=second.http, grpc=second.grpc)
            here.start_aggregator("--controller", second.grpc)
            for name in ("w0", "w1"):
                here.start_worker(name, "--controller", second.grpc)
            here.until_idle(2)
            run_id = here.run(plan=open_plan(target.address, rate_per_s, length_s))
            here.until_running(run_id)
            time.sleep(3)
            here.kill("controller")
            here.client = second.client
            # It leads as soon as the lease of the other has run out, and the workers have found it by then.
            here.until("the second one leads", lambda: here.state(run_id) == "running" and here.busy() == 2, 15)
            changed = here.ask("PATCH", f"/v1/runs/{run_id}/rates", {"rates": [{"scenario": "main", "rate": "100/s"}]})
            document = here.result(run_id)
            counted = target.counts()["requests"]
            said = here.said()
        finally:
            here.close()
    assert document["load"]["lost"] == 0, said
    assert document["requests"]["ok"] == document["load"]["offered"] == counted, said
    before_s, after_s = changed["effective_ns"] / 1e9, length_s - changed["effective_ns"] / 1e9
    assert abs(counted - (rate_per_s * before_s + 100 * after_s)) <= 1
    assert [each["name"] for each in document["run"]["revisions"]] == ["as planned", "rates changed"]
    assert sum(each["iterations"]["offered"] for each in document["run"]["revisions"]) == counted


def at(moment_s: float) -> None:
    """Sleep until then."""
    time.sleep(max(moment_s - time.monotonic(), 0))
