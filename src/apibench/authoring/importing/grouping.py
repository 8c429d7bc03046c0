"""Groups of a scenario: where a plan can't have one, its steps stand in its place, and that is said."""

import re
from collections.abc import Iterator

from apibench.authoring.importing.journey import Behaviour, Group, Journey, Step, inner, requests
from apibench.authoring.importing.python_text import quoted
from apibench.model.group_faults import MAX_DEPTH

_AS_REQUESTS_ARE = re.compile(r"[A-Z]+ ")


def settle(scenario: Behaviour, journey: Journey) -> None:
    """Keep the groups of which it is clear what is counted under their names."""
    named = {each.name for steps in scenario.parts() for each in requests(steps)}
    for steps in scenario.parts():
        steps[:] = list(_settled(steps, (), named, journey))


def names(steps: list[Step]) -> set[str]:
    """What the groups among these steps are called."""
    found = {step.name for step in steps if isinstance(step, Group)}
    return found.union(*(names(inside) for step in steps for inside in inner(step)))


def _settled(steps: list[Step], around: tuple[str, ...], named: set[str], journey: Journey) -> Iterator[Step]:
    for step in steps:
        why = _why_not(step.name, around, named) if isinstance(step, Group) else ""
        within = (*around, step.name) if isinstance(step, Group) and not why else around
        for inside in inner(step):
            inside[:] = list(_settled(inside, within, named, journey))
        if isinstance(step, Group) and why:
            journey.leave("", f"the group {quoted(step.name)} was left out, and its steps are there: {why}")
            yield from step.steps
        else:
            yield step


def _why_not(name: str, around: tuple[str, ...], named: set[str]) -> str:
    if name in named or _AS_REQUESTS_ARE.match(name):
        return "requests are called so"
    if name in around:
        return "it stands within one of the same name"
    return f"it is more than {MAX_DEPTH} deep" if len(around) == MAX_DEPTH else ""
