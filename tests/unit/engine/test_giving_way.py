"""Who makes a load gives way to it, also from the second load on."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from apibench.engine.giving_way import NICENESS, GivingWay
from apibench.engine.seam import EngineOptions, PythonProcess
from apibench.model.share import WHOLE

OPTIONS = EngineOptions(threads=1)
SHARE = WHOLE.split([1, 1])[0]
PROCESSES = [PythonProcess(1, (5,))]


class Recording:
    """An engine and a prepared load, which notes who asked."""

    version = "1"
    series = ()
    groups = ()
    hosts = ()
    functions = ()

    def __init__(self) -> None:
        self.niceness: list[int] = []
        self.asked: list[Any] = []

    def prepare(self, plan: Any, shared: Any = None) -> Any:
        self.asked.append((plan, shared))
        return self

    def preflight(self, options: EngineOptions | None = None) -> Any:
        self.asked.append(options)
        return ()

    def start(self, options: EngineOptions, **words: Any) -> Any:
        self.niceness.append(os.getpriority(os.PRIO_PROCESS, 0))
        self.asked.append((options, words))
        return "load"


def test_loads_are_begun_at_the_niceness_that_was_and_their_maker_gives_way() -> None:
    engine: Any = Recording()
    made: list[GivingWay] = []

    def make() -> tuple[int, int]:
        before = os.getpriority(os.PRIO_PROCESS, 0)
        giving = GivingWay(engine)
        made.append(giving)
        plan: Any = "plan"
        prepared: Any = giving.prepare(plan, {"token": "1"})
        assert prepared.preflight(OPTIONS) == ()
        assert os.getpriority(os.PRIO_PROCESS, 0) == before, "what is waited for gives way to nobody"
        for _ in range(2):
            assert prepared.start(OPTIONS, barrier_ns=5, share=SHARE, lease_until_ns=7, processes=PROCESSES) == "load"
        return before, os.getpriority(os.PRIO_PROCESS, 0)

    # A thread of its own: niceness can't be taken back.
    with ThreadPoolExecutor(1) as executor:
        before, after = executor.submit(make).result()
    assert after == max(before, NICENESS)
    assert engine.niceness == [before] * 2
    begun = (OPTIONS, {"barrier_ns": 5, "share": SHARE, "lease_until_ns": 7, "processes": PROCESSES})
    assert engine.asked == [("plan", {"token": "1"}), OPTIONS, begun, begun]
    assert made[0].version == "1"
