"""A history that fails for a while is told of once each way, and has the whole run in the end."""

from collections import deque

import pytest
from tests.unit.report.runs import STARTED_AT
from tests.unit.report.screens import SCREENS

from apibench.assembly import history as history_module
from apibench.assembly.history import TELLINGS, History
from apibench.model.counts import IntervalCounts
from apibench.model.errors import StoreFailed
from apibench.model.run import HostMachine, RunRecord
from apibench.store.memory import MemoryStore

RUN = SCREENS["passed_open"]
MACHINE = HostMachine(1, None, "", "", spin=False, co_located=False)


class Fragile(MemoryStore):
    """A store whose disk is full while `full` holds."""

    full = False

    def append(self, run_id: str, number: int, interval_json: str) -> None:
        if self.full:
            raise StoreFailed("the disk is full", "Free it.")
        super().append(run_id, number, interval_json)


def lost(count: int) -> IntervalCounts:
    """Counts that tell one from another."""
    made = IntervalCounts()
    made.add_lost(0, "main", count)
    return made


@pytest.fixture
def store() -> Fragile:
    return Fragile()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def history(store: Fragile, told: list[str]) -> History:
    made = History(store, RunRecord("r1", RUN.plan, STARTED_AT, "0", 1, MACHINE, ()), told.append)
    made.begin()
    return made


def test_a_failure_and_its_end_are_told_once_each(history: History, store: Fragile, told: list[str]) -> None:
    for number in range(9):
        store.full = 3 <= number < 6
        history.append(lost(number))
    assert history.finish({"schema": "x"})
    assert told == ["the disk is full. Free it. The run goes on without it.", "the history can be written again."]
    assert list(store.intervals("r1")) == [lost(number).to_json() for number in range(9)]


def test_what_was_too_much_to_keep_is_counted(
    history: History, store: Fragile, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "WAITING", 2)
    history._waiting = deque(maxlen=2)
    store.full = True
    for number in range(5):
        history.append(lost(number))
    store.full = False
    history.append(lost(5))
    assert "written again; 4 intervals of this run are missing in it." in told[-1]


def test_a_disk_that_comes_and_goes_is_told_of_a_few_times(history: History, store: Fragile, told: list[str]) -> None:
    for number in range(40):
        store.full = number % 2 == 0
        history.append(lost(number))
    assert sum("goes on without it" in each for each in told) == TELLINGS


def test_a_run_that_the_history_has_not_says_so(history: History, store: Fragile, told: list[str]) -> None:
    store.full = True
    history.append(lost(0))
    assert History(None, RunRecord("r2", RUN.plan, STARTED_AT, "0", 1, MACHINE, ()), told.append).finish({}) is False


def test_a_run_is_begun_with_the_mark_of_its_process(history: History, store: Fragile) -> None:
    assert history.finish({"schema": "x"})
    assert store.find("r1")[0].beginning["process"]["pid"] > 0
