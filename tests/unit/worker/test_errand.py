"""An errand, by a load that says what it is told: what is said of its end, and that no value is in it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from apibench.engine.seam import EngineOptions, HostFacts, PythonProcess
from apibench.model.counts import IntervalCounts
from apibench.model.errand import setup_plan
from apibench.model.errors import EngineFailed
from apibench.model.groups import GroupName
from apibench.model.run import SeriesName
from apibench.model.setup import MAX_SHARED_BYTES
from apibench.model.share import WHOLE, Share
from apibench.model.validation import parse_plan
from apibench.worker.errand import ErrandEnd, do_errand

OPTIONS = EngineOptions(threads=4, pin=(1,), spin_ns=7)
REQUEST, TAKE, HANDED = (f"scenarios[0].steps[{number}]" for number in range(3))
END = {"what": "end", "step": HANDED, "ok": True}
SENT = {"what": "request", "step": REQUEST, "text": ""}
OK = {"what": "response", "step": REQUEST, "status": 200, "failure": None}
TOKEN = {"what": "value", "step": HANDED, "name": "handed_over_token", "value": '"hush"'}
PLAN = parse_plan(
    {
        "version": 1,
        "hosts": {"h": {"base_url": "http://127.0.0.1"}},
        "setup": {
            "steps": [
                {"type": "request", "host": "h", "method": "POST", "path": "/login"},
                {"type": "extract", "of": {"type": "json", "path": ["token"]}, "to": "token"},
            ],
            "values": {"token": {"type": "variable", "name": "token"}},
        },
        "scenarios": [
            {
                "name": "s",
                "load": {"model": "closed", "vus": 1, "ends": {"iterations": 1}},
                "steps": [{"type": "request", "host": "h", "path": "/"}],
            }
        ],
    }
)


class Load:
    """A load that has been told what to tell. It ends by itself, or when it is aborted."""

    barrier_ns = 0
    fenced = False

    def __init__(self, told: Sequence[dict[str, Any]], *, hangs: bool = False, breaks: bool = False) -> None:
        self.told_ = list(told)
        self.hangs = hangs
        self.breaks = breaks
        self.aborted = False

    @property
    def ended(self) -> bool:
        return not self.hangs or self.aborted

    def next_counts(self, _: int) -> IntervalCounts | None:
        return None

    def abort(self) -> None:
        self.aborted = True

    def told(self) -> Sequence[dict[str, Any]]:
        if self.breaks:
            raise EngineFailed("a thread of the engine panicked", "Please report this.")
        return self.told_


class Prepared:
    """What begins it."""

    series: tuple[SeriesName, ...] = ()
    groups: tuple[GroupName, ...] = ()
    hosts: tuple[HostFacts, ...] = ()
    functions: tuple[str, ...] = ()

    def __init__(self, load: Load) -> None:
        self.load = load
        self.options: EngineOptions | None = None
        self.lease_until_ns: int | None = None

    def preflight(self, options: EngineOptions | None = None) -> Any:
        self.options = options
        return ()

    def start(
        self,
        options: EngineOptions,
        *,
        barrier_ns: int | None = None,
        share: Share = WHOLE,
        lease_until_ns: int | None = None,
        processes: Sequence[PythonProcess] = (),
    ) -> Any:
        assert (barrier_ns, share, processes) == (None, WHOLE, ())
        self.options, self.lease_until_ns = options, lease_until_ns
        return self.load


def done(load: Load, timeout_ns: int = 10**12, *, broken_off: bool = False) -> ErrandEnd:
    errand = setup_plan(PLAN)
    assert errand is not None
    return do_errand(errand, Prepared(load), OPTIONS, timeout_ns, lambda: broken_off)


def test_what_it_has_set_behind_its_steps_is_handed_over() -> None:
    end = done(Load([SENT, OK, {**TOKEN, "name": "token"}, TOKEN, END]))
    assert (end.report.state, end.report.fault, end.shared) == ("ok", "", {"token": '"hush"'})


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ([SENT, {**OK, "status": 401, "failure": "http.4xx"}], "POST /login was answered with 401 (http.4xx)"),
        ([SENT, {**OK, "status": 0, "failure": "tcp.refused"}], "POST /login failed: tcp.refused"),
        (
            [SENT, OK, {**TOKEN, "step": REQUEST, "name": "token", "value": None}],
            "`token` is not there in the answer of POST /login (status 200)",
        ),
        ([{**TOKEN, "value": None}], "`token` is not there"),
        ([SENT, OK, TOKEN, {"what": "check", "step": TAKE, "name": "mine", "passed": False}, END],
         "a check does not hold: mine"),
        ([{"what": "check", "step": REQUEST, "name": "values of POST /x", "passed": False}],
         "POST /x is not sent: a value is not there, or can't stand where it is put"),
        ([SENT, OK, TOKEN, {**END, "ok": False}], "an iteration of it has failed"),
        ([SENT, OK, TOKEN], "it did not come to its end"),
        ([], "it did not come to its end"),
    ],
)  # fmt: skip
def test_the_first_thing_that_went_wrong_is_said_without_a_value(told: list[dict[str, Any]], fault: str) -> None:
    end = done(Load(told))
    assert (end.report.state, end.report.fault, end.shared) == ("failed", fault, {})
    assert "hush" not in repr(end)


def test_more_than_may_be_handed_over_is_refused() -> None:
    most = json.dumps("x" * (MAX_SHARED_BYTES - 2))
    assert done(Load([{**TOKEN, "value": most}, END])).report.ok
    end = done(Load([{**TOKEN, "value": json.dumps("x" * (MAX_SHARED_BYTES - 1))}, END]))
    assert end.report.fault == "the values that it hands over have 1.05 MB, and may have 1.05 MB"
    assert end.shared == {}


def test_one_that_takes_too_long_is_aborted_and_says_where_it_was() -> None:
    load = Load([SENT], hangs=True)
    end = done(load, timeout_ns=0)
    assert load.aborted
    assert end.report.state == "timeout"
    assert end.report.fault.endswith(", at POST /login")


def test_one_that_is_not_wanted_any_more_is_aborted() -> None:
    load = Load([], hangs=True)
    end = done(load, broken_off=True)
    assert (load.aborted, end.report.state, end.report.fault) == (True, "interrupted", "it was broken off")


def test_an_engine_that_breaks_is_a_failure_and_no_exception() -> None:
    end = done(Load([], breaks=True))
    assert (end.report.state, end.report.fault[:31]) == ("failed", "a thread of the engine panicked")


def test_it_is_one_thread_that_tells_its_steps_and_sends_nothing_behind_its_time() -> None:
    prepared, errand = Prepared(Load([END])), setup_plan(PLAN)
    assert errand is not None
    do_errand(errand, prepared, OPTIONS, 5_000_000_000)
    assert prepared.options == EngineOptions(threads=1, tells="steps")
    assert prepared.lease_until_ns is not None
