"""Each way in which the generator can be the limit is caught, and a target's own fault is never taken for ours."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import PATIENCE_S, command_line, on_a_quiet_moment

from apibench.engine.echo_server import EchoServer

Limited = Callable[..., dict[str, Any]]


def findings(document: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in document["verdict"]["findings"]}


@pytest.fixture
def limited(environment: dict[str, str]) -> Limited:
    """Run under a limit that `prepare` sets in the new process; `during` may do something to it meanwhile."""

    def run(
        *arguments: str,
        prepare: Callable[[], None] | None = None,
        during: Callable[[int], None] | None = None,
        before: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        line = [*before, *command_line("run", *arguments, "-o", "json=-", "--progress", "none", "--no-store")]
        with subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=prepare
        ) as process:
            if during is not None:
                during(process.pid)
            stdout, stderr = process.communicate(timeout=PATIENCE_S)
        assert stdout, stderr
        document: dict[str, Any] = json.loads(stdout)
        assert (process.returncode == 112) == (document["verdict"]["generator"] == "limited"), document["verdict"]
        return document

    return run


def test_our_own_stop_of_200_ms_is_caught(limited: Limited, echo: EchoServer) -> None:
    def stop(pid: int) -> None:
        before = echo.counts()["requests"]
        while echo.counts()["requests"] < before + 100:
            time.sleep(0.01)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.2)
        os.kill(pid, signal.SIGCONT)

    for load in (("-r", "500/s"), ("-c", "4")):
        document = limited(f"{echo.address}/?delay=1ms", *load, "-d", "2s", during=stop)
        assert "pause" in findings(document)
        assert document["verdict"]["status"] == "invalid"


@pytest.mark.skipif(not os.access("/sys/fs/cgroup/cpu/cpu.stat", os.R_OK) and os.geteuid() != 0, reason="needs a group")
def test_a_processor_quota_is_caught(limited: Limited, echo: EchoServer) -> None:
    group = Path(f"/sys/fs/cgroup/cpu/apibench-test-{os.getpid()}")
    try:
        group.mkdir()
        (group / "cpu.cfs_quota_us").write_text("20000")
    except OSError:
        pytest.skip("no control group of version 1 can be made here")
    try:
        document = limited(
            echo.address,
            "-c",
            "10",
            "-d",
            "2s",
            prepare=lambda: (group / "cgroup.procs").write_text(str(os.getpid())) and None,
        )
    finally:
        group.rmdir()
    assert "throttled" in findings(document)
    assert document["run"]["host"]["quota"] == pytest.approx(0.2)


def test_running_out_of_descriptors_is_caught(limited: Limited, echo: EchoServer) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))

    document = limited(f"{echo.address}/?delay=500ms", "-r", "500/s", "-d", "20s", prepare=few)
    assert "descriptors" in findings(document)
    # It is no stream of errors: the run ends.
    assert document["run"]["actual_s"] < 5


def test_a_cap_of_ours_is_caught(limited: Limited, echo: EchoServer) -> None:
    document = limited(f"{echo.address}/?delay=20ms", "-r", "200/s", "-c", "2", "-d", "1s")
    assert "connections" in findings(document)
    document = limited(f"{echo.address}/?delay=20ms", "-r", "200/s", "-c", "2", "-d", "1s", "--when-busy", "drop")
    assert "dropped" in findings(document)


def test_a_busy_neighbour_on_our_processor_is_caught(limited: Limited, echo: EchoServer) -> None:
    processor = max(os.sched_getaffinity(0))

    def share() -> None:
        os.sched_setaffinity(0, {processor})

    spinner = [sys.executable, "-c", "while True: pass"]
    neighbours = [subprocess.Popen(spinner, preexec_fn=share) for _ in range(2)]
    try:
        document = limited(f"{echo.address}/", "-r", "2000/s", "-d", "2s", prepare=share)
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()
    assert document["verdict"]["generator"] == "limited"


@pytest.mark.skipif(shutil.which("unshare") is None or os.geteuid() != 0, reason="needs a network of its own")
def test_running_out_of_local_ports_is_caught(environment: dict[str, str]) -> None:
    script = """
import subprocess, sys
from apibench.engine.echo_server import EchoServer
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
open("/proc/sys/net/ipv4/ip_local_port_range", "w").write("40000 40019")
with EchoServer(knobs="delay=1s") as server:
    line = [sys.executable, "-m", "apibench", "run", server.address, "-r", "200/s", "-d", "1s", "--no-preflight"]
    sys.exit(subprocess.run([*line, "-o", "json=-", "--progress", "none", "--no-store"]).returncode)
"""
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 112, done.stderr
    document = json.loads(done.stdout)
    assert "ports" in findings(document)
    assert document["requests"]["by_error"]["local.ports"] > 0


@pytest.mark.parametrize(
    ("knobs", "load"),
    [
        ("delay=1ms:99,600ms:1", ("-r", "300/s")),
        ("delay=30ms", ("-r", "100/s")),
        ("status=503:50&delay=5ms", ("-c", "5")),
    ],
)
def test_a_slow_or_failing_target_is_not_our_fault(limited: Limited, knobs: str, load: tuple[str, ...]) -> None:
    with EchoServer(knobs=knobs, seed=1) as server:
        assert on_a_quiet_moment(lambda: not findings(limited(server.address, *load, "-d", "1s")))


def test_a_frozen_target_is_not_our_fault(limited: Limited) -> None:
    def attempt() -> bool:
        with EchoServer(freeze={"every_ns": 1_500_000_000, "for_ns": 500_000_000}) as server:
            document = limited(server.address, "-r", "500/s", "-c", "20", "-d", "3s")
        assert document["response_time"]["quantiles"]["0.9"] > 100_000_000
        return not findings(document)

    assert on_a_quiet_moment(attempt)


def test_an_overloaded_target_is_not_our_fault(limited: Limited) -> None:
    # It can do 200 a second, and is asked for 300.
    def attempt() -> bool:
        with EchoServer(serve_ns=5_000_000) as server:
            return not findings(limited(server.address, "-r", "300/s", "-d", "2s", "--max-connections", "2000"))

    assert on_a_quiet_moment(attempt)


@pytest.mark.parametrize("load", [("-c", "20"), ("--max-connections", "30"), ("-c", "20", "--when-busy", "drop")])
def test_an_overloaded_target_behind_a_cap_is_not_our_fault(limited: Limited, load: tuple[str, ...]) -> None:
    # It can do 200 a second, one at a time. More connections would only be a longer queue of its own.
    def attempt() -> bool:
        with EchoServer(serve_ns=5_000_000) as server:
            return not findings(limited(server.address, "-r", "300/s", "-d", "3s", *load))

    assert on_a_quiet_moment(attempt)
