"""Runs are kept as they go on, and shown again as they ended."""

import json
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import jsonschema
from tests.integration.conftest import Command, command_line

from apibench.engine.echo_server import EchoServer


def test_a_run_is_listed_and_shown_as_it_ended(apibench: Command, echo: EchoServer) -> None:
    assert "No runs yet" in apibench("runs").stdout
    ended = apibench("run", echo.address, "-c", "2", "-n", "10", "--name", "first")
    listed = apibench("runs").stdout.splitlines()
    assert len(listed) == 2
    assert "passed" in listed[1]
    assert listed[1].endswith("first")
    run_id = listed[1].split()[0]
    shown = apibench("show", run_id[:9])
    assert shown.code == 0
    assert shown.stdout.splitlines()[:8] == ended.stdout.splitlines()[:8]
    document = json.loads(apibench("show", "last", "--json").stdout)
    assert document["run"]["id"] == run_id
    assert document["requests"]["ok"] == 10


def test_a_run_says_where_it_can_be_seen_again(apibench: Command, echo: EchoServer) -> None:
    kept = apibench("run", echo.address, "-c", "2", "-n", "10").stdout
    run_id = apibench("runs").stdout.splitlines()[1].split()[0]
    assert f"(apibench show {run_id} shows it again)" in kept
    assert "apibench show" not in apibench("show", "last").stdout
    assert "(not kept in the history)" in apibench("run", echo.address, "-c", "2", "-n", "10", "--no-store").stdout


def test_the_schema_of_results_is_printed_and_holds(apibench: Command, echo: EchoServer) -> None:
    apibench("run", echo.address, "-c", "2", "-n", "10")
    schema = json.loads(apibench("show", "--schema").stdout)
    jsonschema.validate(json.loads(apibench("show", "last", "--json").stdout), schema)


def test_a_damaged_run_is_told_and_the_others_are_shown(
    apibench: Command, environment: dict[str, str], echo: EchoServer
) -> None:
    for name in ("first", "second"):
        apibench("run", echo.address, "-c", "2", "-n", "10", "--name", name)
    connection = sqlite3.connect(Path(environment["APIBENCH_DATA_DIR"]) / "history.sqlite", isolation_level=None)
    connection.execute("UPDATE run SET result = x'0102' WHERE name = 'second'")
    connection.close()
    listed = apibench("runs")
    assert (listed.code, listed.stderr) == (0, "")
    assert "damaged" in listed.stdout.splitlines()[1]
    assert "passed" in listed.stdout.splitlines()[2]
    shown = apibench("show", "last")
    assert (shown.code, shown.stdout, shown.stderr.count("\n")) == (1, "", 1)
    assert "is damaged. The other runs can be shown." in shown.stderr


def test_a_run_that_is_not_to_be_kept_is_not(apibench: Command, echo: EchoServer) -> None:
    apibench("run", echo.address, "-n", "10", "--no-store")
    assert "No runs yet" in apibench("runs").stdout


def test_an_unknown_run_is_told(apibench: Command) -> None:
    unknown = apibench("show", "nothing")
    assert unknown.code == 2
    assert "there is no run 'nothing'" in unknown.stderr


def test_a_crash_leaves_the_finished_seconds(apibench: Command, environment: dict[str, str], echo: EchoServer) -> None:
    line = command_line("run", echo.address, "-r", "50/s", "-d", "30s")
    with subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while echo.counts()["requests"] < 130:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "running" in apibench("runs").stdout
        assert apibench("show", "last").stdout.startswith("RUNNING")
        process.send_signal(signal.SIGKILL)
    assert "crashed" in apibench("runs").stdout
    listed = json.loads(apibench("runs", "--json").stdout)
    assert (listed["state"], listed["plan"]["version"]) == ("crashed", 1)
    document = json.loads(apibench("show", "last", "--json").stdout)
    assert document["state"] == "crashed"
    assert len(document["intervals"]) >= 2
    shown = apibench("show", "last").stdout
    assert shown.startswith("CRASHED")
    seconds = [row.split() for row in shown.splitlines()[3:]]
    assert [row[1] for row in seconds[:2]] == ["50", "50"]


def test_a_history_that_cannot_be_written_is_told_once_and_the_run_goes_on(
    apibench: Command, environment: dict[str, str], echo: EchoServer, tmp_path: Path
) -> None:
    (tmp_path / "occupied").write_text("a file where a folder should be")
    environment["APIBENCH_DATA_DIR"] = str(tmp_path / "occupied" / "folder")
    ended = apibench("run", echo.address, "-n", "10")
    assert ended.code == 0
    assert ended.stderr.count("The run goes on without it") == 1
    assert (tmp_path / "occupied").is_file()
