"""`apibench.run(...)`: the command's run, from scripts, threads and event loops, without a word on the way."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import PATIENCE_S, Command
from tests.ports import free_port

import apibench
from apibench import ApibenchError, Result, User, scenario
from apibench.engine.echo_server import EchoServer
from apibench.model.errors import PlanUnreadable, TargetUnreachable, WordsInvalid


@scenario(base_url="http://127.0.0.1:1", load="2 vus", iterations=20)
def browse(u: User) -> None:
    page = u.get("/products?page=1")
    u.get(f"/products/{page.json['items'].random()['id']}")


@scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=5)
def buy(u: User) -> None:
    u.post("/orders", json={"sku": "1", "qty": 1})


def test_a_url_is_run_and_counted_as_the_target_counts(echo: EchoServer) -> None:
    result = apibench.run(echo.address, iterations=100, vus=4, tags={"branch": "main"})
    assert result.requests == result.total.ok == echo.counts()["requests"] == 100
    assert (result.ended, result.document["run"]["tags"]) == ("complete", {"branch": "main"})


def test_scenarios_are_run_at_another_place_and_another_load(echo: EchoServer) -> None:
    result = apibench.run(browse, base_url=echo.address, vus=3, iterations=30)
    assert result["GET /products"].requests == result["GET /products/{id}"].requests == 30
    assert echo.counts()["requests"] == 60


def test_several_scenarios_are_one_run(echo: EchoServer) -> None:
    result = apibench.run([browse, buy], base_url=echo.address)
    assert list(result.scenarios) == ["browse", "buy"]
    assert result["POST /orders"].requests == 5


def test_a_file_is_run_as_the_command_runs_it(
    echo: EchoServer, measure: Callable[..., dict[str, object]], tmp_path: Path
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        f"version: 1\nhosts: {{a: {echo.address}}}\n"
        "scenarios: [{name: s, load: {vus: 1, iterations: 5}, steps: [{type: request, path: /x}]}]\n"
    )
    ours, theirs = apibench.run(plan, seed=3).document["run"], measure(str(plan), "--seed", "3")["run"]
    assert isinstance(theirs, dict)
    assert ours["plan_sha256"] == theirs["plan_sha256"]
    with pytest.raises(PlanUnreadable):
        apibench.run(tmp_path / "none.yaml")


def test_nothing_is_printed_unless_it_is_asked_for(echo: EchoServer, capfd: pytest.CaptureFixture[str]) -> None:
    apibench.run(echo.address, iterations=10, vus=1)
    assert capfd.readouterr() == ("", "")
    apibench.run(echo.address, iterations=10, vus=1, progress="json")
    out, err = capfd.readouterr()
    assert out == ""
    assert err


def test_a_failed_threshold_is_a_verdict_and_no_exception(echo: EchoServer) -> None:
    result = apibench.run(echo.address, iterations=10, vus=1, thresholds=["rate > 1000000/s"])
    assert not result.passed
    with pytest.raises(apibench.RunFailed, match="rate > 1000000/s"):
        result.raise_if_failed()


def test_all_that_is_wrong_with_the_arguments_is_told_at_once() -> None:
    with pytest.raises(WordsInvalid) as caught:
        apibench.run("http://127.0.0.1:1", duration=30, rate="fast", thresholds="p99", seed="x", tags=3)  # type: ignore[arg-type]
    assert {fault.place for fault in caught.value.faults} == {"duration", "rate", "thresholds[0]", "seed", "tags"}
    wrong: tuple[Any, ...] = ("localhost:80", [], 3, browse.function)
    for what in wrong:
        with pytest.raises(WordsInvalid, match="what: "):
            apibench.run(what)


def test_nobody_at_the_target_is_an_error() -> None:
    with pytest.raises(TargetUnreachable):
        apibench.run(f"http://127.0.0.1:{free_port()}/", iterations=1)


def test_the_caller_stays_as_it_was(echo: EchoServer) -> None:
    def stands() -> tuple[object, ...]:
        return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), os.getpriority(os.PRIO_PROCESS, 0)

    before = stands()
    apibench.run(echo.address, iterations=10, vus=1)
    assert stands() == before
    assert not [thread for thread in threading.enumerate() if thread.name == "apibench run"]


def test_it_runs_in_a_thread_and_in_an_event_loop(echo: EchoServer) -> None:
    found: list[Result] = []
    thread = threading.Thread(target=lambda: found.append(apibench.run(echo.address, iterations=10, vus=1)))
    thread.start()
    thread.join()

    async def both() -> None:
        found.append(apibench.run(echo.address, iterations=10, vus=1))
        found.append(await asyncio.to_thread(apibench.run, echo.address, iterations=10, vus=1))

    asyncio.run(both())
    assert [result.requests for result in found] == [10, 10, 10]


def test_a_run_is_kept_in_the_history_where_it_is_asked_for(
    echo: EchoServer, apibench: Command, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from apibench import run

    monkeypatch.setenv("APIBENCH_DATA_DIR", environment["APIBENCH_DATA_DIR"])
    kept, not_kept = (run(echo.address, iterations=5, vus=1, store=store) for store in (True, False))
    listed = apibench("runs").stdout
    assert kept.run_id in listed
    assert not_kept.run_id not in listed


INTERRUPTED = """
import os, signal, sys, threading
import apibench

def interrupt():
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
for number in range(2):
    try:
        print("begin", flush=True)
        apibench.run(sys.argv[1], rate=50, duration="60s", progress="json")
    except KeyboardInterrupt as stopped:
        result = stopped.result
        print(result.ended, result.requests > 0, result.total.unfinished, isinstance(stopped, apibench.RunInterrupted))
        raise
"""


def test_ctrl_c_drains_the_run_and_ends_the_script_with_the_result_in_hand(
    echo: EchoServer, environment: dict[str, str]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED), echo.address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as script:
        assert script.stdin is not None
        assert script.stderr is not None
        script.stderr.readline()  # the first second is measured
        script.stdin.write("\n")
        script.stdin.flush()
        out, err = script.communicate(timeout=PATIENCE_S)
    assert out.splitlines() == ["begin", "interrupted True 0 True"]
    assert "RunInterrupted" in err


def test_an_error_that_a_signal_raises_in_the_caller_breaks_the_load_off(echo: EchoServer) -> None:
    def raise_it(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGUSR1, raise_it)
    threads = threading.active_count()
    waiting = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    waiting.start()
    try:
        with pytest.raises(TimeoutError):
            apibench.run(echo.address, rate=20, duration="60s")
    finally:
        signal.signal(signal.SIGUSR1, before)
        waiting.join()
    assert not [each for each in threading.enumerate() if each.name == "apibench run"], threads


def test_an_unknown_name_of_the_face_is_told() -> None:
    with pytest.raises(AttributeError, match="no attribute 'rnu'"):
        _ = apibench.rnu
    assert issubclass(apibench.RunFailed, ApibenchError)
