"""How a run can end, and that nothing measured is lost by it."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.integration.conftest import PATIENCE_S, Command, command_line, on_a_quiet_moment

from apibench.engine.echo_server import EchoServer


def interrupted(
    server: EchoServer, environment: dict[str, str], signals: list[signal.Signals], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Start a run of 30 s, wait until it sends, and send it signals."""
    line = command_line("run", server.address, "-d", "30s", "-o", "json=-", "--progress", "none", *arguments)
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        deadline = time.monotonic() + PATIENCE_S
        while server.counts()["requests"] < 20:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        for number in signals:
            process.send_signal(number)
            time.sleep(0.3)
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    return subprocess.CompletedProcess(line, process.returncode, stdout, stderr)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_drains_and_reports(environment: dict[str, str], number: signal.Signals) -> None:
    with EchoServer(knobs="delay=5ms") as server:
        ended = interrupted(server, environment, [number], "-c", "4")
        counted = server.counts()
    document = json.loads(ended.stdout)
    assert ended.returncode == 105
    assert document["run"]["ended"] == "interrupted"
    assert document["requests"]["ok"] == counted["requests"]
    assert document["requests"]["unfinished"] == 0


def test_the_second_signal_waits_for_nothing(environment: dict[str, str]) -> None:
    with EchoServer(knobs="delay=1ms:99,20s:1", seed=1) as server:
        began = time.monotonic()
        ended = interrupted(server, environment, [signal.SIGINT, signal.SIGINT], "-c", "30", "--timeout", "60s")
        assert time.monotonic() - began < 15
    document = json.loads(ended.stdout)
    assert ended.returncode == 105
    requests = document["requests"]
    assert requests["started"] == requests["ok"] + requests["failed"] + requests["unfinished"]


def test_a_threshold_that_aborts_ends_the_run_early(apibench: Command) -> None:
    def aborted() -> bool:
        with EchoServer(knobs="status=500:50") as server:
            ended = apibench(
                *("run", server.address, "-r", "100/s", "-d", "20s", "-o", "json=-"),
                *("--threshold", "errors < 10% for 1s abort"),
            )
        assert ended.document["run"]["ended"] == "aborted"
        assert ended.document["run"]["actual_s"] < 10
        (row,) = ended.document["thresholds"]
        assert not row["passed"]
        return ended.code == 99 and bool(row["failed_at_s"] == 1)

    assert on_a_quiet_moment(aborted)


def test_a_frozen_target_fires_a_window(apibench: Command) -> None:
    def fired() -> bool:
        with EchoServer(knobs="stall=1") as server:
            ended = apibench(
                *("run", server.address, "-r", "20/s", "-d", "20s", "--timeout", "30s", "--drain", "0s"),
                *("--threshold", "p99 < 500ms for 2s abort", "-o", "json=-"),
            )
        assert ended.document["run"]["ended"] == "aborted"
        return ended.code == 99 and bool(ended.document["run"]["actual_s"] < 4)

    assert on_a_quiet_moment(fired)


def test_a_full_disk_takes_the_file_and_not_the_summary(apibench: Command, echo: EchoServer) -> None:
    ended = apibench("run", echo.address, "-n", "10", "-o", "json=/dev/full")
    assert "cannot write /dev/full" in ended.stderr
    assert "PASSED" in ended.stdout
    assert ended.code == 0


def test_a_closed_pipe_is_no_traceback(environment: dict[str, str], echo: EchoServer) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        ended = subprocess.run(
            command_line("run", echo.address, "-n", "10"),
            stdout=write_end,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            timeout=PATIENCE_S,
            check=False,
        )
    finally:
        os.close(write_end)
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("127.0.0.1:80",), 2, "Did you mean http://127.0.0.1:80"),
        (("http://127.0.0.1/", "-d", '{"a": 1}'), 2, "that is a body"),
        (("http://127.0.0.1/", "-d", "10"), 2, "10s if"),
        (("http://127.0.0.1/", "--http", "2"), 2, "not built yet"),
        (("http://127.0.0.1/", "--threshold", "p99 < fast"), 2, "p99"),
        (("http://127.0.0.1/", "--thresold", "x"), 2, "--thresold"),
        (("scenario.py",), 2, "not built yet"),
        (("no-such-plan.yaml",), 104, "no-such-plan.yaml"),
        (("http://127.0.0.1/", "-H", "no colon"), 2, "Name: value"),
        (("http://127.0.0.1/", "--stage", "10s:5"), 2, "10s:5/s"),
        (("http://127.0.0.1/", "--arrivals", "poisson"), 2, "--rate"),
        (("http://127.0.0.1/", "-o", "jsn=x"), 2, "json"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(
    apibench: Command, arguments: tuple[str, ...], code: int, says: str
) -> None:
    refused = apibench("run", *arguments)
    assert refused.code == code, refused.stderr
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.stdout == ""


def test_every_output_is_written(apibench: Command, echo: EchoServer, tmp_path: Path) -> None:
    kinds = ("json", "ndjson", "csv", "hgrm", "junit")
    wanted = [part for kind in kinds for part in ("-o", f"{kind}={tmp_path / kind}")]
    ended = apibench("run", echo.address, "-c", "2", "-n", "10", "--threshold", "errors < 1%", *wanted)
    assert ended.code == 0
    assert json.loads((tmp_path / "json").read_text())["schema"] == "apibench.result/1"
    lines = [json.loads(line) for line in (tmp_path / "ndjson").read_text().splitlines()]
    assert lines[-1]["type"] == "result"
    header, *rows = (tmp_path / "csv").read_text().splitlines()
    assert header.startswith("start_s,length_s,phase,")
    assert len(rows) >= len(lines) - 1
    assert "#[Max" in (tmp_path / "hgrm").read_text()
    assert 'name="errors &lt; 1%"' in (tmp_path / "junit").read_text()
