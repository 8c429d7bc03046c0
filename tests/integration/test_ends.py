"""How a run can end, and that nothing measured is lost by it."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.integration.conftest import PATIENCE_S, Command, command_line, on_a_quiet_moment
from tests.ports import free_port

from apibench.engine.echo_server import EchoServer
from apibench.report.equations import violations


def interrupted(
    server: EchoServer, environment: dict[str, str], signals: list[signal.Signals], *arguments: str, sent: int = 20
) -> subprocess.CompletedProcess[str]:
    """Start a run of 30 s, wait until it has sent so many requests, and send it signals."""
    line = command_line("run", server.address, "-d", "30s", "-o", "json=-", "--progress", "none", *arguments)
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        deadline = time.monotonic() + PATIENCE_S
        while server.counts()["requests"] < sent:
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
                *("run", server.address, "-r", "1000/s", "-d", "20s", "-o", "json=-"),
                *("--threshold", "errors < 10% for 1s abort"),
            )
        assert ended.document["run"]["ended"] == "aborted"
        assert ended.document["run"]["actual_s"] < 10
        (row,) = ended.document["thresholds"]
        assert not row["passed"]
        assert row["ended_the_run"]
        return ended.code == 99 and bool(row["failed_at_s"] == 1)

    assert on_a_quiet_moment(aborted)


def test_a_threshold_that_aborts_says_on_the_screen_that_it_did(apibench: Command) -> None:
    def told() -> bool:
        with EchoServer(knobs="status=500:50") as server:
            ended = apibench("run", server.address, "-c", "2", "-d", "20s", "--threshold", "errors < 10% abort")
        assert ended.code in (99, 112)
        return ended.code == 99 and "'errors < 10% abort' ended the run at 1 s" in ended.stdout

    assert on_a_quiet_moment(told)


def test_a_threshold_that_aborts_waits_for_the_first_answers(apibench: Command) -> None:
    def passed() -> bool:
        with EchoServer(knobs="delay=1500ms") as server:
            ended = apibench(
                *("run", server.address, "-c", "2", "-d", "3s", "-o", "json=-"),
                *("--threshold", "p99 < 5s abort", "--threshold", "errors < 1% abort"),
            )
        assert ended.document["run"]["ended"] == "complete"
        return ended.code == 0

    assert on_a_quiet_moment(passed)


def test_an_interrupt_in_the_warm_up_does_not_say_that_nothing_was_sent(environment: dict[str, str]) -> None:
    with EchoServer(knobs="delay=5ms") as server:
        ended = interrupted(server, environment, [signal.SIGINT], "-c", "4", "--warmup", "20s")
    document = json.loads(ended.stdout)
    assert ended.returncode == 105
    assert document["warmup"]["load"]["started"] == document["warmup"]["requests"]["started"] >= 20
    assert not any("nothing was sent" in reason for reason in document["verdict"]["reasons"])


def test_rates_of_an_interrupted_run_are_not_diluted_by_its_drain(environment: dict[str, str]) -> None:
    # Some are in flight at the stop whose answers take three seconds more: seconds in which nothing is asked.
    with EchoServer(knobs="delay=5ms:90,3s:10", seed=1) as server:
        ended = interrupted(server, environment, [signal.SIGINT], "-r", "100/s", sent=150)
    document = json.loads(ended.stdout)
    assert document["run"]["window_s"] < document["run"]["actual_s"] - 2
    assert document["run"]["window_s"] in (1, 2, 3)
    assert 90 <= document["load"]["offered_per_s"] <= 110
    assert violations(document) == []


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


def test_a_frozen_target_fires_a_window_of_a_closed_run(apibench: Command) -> None:
    with EchoServer(knobs="stall=1") as server:
        ended = apibench(
            *("run", server.address, "-c", "4", "-d", "20s", "--timeout", "30s", "--drain", "0s"),
            *("--threshold", "p99 < 500ms for 1s abort", "-o", "json=-"),
        )
    assert ended.document["run"]["ended"] == "aborted"
    assert ended.document["run"]["actual_s"] < 5


@pytest.mark.parametrize("kind", ["json", "ndjson"])
def test_a_full_disk_takes_the_file_and_not_the_summary(apibench: Command, echo: EchoServer, kind: str) -> None:
    ended = apibench("run", echo.address, "-n", "10", "-o", f"{kind}=/dev/full")
    assert "cannot write /dev/full: no space left on device" in ended.stderr
    assert "exit code 1, because an output that was asked for is lost" in ended.stderr
    assert "PASSED" in ended.stdout
    assert ended.code == 1


def test_a_run_that_has_not_passed_keeps_its_exit_code_whatever_is_lost(apibench: Command, echo: EchoServer) -> None:
    ended = apibench("run", f"{echo.address}/?status=500", "-n", "10", "-o", "json=/dev/full")
    assert "cannot write /dev/full" in ended.stderr
    assert ended.code == 99


def test_a_crash_leaves_the_lines_of_the_finished_seconds(
    environment: dict[str, str], echo: EchoServer, tmp_path: Path
) -> None:
    path = tmp_path / "run.ndjson"
    line = command_line("run", echo.address, "-r", "50/s", "-d", "30s", "-o", f"ndjson={path}")
    with subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + PATIENCE_S
        while echo.counts()["requests"] < 130:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["ok"] for row in rows[:2]] == [50, 50]


@pytest.mark.parametrize("what", ["look-up", "connection"])
def test_a_target_that_is_waited_for_may_be_given_up(environment: dict[str, str], what: str) -> None:
    target = "http://nosuch.invalid/" if what == "look-up" else f"http://127.0.0.1:{free_port()}/"
    line = command_line("run", target, "-d", "1s", "--wait-for-target", "50s")
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        assert "waiting for the target, up to 50s" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, stdout) == (105, "")
    assert stderr == "apibench: interrupted before the first request; nothing was sent\n"


def test_who_has_waited_in_vain_is_told_how_long(apibench: Command) -> None:
    began = time.monotonic()
    ended = apibench("run", f"http://127.0.0.1:{free_port()}/", "-d", "1s", "--wait-for-target", "300ms")
    assert time.monotonic() - began < 30
    assert ended.code == 111
    assert "connection refused; waited 3" in ended.stderr


@contextmanager
def nowhere(place: str) -> Iterator[int]:
    """A descriptor that nothing can be written to: a pipe whose reader has gone, or a full disk."""
    if place == "full":
        descriptor = os.open("/dev/full", os.O_WRONLY)
    else:
        read_end, descriptor = os.pipe()
        os.close(read_end)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("place", ["closed", "full"])
def test_a_standard_output_that_is_lost_costs_nothing_else(
    environment: dict[str, str], echo: EchoServer, tmp_path: Path, place: str
) -> None:
    outputs = ("-o", "json=-", "-o", f"csv={tmp_path / 'csv'}")
    for arguments, code in (((), 0), (outputs, 1)):
        line = command_line("run", echo.address, "-n", "10", "--progress", "none", *arguments)
        with nowhere(place) as lost:
            ended = subprocess.run(
                line, stdout=lost, stderr=subprocess.PIPE, text=True, env=environment, timeout=PATIENCE_S, check=False
            )
        assert ended.returncode == code, ended.stderr
        told = ended.stderr.splitlines()
        assert told[0].startswith("apibench: cannot write to standard output: ")
        # The screen was nobody's wish in particular; an output was.
        assert told[1:] == ["apibench: exit code 1, because an output that was asked for is lost"] * code
    assert len((tmp_path / "csv").read_text().splitlines()) > 1


@pytest.mark.parametrize("place", ["closed", "full"])
@pytest.mark.parametrize("progress", ["plain", "json", "tty"])
def test_a_run_goes_on_where_nobody_hears_of_its_progress(
    apibench: Command, environment: dict[str, str], echo: EchoServer, progress: str, place: str
) -> None:
    line = command_line("run", echo.address, "-r", "50/s", "-d", "1200ms", "--progress", progress)
    with nowhere(place) as lost:
        ended = subprocess.run(
            line, stdout=subprocess.PIPE, stderr=lost, text=True, env=environment, timeout=PATIENCE_S, check=False
        )
    assert ended.returncode in (0, 112), ended.stdout
    assert "60" in ended.stdout
    stored = json.loads(apibench("show", "last", "--json").stdout)
    assert stored["run"]["ended"] == "complete"
    assert stored["requests"]["ok"] == 60


def test_a_verb_whose_output_is_lost_says_so(environment: dict[str, str]) -> None:
    for arguments in (("runs",), ("plan", "--schema"), ("--help",)):
        with nowhere("full") as lost:
            ended = subprocess.run(
                command_line(*arguments),
                stdout=lost,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
                timeout=PATIENCE_S,
                check=False,
            )
        assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
        assert "cannot write to standard output: no space left on device" in ended.stderr


def test_a_run_works_without_any_standard_stream(environment: dict[str, str], echo: EchoServer) -> None:
    line = " ".join(command_line("run", echo.address, "-n", "10"))
    ended = subprocess.run(["sh", "-c", f"{line} <&- >&- 2>&-"], env=environment, timeout=PATIENCE_S, check=False)
    assert ended.returncode == 0
    assert echo.counts()["requests"] == 10


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("127.0.0.1:80",), 2, "Did you mean http://127.0.0.1:80"),
        (("http://127.0.0.1/", "-d", '{"a": 1}'), 2, "that is a body"),
        (("http://127.0.0.1/", "-d", "10"), 2, "10s if"),
        (("http://127.0.0.1/", "--http", "2"), 2, "not built yet"),
        (("http://127.0.0.1/", "--threshold", "p99 < fast"), 2, "p99"),
        (("http://127.0.0.1/", "--thresold", "x"), 2, "--thresold"),
        (("scenario.py",), 104, "no such file"),
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
