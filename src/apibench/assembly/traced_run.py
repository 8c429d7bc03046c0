"""One iteration of each scenario, told step by step."""

import sys
from dataclasses import replace

from apibench.assembly import preflight
from apibench.assembly.engine_choice import engine_options
from apibench.assembly.printed_run import say
from apibench.assembly.run_request import RunRequest
from apibench.assembly.secrets import secret_of
from apibench.assembly.signal_stops import SignalStops
from apibench.engine.rust import RustEngine
from apibench.model.checks import checks_of
from apibench.model.exit_codes import ExitCode
from apibench.model.interval import Interval
from apibench.report.story import story_lines

PATIENCE_MS = 500


def run_traced(request: RunRequest) -> ExitCode:
    """Do it, print what was sent and what came back, and return the exit code: passed if all of it was ok."""
    secrets: list[str] = []

    def looked_up(name: str) -> str | None:
        value = secret_of(name)
        secrets.extend([] if value is None else [value])
        return value

    engine = RustEngine(looked_up)
    stops = SignalStops()
    with stops.listening():
        patience = preflight.Patience(request.wait_for_target_ns, lambda: stops.asked > 0, say)
        prepared = preflight.prepare(lambda: engine.prepare(request.plan), request.plan, patience)
        if prepared is None:
            return ExitCode.INTERRUPTED
        options = replace(engine_options(request.plan, prepared.hosts, threads=1, spin="off"), tells=True)
        if request.preflight:
            preflight.check_target(prepared, patience)
        load = prepared.start(options)
        failed: dict[int, dict[str, None]] = {}
        names = checks_of(request.plan)
        while not load.ended:
            counts = load.next_counts(PATIENCE_MS)
            for scenario in () if counts is None else Interval.from_counts(counts).scenarios:
                of_scenario = failed.setdefault(scenario.scenario, {})
                of_scenario.update(
                    (names[scenario.scenario][number], None) for number, _, times in scenario.checks if times
                )
            if stops.asked:
                load.stop()
    told = load.told()
    for line in story_lines(told, request.plan.document(), secrets, failed):
        sys.stdout.write(f"{line}\n")
    ends = [each["ok"] for each in told if each["what"] == "end"]
    if stops.asked:
        return ExitCode.INTERRUPTED
    return ExitCode.PASSED if ends and all(ends) else ExitCode.THRESHOLD_FAILED
