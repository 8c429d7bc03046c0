"""Set-up and tear-down of a run of this machine: each once, whatever becomes of the load between them."""

from collections.abc import Callable

from apibench.engine.seam import Engine, EngineOptions
from apibench.model.errand import NOTHING_SHARED, ErrandReport, ErrandState, Shared, setup_plan, teardown_plan, unfilled
from apibench.model.errors import ApibenchError
from apibench.model.plan import Plan
from apibench.report.errand_words import errand_error, errand_line
from apibench.worker.carrying_out import Stops
from apibench.worker.errand import ErrandEnd, Told, do_errand

_NOTHING_DONE = ErrandEnd(ErrandReport(ErrandState.OK))


class Errands:
    """Those of one run."""

    def __init__(self, engine: Engine, plan: Plan, stops: Stops, tell: Callable[[str], None]) -> None:
        """
        `stops`: how often somebody has asked for the end. Each time more breaks off what is going on of these.
        `tell` hears of a tear-down that did not go well: the run goes on.
        """
        self._engine = engine
        self._plan = plan
        self._stops = stops
        self._tell = tell
        self._options = EngineOptions(threads=1)
        self._is_set_up = False
        self.setup: ErrandReport | None = None
        """What set-up came to; None where there is none, and before it is done."""
        self.teardown: ErrandReport | None = None
        """Tear-down, likewise."""
        self.told: tuple[Told, ...] = ()
        """What set-up did, step by step."""
        self._shared = NOTHING_SHARED

    def check(self) -> None:
        """Look for what would be in their way, before anything is sent. Raises ApibenchError."""
        for errand in (setup_plan(self._plan), teardown_plan(self._plan)):
            if errand is not None:
                self._engine.prepare(errand, unfilled(self._plan))

    def set_up(self, options: EngineOptions) -> ErrandEnd:
        """Do what comes before the load; what it hands over. Raises SetUpFailed, and then there may be none."""
        self._options = options
        errand, asked = setup_plan(self._plan), self._plan.setup
        if errand is None or asked is None:
            self._is_set_up = True
            return _NOTHING_DONE
        end = self._do(errand, asked.timeout_ns, NOTHING_SHARED)
        self.setup, self._shared, self.told = end.report, end.shared, end.told
        if not end.report.ok:
            raise errand_error(end.report)
        self._is_set_up = True
        return end

    def tear_down(self) -> ErrandEnd | None:
        """Do what comes behind the load, unless it has been done, or set-up was not. None: nothing was done."""
        errand, asked = teardown_plan(self._plan), self._plan.teardown
        if errand is None or asked is None or not self._is_set_up or self.teardown is not None:
            return None
        try:
            end = self._do(errand, asked.timeout_ns, self._shared)
        except ApibenchError as error:
            end = ErrandEnd(ErrandReport(ErrandState.FAILED, fault=str(error)))
        self.teardown = end.report
        if not end.report.ok:
            self._tell(f"tear-down: {errand_line(end.report)}")
        return end

    def _do(self, errand: Plan, timeout_ns: int, shared: Shared) -> ErrandEnd:
        asked = self._stops.asked
        prepared = self._engine.prepare(errand, shared)
        return do_errand(errand, prepared, self._options, timeout_ns, lambda: self._stops.asked > asked)
