"""Set-up and tear-down of a plan's raw document: what stands in them, and what is handed over."""

from collections.abc import Callable, Iterator
from typing import Any

from apibench.model.expression import shared_in
from apibench.model.fault import Fault, Place, place_text
from apibench.model.nesting import all_steps
from apibench.model.suggestion import did_you_mean

_REFUSED = {
    "feed": (
        "not_built",
        "rows of a feeder in `{word}` are not built yet",
        "Take them in the scenarios, or write the values themselves.",
    ),
    "python": (
        "not_built",
        "calls of Python in `{word}` are not built yet",
        "Call the function in the scenarios, or work the value out when the file is loaded.",
    ),
    "python_user": (
        "not_built",
        "whole users in Python in `{word}` are not built yet",
        "Put it into a scenario.",
    ),
    "end": ("end.place", "`{word}` is no iteration", "Use `when` around what follows."),
    "group": ("group.place", "nothing of `{word}` is counted", "Leave the group out, and keep its steps."),
}
"""Steps that have no meaning there: the code, what is said, and what to do."""


def faults(document: dict[str, Any], between: Callable[[dict[str, Any]], Iterator[Fault]]) -> Iterator[Fault]:
    """`between` finds the faults between the parts of a document: set-up and tear-down are asked about as scenarios."""
    setup = document.get("setup")
    values = setup.get("values") if isinstance(setup, dict) else None
    known = [name for name in values if isinstance(name, str)] if isinstance(values, dict) else []
    for word in ("setup", "teardown"):
        part = document.get(word)
        if isinstance(part, dict) and isinstance(part.get("steps"), list):
            yield from _of_steps(word, part["steps"])
            yield from _between(word, part, document.get("hosts"), between)
    yield from _unknown(setup, ("setup",), [])
    yield from _unknown(document.get("teardown"), ("teardown",), known)
    yield from _unknown(document.get("scenarios"), ("scenarios",), known)


def _of_steps(word: str, steps: list[Any]) -> Iterator[Fault]:
    for place, step in all_steps(steps, (word, "steps")):
        refused = _REFUSED.get(str(step.get("type")))
        if refused is not None:
            code, message, remedy = refused
            yield _fault(code, place, message.format(word=word), remedy)


def _between(
    word: str, part: dict[str, Any], hosts: Any, between: Callable[[dict[str, Any]], Iterator[Fault]]
) -> Iterator[Fault]:
    values = part.get("values")
    handed = list(values.items()) if isinstance(values, dict) else []
    count = len(part["steps"])
    # Behind the steps, as if each were set there: so their variables are looked up, too.
    steps = [*part["steps"], *({"type": "set", "to": name, "value": value} for name, value in handed)]
    for fault in between({"hosts": hosts, "scenarios": [{"name": word, "steps": steps}]}):
        if fault.code in ("end.place", "feeder.unknown"):
            continue
        path = (word, *fault.path[2:])
        at = path[2] if len(path) > 2 else None
        if path[1:2] == ("steps",) and isinstance(at, int) and at >= count:
            path = (word, "values", handed[at - count][0])
        yield _fault(fault.code, path, fault.message, fault.remedy)


def _unknown(value: Any, place: Place, known: list[str]) -> Iterator[Fault]:
    """What nobody hands over."""
    for path, name in shared_in(value, place):
        if name in known:
            continue
        if place == ("setup",):
            remedy = "Use the variable itself."
            yield _fault("shared.early", path, f"`shared.{name}` is there only behind set-up", remedy)
        elif not known:
            message = f"no set-up hands over `{name}`"
            yield _fault("shared.unknown", path, message, "Name it among the `values` of `setup`.")
        else:
            yield _fault("shared.unknown", path, f"set-up hands over no `{name}`", did_you_mean(name, known))


def _fault(code: str, path: Place, message: str, remedy: str) -> Fault:
    return Fault(code=code, place=place_text(path), message=message, remedy=remedy, path=path)
