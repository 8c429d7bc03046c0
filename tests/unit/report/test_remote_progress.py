"""A run that goes on elsewhere, as a log, a program and a terminal see it."""

import json
from typing import Any

import pytest
from tests.unit.report.screens import SCREENS

from apibench.report.remote_progress import RemoteProgress

RUN = SCREENS["passed_open"]
ROWS: list[dict[str, Any]] = RUN.document()["intervals"]


def window(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A row as it is streamed by two of three workers."""
    document = RUN.document()
    summary = {name: document[name] for name in ("requests", "response_time", "service_time")}
    goals = document["thresholds"]
    return {
        **row,
        "segments_present": 2,
        "segments_expected": 3,
        "summary": summary,
        "thresholds": goals,
        **changes,
    }


@pytest.fixture
def progress() -> RemoteProgress:
    made = RemoteProgress(RUN.plan)
    for row in ROWS[:3]:
        assert made.add(window(row))
    return made


def test_a_window_that_comes_again_takes_the_place_of_the_one_before(progress: RemoteProgress) -> None:
    assert progress.windows == 3
    assert not progress.add(window(ROWS[1], ok=77))
    assert not progress.add(window({**ROWS[0], "start_s": -1.0}))
    assert progress.windows == 3


def test_a_line_for_a_log(progress: RemoteProgress) -> None:
    line = progress.plain_line()
    assert line.startswith("00:03  asked ")
    assert "workers 2 of 3" in line
    assert line.endswith("\n")
    assert RemoteProgress(RUN.plan).plain_line() == RemoteProgress(RUN.plan).json_line() == ""


def test_an_object_for_a_program(progress: RemoteProgress) -> None:
    told = json.loads(progress.json_line())
    assert (told["type"], told["end_s"], told["workers"], told["workers_expected"]) == ("progress", 3, 2, 3)
    assert told["ok"] == ROWS[2]["ok"]
    assert told["quantiles"] == ROWS[2]["response"]["quantiles"]


def test_a_block_for_a_terminal(progress: RemoteProgress) -> None:
    text = progress.block("running", width=80).plain
    assert "Requests" in text
    assert "Workers     2 of 3" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "Ctrl-C again aborts it" in progress.block("running", stopping=True).plain
    assert RemoteProgress(RUN.plan).block("queued").plain.endswith("queued")
