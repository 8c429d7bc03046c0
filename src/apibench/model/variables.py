"""
Variables of a plan's raw document: each is set before it is used, and a response is looked into where there is one.

What is set on one of several ways counts as set behind them: whether it is, only the iteration knows, and an iteration
in which it is not has failed by that name.
"""

from collections.abc import Iterator
from typing import Any

from apibench.model.expression import variables_in
from apibench.model.fault import Fault, Place, place_text
from apibench.model.nesting import inner_steps, steps_of
from apibench.model.suggestion import did_you_mean


def faults(scenarios: list[tuple[int, dict[str, Any]]]) -> Iterator[Fault]:
    """Of all scenarios, each with its place."""
    for index, scenario in scenarios:
        defaults = scenario.get("defaults")
        headers = defaults.get("headers") if isinstance(defaults, dict) else None
        known: set[str] = set()
        for word, steps in steps_of(scenario):
            # Behind the last iteration what it has set is gone.
            own = known if word == "on_start" else set(known)
            yield from _of_steps(steps, ("scenarios", index, word), own, headers)


def _of_steps(steps: list[Any], place: Place, known: set[str], headers: Any) -> Iterator[Fault]:
    """`known` grows by what these steps set. `headers`: what every request has."""
    follows = False
    for at, step in enumerate(steps):
        here = (*place, at)
        kind = step.get("type") if isinstance(step, dict) else None
        if kind == "extract" and not follows:
            message = "no request stands right before it"
            yield _fault("extract.place", here, message, "Put it behind the request whose response it is about.")
        # Of an unknown type it may have been meant to be a request; its own fault is enough.
        follows = kind in ("request", "extract") or not isinstance(kind, str)
        if not isinstance(step, dict):
            continue
        yield from _unset(step, here, known)
        if kind == "request":
            yield from _unset({"headers": headers}, here, known)
        sets = step.get("to") or step.get("feeder") if kind == "feed" else step.get("to")
        if kind in ("extract", "set", "feed", "python") and isinstance(sets, str):
            known.add(sets)
        before, after = set(known), set(known)
        for inner, inner_list in inner_steps(step):
            branch = set(before)
            yield from _of_steps(inner_list, (*here, *inner), branch, headers)
            after |= branch
        known |= after


def _unset(step: dict[str, Any], place: Place, known: set[str]) -> Iterator[Fault]:
    for word in ("path", "headers", "body", "sign", "arguments", "value", "condition", "times"):
        for name in dict.fromkeys(variables_in(step.get(word))):
            if name not in known:
                message = f"no step before it sets `{name}`"
                yield _fault("variable.unset", (*place, word), message, did_you_mean(name, sorted(known)))


def _fault(code: str, path: Place, message: str, remedy: str) -> Fault:
    return Fault(code=code, place=place_text(path), message=message, remedy=remedy, path=path)
