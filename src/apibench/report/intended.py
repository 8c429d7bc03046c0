"""Since when a run's response times count, in one word."""

from collections.abc import Iterable
from typing import Literal

from apibench.model.load import Open
from apibench.model.plan import Plan
from apibench.model.scenario import Scenario
from apibench.model.step import Pick, PythonUser, Repeat, Request, Step, inside

IntendedFrom = Literal["arrival", "ready", "mixed"]


def intended_from(plan: Plan) -> IntendedFrom:
    """
    `arrival`: every request was due by the schedule, so that a response time shows stalls. `ready`: none was. `mixed`:
    the first of an iteration, but not the others: further steps, the hops of redirects, and what virtual users do once.
    """
    kinds = {_of_scenario(plan, scenario) for scenario in plan.scenarios}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _of_scenario(plan: Plan, scenario: Scenario) -> IntendedFrom:
    if not isinstance(scenario.load, Open):
        return "ready"
    once = _most_requests(plan, (*scenario.on_start, *scenario.on_stop))
    return "arrival" if not once and _most_requests(plan, scenario.steps) == 1 else "mixed"


def _most_requests(plan: Plan, steps: Iterable[Step]) -> int:
    """How many requests an iteration may have, or more than one if it may have several."""
    total = 0
    for step in steps:
        if isinstance(step, Request):
            total += 2 if plan.hosts[step.host].redirects else 1
        elif isinstance(step, PythonUser):
            total += 2  # how many, only its code knows
        elif isinstance(step, Pick):
            total += max(_most_requests(plan, case.steps) for case in step.cases)
        else:
            most = max((_most_requests(plan, steps) for steps in inside(step)), default=0)
            total += 2 * most if isinstance(step, Repeat) else most
    return total
