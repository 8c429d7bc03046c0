"""Groups of a plan's raw document: of each it is clear what is counted under its name."""

from collections.abc import Iterator
from typing import Any

from apibench.model.fault import Fault, Place, place_text
from apibench.model.nesting import inner_steps, steps_of
from apibench.model.threshold import Threshold

MAX_DEPTH = 8
"""Most groups within one another; the engine has the same."""


def faults(scenarios: list[tuple[int, dict[str, Any]]], steps: set[str]) -> Iterator[Fault]:
    """Of all scenarios, each with its place. `steps`: what requests are counted under."""
    for index, scenario in scenarios:
        for word, inner in steps_of(scenario):
            yield from _of_steps(inner, ("scenarios", index, word), (), steps)


def names(scenarios: list[tuple[int, dict[str, Any]]]) -> set[str]:
    """What groups there are."""
    return {
        step["name"]
        for _, scenario in scenarios
        for _, inner in steps_of(scenario)
        for step in _all(inner)
        if step.get("type") == "group" and isinstance(step.get("name"), str)
    }


def threshold_fault(threshold: Threshold, place: Place) -> Fault | None:
    """What is wrong with a threshold on a group."""
    if threshold.source is None:
        return None
    message = f"`{threshold.metric}` is of requests, and '{threshold.step}' is a group, which has one time"
    return _fault("threshold.group", place, message, f"Write {threshold.aggregate} of '{threshold.step}'.")


def _of_steps(steps: list[Any], place: Place, around: tuple[str, ...], requests: set[str]) -> Iterator[Fault]:
    """`around`: the groups in which these steps stand, the outermost first."""
    for at, step in enumerate(steps):
        if not isinstance(step, dict):
            continue
        here, inside = (*place, at), around
        if step.get("type") == "group":
            name = step.get("name")
            inside = (*around, name if isinstance(name, str) else "")
            if name in requests:
                message = f"requests are counted as '{name}' too"
                yield _fault("group.name", (*here, "name"), message, "Give the group a name of its own.")
            if name in around:
                message = f"it stands within a group that is called '{name}' too"
                yield _fault("group.within", (*here, "name"), message, "Give the inner one a name of its own.")
            if len(inside) == MAX_DEPTH + 1:
                message = f"more than {MAX_DEPTH} groups stand within one another"
                yield _fault("group.depth", here, message, "Leave some of them out.")
        for inner, inner_list in inner_steps(step):
            yield from _of_steps(inner_list, (*here, *inner), inside, requests)


def _all(steps: list[Any]) -> Iterator[dict[str, Any]]:
    for step in steps:
        if isinstance(step, dict):
            yield step
            for _, inner in inner_steps(step):
                yield from _all(inner)


def _fault(code: str, path: Place, message: str, remedy: str) -> Fault:
    return Fault(code=code, place=place_text(path), message=message, remedy=remedy, path=path)
