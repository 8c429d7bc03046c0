"""
Errands: set-up and tear-down as plans of their own, each of one iteration of one virtual user; and what they came to.

So they go through the same engine as the load, and nothing else ever reads their steps.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from apibench.model.fault import Place, place_text
from apibench.model.load import Closed, Ends
from apibench.model.plan import Plan
from apibench.model.redaction import is_secret_name
from apibench.model.scenario import Scenario
from apibench.model.step import Pick, Repeat, Request, Set, Step, When

SETUP, TEARDOWN = "set-up", "tear-down"
Shared = Mapping[str, str]
"""What set-up has handed over: by name, each as JSON. It may hold secrets: it is shown and stored nowhere."""
NOTHING_SHARED: Shared = {}
_HANDED_OVER = "handed_over_"


class ErrandState(StrEnum):
    """How an errand ended."""

    OK = "ok"
    FAILED = "failed"
    TIMEOUT = "timeout"
    """It was not over in time."""
    INTERRUPTED = "interrupted"
    """Somebody broke it off."""
    UNKNOWN = "unknown"
    """Who did it was lost before it told."""


@dataclass(frozen=True, slots=True)
class ErrandReport:
    """What an errand came to. No value that it saw is in it."""

    state: ErrandState
    requests: int = 0
    """How many were sent."""
    took_ns: int = 0
    fault: str = ""
    """What went wrong, in words; empty where nothing did."""
    worker: str = ""
    """Who did it; empty for the only machine."""

    @property
    def ok(self) -> bool:
        """Whether all of it was as it should be."""
        return self.state is ErrandState.OK

    def by(self, worker: str) -> "ErrandReport":
        """The same, by that worker."""
        return replace(self, worker=worker)


def setup_plan(plan: Plan) -> Plan | None:
    """The set-up as a plan; None where there is none. Behind its steps each value is put into a variable."""
    if plan.setup is None:
        return None
    # In an order that canonical JSON keeps: what is drawn in them is the same wherever it is done.
    handed = (
        Set(type="set", to=f"{_HANDED_OVER}{name}", value=plan.setup.values[name]) for name in sorted(plan.setup.values)
    )
    return _alone(plan, SETUP, (*plan.setup.steps, *handed))


def teardown_plan(plan: Plan) -> Plan | None:
    """The tear-down as a plan; None where there is none. What set-up has handed over stands in it."""
    return None if plan.teardown is None else _alone(plan, TEARDOWN, plan.teardown.steps)


def handed_over(values: Mapping[str, str]) -> Shared:
    """Of the variables that the plan of a set-up has set, by name and as JSON: what it hands over."""
    return {name.removeprefix(_HANDED_OVER): value for name, value in values.items() if name.startswith(_HANDED_OVER)}


def secret_values(shared: Shared) -> Iterator[str]:
    """Those of what it hands over that are secret by their names."""
    for name, value in shared.items():
        known = json.loads(value) if is_secret_name(name) else None
        if isinstance(known, str):
            yield known


def said_as(variable: str) -> str:
    """A variable of a set-up's plan as its user knows it."""
    return variable.removeprefix(_HANDED_OVER)


def unfilled(plan: Plan) -> Shared:
    """Something in the place of all that set-up will hand over: to look for faults before it is known."""
    return NOTHING_SHARED if plan.setup is None else dict.fromkeys(plan.setup.values, "null")


def request_names(errand: Plan) -> dict[str, str]:
    """What each request of an errand's plan is called, by its place in it."""
    return dict(_requests(errand.scenarios[0].steps, ("scenarios", 0, "steps")))


def _requests(steps: tuple[Step, ...], place: Place) -> Iterator[tuple[str, str]]:
    for number, step in enumerate(steps):
        here = (*place, number)
        match step:
            case Request():
                yield place_text(here), step.name
            case When():
                yield from _requests(step.steps, (*here, "steps"))
                yield from _requests(step.otherwise, (*here, "otherwise"))
            case Repeat():
                yield from _requests(step.steps, (*here, "steps"))
            case Pick():
                for at, case in enumerate(step.cases):
                    yield from _requests(case.steps, (*here, "cases", at, "steps"))
            case _:
                pass


def _alone(plan: Plan, name: str, steps: tuple[Step, ...]) -> Plan:
    load = Closed(model="closed", vus=1, ends=Ends(iterations=1))
    scenario = Scenario(name=name, steps=steps, load=load)
    return plan.model_copy(
        update={
            "scenarios": (scenario,),
            "warmup_ns": 0,
            "feeders": {},
            "setup": None,
            "teardown": None,
            "thresholds": (),
        }
    )
