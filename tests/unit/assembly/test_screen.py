"""What is drawn where, while a run goes on."""

import io
import sys

import pytest
from tests.unit.report.runs import STARTED_AT
from tests.unit.report.screens import SCREENS, steady

from apibench.aggregator.merging import RunTally
from apibench.aggregator.thresholds import Judge
from apibench.assembly.run_request import Progress
from apibench.assembly.screen import Screen
from apibench.model.run import HostMachine, RunRecord
from apibench.model.timeline import Timeline

RUN = SCREENS["passed_open"]
MACHINE = HostMachine(1, None, "", "", spin=False, co_located=False)


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, wanted: Progress, seconds: int) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    tally = RunTally(Timeline.of(RUN.plan))
    record = RunRecord("r1", RUN.plan, STARTED_AT, "0", 1, MACHINE, ())
    with Screen(wanted, record, tally, Judge(RUN.plan, (), tally)) as screen:
        for interval in steady(seconds, 100, 1_000_000):
            tally.add(interval)
            screen.show(interval)
            screen.tick(stopping=False)
    return stream.getvalue()


def test_a_log_has_a_line_after_the_first_second_and_then_every_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, io.StringIO(), "auto", 25).splitlines()
    assert [line[:5] for line in lines] == ["00:01", "00:10", "00:20"]


@pytest.mark.parametrize("wanted", ["auto", "tty"])
def test_no_cursor_moves_in_a_log_whatever_is_forced(monkeypatch: pytest.MonkeyPatch, wanted: Progress) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[" not in shown(monkeypatch, io.StringIO(), wanted, 3)
    assert "\x1b[" in shown(monkeypatch, Terminal(), wanted, 3)
