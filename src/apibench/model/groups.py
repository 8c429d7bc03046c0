"""The groups of a plan: stretches of several steps that are timed as a whole."""

from collections.abc import Iterator
from dataclasses import dataclass

from apibench.model.plan import Plan
from apibench.model.step import Group, Step, inside


@dataclass(frozen=True, slots=True)
class GroupName:
    """What a group's number in an interval stands for."""

    scenario: int
    name: str


def groups_of(plan: Plan) -> tuple[GroupName, ...]:
    """As the engine numbers them: by scenario, in the order of their beginnings; equal names are one group."""
    found = (
        GroupName(place, name)
        for place, scenario in enumerate(plan.scenarios)
        for _, steps in scenario.all_steps()
        for name in _names(steps)
    )
    return tuple(dict.fromkeys(found))


def _names(steps: tuple[Step, ...]) -> Iterator[str]:
    for step in steps:
        if isinstance(step, Group):
            yield step.name
        for inner in inside(step):
            yield from _names(inner)
