"""One iteration of each scenario, told step by step; what is done once in a run before it and behind it, too."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from apibench.assembly import preflight
from apibench.assembly.engine_choice import engine_options
from apibench.assembly.errands import Errands
from apibench.assembly.printed_run import say
from apibench.assembly.python_calls import begin, check_callees, python_pool
from apibench.assembly.run_request import RunRequest
from apibench.assembly.secrets import secret_of
from apibench.assembly.signal_stops import SignalStops
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions, PreparedLoad
from apibench.model.checks import checks_of
from apibench.model.errand import secret_values, setup_plan, teardown_plan, unfilled
from apibench.model.exit_codes import ExitCode
from apibench.model.interval import Interval
from apibench.model.plan import Plan
from apibench.report.errand_words import exit_code_after
from apibench.report.story import story_lines
from apibench.report.unshown import Unshown
from apibench.worker.errand import Told

if TYPE_CHECKING:
    from apibench.assembly.python_pool import PythonPool

PATIENCE_MS = 500


def run_traced(request: RunRequest) -> ExitCode:
    """Do it, print what was sent and what came back, and return the exit code: passed if all of it was ok."""
    check_callees(request)
    unshown = Unshown()
    engine, plan = RustEngine(unshown.noting(secret_of)), request.plan
    stops = SignalStops()
    errands = Errands(engine, plan, stops, say)
    with stops.listening():
        patience = preflight.Patience(request.wait_for_target_ns, lambda: stops.asked > 0, say)
        prepared = preflight.prepare(lambda: engine.prepare(plan, unfilled(plan)), plan, patience)
        if prepared is None:
            return ExitCode.INTERRUPTED
        errands.check()
        options = replace(engine_options(plan, prepared.hosts, threads=1, spin="off"), tells="everything")
        if request.preflight:
            preflight.check_target(prepared, patience)
        # One iteration has one call at a time.
        alone = replace(request, python=replace(request.python, processes=1))
        with python_pool(alone, prepared, options, patience.stopped) as pool:
            if patience.stopped():
                return ExitCode.INTERRUPTED
            try:
                shared = errands.set_up(options).shared
            finally:
                _tell_errand(errands.told, setup_plan(plan), unshown)
            for secret in secret_values(shared):
                unshown.add(secret)
            try:
                if shared:
                    prepared = engine.prepare(plan, shared)
                ended_well = _traced(prepared, plan, options, pool, unshown, patience.stopped)
            finally:
                behind = errands.tear_down()
                if behind is not None:
                    _tell_errand(behind.told, teardown_plan(plan), unshown)
    if stops.asked:
        return ExitCode.INTERRUPTED
    return exit_code_after(ExitCode.PASSED if ended_well else ExitCode.THRESHOLD_FAILED, errands.teardown)


def _traced(  # noqa: PLR0913, PLR0917 - an iteration is these things
    prepared: PreparedLoad,
    plan: Plan,
    options: EngineOptions,
    pool: "PythonPool | None",
    unshown: Unshown,
    stopped: Callable[[], bool],
) -> bool:
    """The iterations; whether all were ok."""
    load = begin(prepared, options, pool)
    failed: dict[int, dict[str, None]] = {}
    names = checks_of(plan)
    while not load.ended:
        counts = load.next_counts(PATIENCE_MS)
        for scenario in () if counts is None else Interval.from_counts(counts).scenarios:
            of_scenario = failed.setdefault(scenario.scenario, {})
            of_scenario.update(
                (names[scenario.scenario][number], None) for number, _, times in scenario.checks if times
            )
        if stopped():
            load.stop()
    told = load.told()
    for line in story_lines(told, plan.document(), unshown, failed):
        sys.stdout.write(f"{line}\n")
    ends = [each["ok"] for each in told if each["what"] == "end"]
    return bool(ends) and all(ends)


def _tell_errand(told: Sequence[Told], errand: Plan | None, unshown: Unshown) -> None:
    if errand is not None:
        for line in story_lines([dict(each) for each in told], errand.document(), unshown):
            sys.stdout.write(f"{line}\n")
