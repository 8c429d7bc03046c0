"""A plan from whatever a user names: a file in one of the plan languages, one of Python, or scenarios themselves."""

from collections.abc import Sequence
from pathlib import Path

from apibench.authoring.plan_file import read_plan
from apibench.authoring.tracing.any_scenario import AnyScenario
from apibench.authoring.tracing.loads import NO_ENDS, Ends
from apibench.authoring.tracing.python_file import is_python, read_python
from apibench.authoring.tracing.scenario_plan import scenario_plan
from apibench.model.callee import Callee
from apibench.model.plan import Plan


def read_any_plan(
    target: str | Sequence[AnyScenario], ends: Ends = NO_ENDS, callees: dict[str, Callee] | None = None
) -> Plan:
    """
    Read a plan file, run a file of scenarios, or make a plan of scenarios that are at hand.

    `ends`: of scenarios in Python whose loads say none. `callees` takes the functions that these have called while the
    load runs; a plan file leads to none.

    Raises ApibenchError, with all that is wrong with it.
    """
    if not isinstance(target, str):
        return scenario_plan(target[0].name, target, ends, callees)
    return read_python(target, ends, callees) if is_python(target) else read_plan(Path(target))
