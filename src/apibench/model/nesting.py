"""Steps inside of steps, in a plan's raw document: of the wrong shape too, because every fault in it is to be told."""

from collections.abc import Iterator
from typing import Any

from apibench.model.fault import Place


def steps_of(scenario: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """The lists of steps of a scenario in the order in which they are carried out, each with its word."""
    for word in ("on_start", "steps", "on_stop"):
        if isinstance(scenario.get(word), list):
            yield word, scenario[word]


def inner_steps(step: dict[str, Any]) -> Iterator[tuple[Place, list[Any]]]:
    """The lists of steps that a step holds, each with its place in it."""
    cases = step.get("cases")
    for number, case in enumerate(cases if isinstance(cases, list) else ()):
        if isinstance(case, dict) and isinstance(case.get("steps"), list):
            yield ("cases", number, "steps"), case["steps"]
    for word in ("steps", "otherwise"):
        if isinstance(step.get(word), list):
            yield (word,), step[word]


def all_steps(steps: list[Any], place: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Each step with its place, and those inside of it behind it."""
    for index, step in enumerate(steps):
        if not isinstance(step, dict):
            continue
        here = (*place, index)
        yield here, step
        for inner, inner_list in inner_steps(step):
            yield from all_steps(inner_list, (*here, *inner))
