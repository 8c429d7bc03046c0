"""Code of others in the life of a segment: looked at first, begun last, and let go of however the segment ends."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from tests.unit.model.bundles import calling

from apibench.engine.seam import Engine, EngineOptions, PreparedLoad, PythonProcess, RunningLoad
from apibench.model.control import Prepare, SetUp
from apibench.model.errand import ErrandState
from apibench.model.errors import CodeRefused, PythonUnusable, TargetUnreachable
from apibench.model.plan import Plan
from apibench.model.share import WHOLE
from apibench.model.validation import parse_plan
from apibench.worker.code import NoCode
from apibench.worker.errands import WorkerErrands
from apibench.worker.segment_load import SegmentLoad

PLAN = calling("sign")
PROCESS = PythonProcess(1, (7,))


class World:
    """Engine, host of code and calls, which write down in which order they are asked for what."""

    def __init__(self, *, refuses: bool = False, breaks: bool = False, functions: Sequence[str] = ("sign",)) -> None:
        self.asked: list[str] = []
        self.functions = tuple(functions)
        self.processes: Sequence[PythonProcess] = ()
        self.while_begun: Callable[[], None] = lambda: None
        self._refuses = refuses
        self._breaks = breaks

    def prepare(self, plan: Plan, shared: Any = None) -> PreparedLoad:
        self.asked.append("prepare")
        assert (plan.hosts, shared) == (PLAN.hosts, {})
        return cast("PreparedLoad", self)

    def start(self, _: EngineOptions, *, processes: Sequence[PythonProcess], **__: Any) -> RunningLoad:
        self.asked.append("start")
        self.processes = processes
        return cast("RunningLoad", self)

    def choose(self, *_: Any) -> EngineOptions:
        self.asked.append("choose")
        if self._breaks:
            raise TargetUnreachable("nobody is there", "Start it.")
        return EngineOptions(threads=3)

    def check(self, asked: Prepare, plan: Plan) -> None:
        self.asked.append("check")
        assert (asked.bundle, plan) == ("the code", PLAN)
        if self._refuses:
            raise CodeRefused("not here", "Ask elsewhere.")

    def begin(
        self, _: Prepare, plan: Plan, functions: Sequence[str], threads: int, is_given_up: Callable[[], bool]
    ) -> "World":
        self.asked.append("begin")
        assert (plan, functions, threads, is_given_up()) == (PLAN, self.functions, 3, False)
        self.while_begun()
        return self

    def streams(self) -> Sequence[PythonProcess]:
        return (PROCESS,)

    def watch(self, load: RunningLoad) -> None:
        assert load is cast("RunningLoad", self)
        self.asked.append("watch")

    def close(self, load: RunningLoad | None) -> None:
        self.asked.append(f"close {'a load' if load is not None else 'nothing'}")

    def load(self, plan: Plan = PLAN) -> SegmentLoad:
        text = plan.canonical().decode()
        asked = Prepare("r", 0, text, plan.sha256(), "", WHOLE, bundle="the code")
        return SegmentLoad(cast("Engine", self), asked, self.choose, self)


def test_code_is_looked_at_first_and_begun_when_all_else_is_ready() -> None:
    world = World()
    load = world.load()
    assert asyncio.run(load.prepare()) is None
    assert world.asked == ["check", "prepare", "choose", "begin"]
    load.start(5, WHOLE, 9)
    assert asyncio.run(load.begun())
    load.close()
    load.close()
    assert world.asked[4:] == ["start", "watch", "close a load"]
    assert world.processes == (PROCESS,)


def test_where_it_is_refused_nothing_is_even_looked_up() -> None:
    world = World(refuses=True)
    fault = asyncio.run(world.load().prepare())
    assert isinstance(fault, CodeRefused)
    assert world.asked == ["check"]


def test_where_the_target_is_not_there_no_process_is_started() -> None:
    world = World(breaks=True)
    assert isinstance(asyncio.run(world.load().prepare()), TargetUnreachable)
    assert world.asked == ["check", "prepare", "choose"]


def test_a_plan_that_calls_none_needs_no_code() -> None:
    world = World(functions=())
    load = world.load(calling())
    assert asyncio.run(load.prepare()) is None
    load.start(5, WHOLE, 9)
    load.close()
    assert world.asked == ["prepare", "choose", "start"]
    assert world.processes == ()


def test_a_segment_that_is_never_started_lets_go_of_it() -> None:
    world = World()
    load = world.load()
    assert asyncio.run(load.prepare()) is None
    load.give_up()
    assert not asyncio.run(load.begun())
    load.close()
    assert world.asked[-1] == "close nothing"


@pytest.mark.parametrize("way", [SegmentLoad.give_up, SegmentLoad.close])
def test_one_that_is_given_up_while_its_code_begins_lets_go_of_it_at_once(way: Callable[[SegmentLoad], None]) -> None:
    world = World()
    load = world.load()
    world.while_begun = lambda: way(load)
    assert asyncio.run(load.prepare()) is None
    assert world.asked[-1] == "close nothing"


def test_code_that_can_t_be_begun_is_the_segment_s_fault() -> None:
    world = World()
    load = world.load()

    def breaks() -> None:
        raise PythonUnusable("it can't be loaded", "Mend it.")

    world.while_begun = breaks
    assert isinstance(asyncio.run(load.prepare()), PythonUnusable)


def test_nothing_is_set_up_for_code_that_may_not_be_run() -> None:
    step = {"type": "request", "host": "h", "path": "/in"}
    plan = parse_plan(PLAN.document() | {"setup": {"steps": [step], "values": {}}})
    world = World()
    errands = WorkerErrands(cast("Engine", world), world.choose, NoCode())
    end = errands.set_up(SetUp("r", 0, plan.canonical().decode(), plan.sha256(), (), "the code"), lambda: False)
    assert end.report.state is ErrandState.FAILED
    assert "this worker runs no code of others" in end.report.fault
    assert world.asked == []
