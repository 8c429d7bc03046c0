"""The steps of a plan that call Python, whatever blocks they stand in; and where no plan may have any."""

from collections.abc import Iterator

from apibench.model.errors import PlanInvalid
from apibench.model.fault import Fault, Place, place_text
from apibench.model.plan import Plan
from apibench.model.step import Pick, Python, PythonUser, Step, When, inside


def python_steps(plan: Plan) -> Iterator[tuple[Place, Python | PythonUser]]:
    """Each with its place, in the document's order."""
    for index, scenario in enumerate(plan.scenarios):
        for word, steps in scenario.all_steps():
            for place, step in _all_steps(steps, ("scenarios", index, word)):
                if isinstance(step, Python | PythonUser):
                    yield place, step


def python_functions(plan: Plan) -> tuple[str, ...]:
    """The names of all functions that a plan has called, each once."""
    return tuple(dict.fromkeys(step.function for _, step in python_steps(plan)))


def refuse_python(plan: Plan, why: str, remedy: str) -> None:
    """
    Refuse a plan that calls Python.

    Raises PlanInvalid with all steps that do. `why` goes on behind the name of a function.
    """
    faults = [
        Fault("python", place_text(place), f"`{step.function}` {why}", remedy, path=place)
        for place, step in python_steps(plan)
    ]
    if faults:
        raise PlanInvalid(faults)


def _all_steps(steps: tuple[Step, ...], place: Place) -> Iterator[tuple[Place, Step]]:
    for number, step in enumerate(steps):
        here = (*place, number)
        yield here, step
        for word, inner in zip(_words(step), inside(step), strict=True):
            yield from _all_steps(inner, (*here, *word))


def _words(step: Step) -> tuple[Place, ...]:
    """Where the lists of steps stand that it holds."""
    if isinstance(step, Pick):
        return tuple(("cases", number, "steps") for number in range(len(step.cases)))
    return (("steps",), ("otherwise",)) if isinstance(step, When) else (("steps",),)[: len(tuple(inside(step)))]
