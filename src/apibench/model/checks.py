"""
The checks of a plan: what its iterations count as passed or failed.

Beside the steps that check something there is one for each step that needs a value: it fails where there is none.
"""

from collections.abc import Iterator

from apibench.model.plan import Plan
from apibench.model.scenario import Scenario
from apibench.model.step import (
    Check,
    Extract,
    Feed,
    Group,
    Pick,
    Python,
    PythonUser,
    Repeat,
    Request,
    Set,
    Step,
    When,
    inside,
)


def checks_of(plan: Plan) -> tuple[tuple[str, ...], ...]:
    """The names of each scenario's checks, as the engine numbers them; equal names are one check."""
    return tuple(
        tuple(dict.fromkeys(_of_scenario(scenario, f"scenarios[{index}]")))
        for index, scenario in enumerate(plan.scenarios)
    )


def python_check(function: str) -> str:
    """The name of the check that counts whether calls of a function had a value, or a coroutine came to its end."""
    return f"python {function}"


def _of_scenario(scenario: Scenario, place: str) -> Iterator[str]:
    for word, steps in scenario.all_steps():
        yield from _checks(steps, f"{place}.{word}")


def _checks(steps: tuple[Step, ...], place: str) -> Iterator[str]:
    for number, step in enumerate(steps):
        here = f"{place}[{number}]"
        match step:
            case Request():
                yield f"values of {step.name}"
            case Extract():
                yield f"extract {step.to}"
            case Feed():
                yield f"feed {step.feeder}"
            case Set():
                yield f"set {step.to}"
            case Python():
                yield python_check(step.function)
            case PythonUser():
                yield python_check(step.function)
                yield from step.checks
            case Check():
                yield step.name
            case When():
                yield f"{here}.condition"
            case Repeat():
                yield f"{here}.times"
            case _:
                pass
        words = _words(step)
        for word, inner in zip(words, inside(step), strict=True):
            yield from _checks(inner, f"{here}.{word}")


def _words(step: Step) -> tuple[str, ...]:
    """Where the lists of steps stand that it holds."""
    match step:
        case Pick():
            return tuple(f"cases[{number}].steps" for number in range(len(step.cases)))
        case When():
            return ("steps", "otherwise")
        case Repeat() | Group():
            return ("steps",)
        case _:
            return ()
