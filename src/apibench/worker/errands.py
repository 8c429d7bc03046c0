"""Set-up and tear-down of a run, as a worker does them when it is asked: in a thread, for both take their time."""

import json
from collections.abc import Callable

from apibench.engine.seam import Engine
from apibench.model.control import Prepare, SetUp
from apibench.model.errand import NOTHING_SHARED, ErrandReport, ErrandState, Shared, setup_plan, teardown_plan, unfilled
from apibench.model.errors import ApibenchError
from apibench.model.plan import Plan
from apibench.model.python_steps import python_functions
from apibench.model.validation import parse_plan
from apibench.worker.code import CodeHost
from apibench.worker.errand import ErrandEnd, do_errand
from apibench.worker.machine import as_prepared
from apibench.worker.segment_load import Choose


class WorkerErrands:
    """Does them, with the engine of this host. Whatever is in the way is in the report."""

    def __init__(self, engine: Engine, choose: Choose, code: CodeHost) -> None:
        self._engine = engine
        self._choose = choose
        self._code = code

    def set_up(self, asked: SetUp, broken_off: Callable[[], bool]) -> ErrandEnd:
        """Do the set-up of a plan. `broken_off`: whether the run does not want it any more."""
        return self._reported(as_prepared(asked), setup_plan, NOTHING_SHARED, broken_off)

    def tear_down(self, prepared: Prepare, broken_off: Callable[[], bool]) -> ErrandEnd:
        """Do the tear-down of the plan that a segment was prepared with."""
        shared = json.loads(prepared.shared) if prepared.shared else NOTHING_SHARED
        return self._reported(prepared, teardown_plan, shared, broken_off)

    def _reported(
        self,
        asked: Prepare,
        errand_of: Callable[[Plan], Plan | None],
        shared: Shared,
        broken_off: Callable[[], bool],
    ) -> ErrandEnd:
        try:
            plan = parse_plan(json.loads(asked.plan))
            errand = errand_of(plan)
            if errand is None:
                return ErrandEnd(ErrandReport(ErrandState.FAILED, fault="the plan has nothing of that kind"))
            if errand_of is setup_plan:
                # What is wrong with the load itself is found before anything is set up for it.
                if python_functions(plan):
                    self._code.check(asked, plan)
                self._engine.prepare(plan, unfilled(plan))
            prepared = self._engine.prepare(errand, shared)
            options = self._choose(asked, errand, prepared)
        except ApibenchError as error:
            return ErrandEnd(ErrandReport(ErrandState.FAILED, fault=str(error)))
        part = plan.setup if errand_of is setup_plan else plan.teardown
        return do_errand(errand, prepared, options, 0 if part is None else part.timeout_ns, broken_off)
