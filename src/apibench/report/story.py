"""One iteration as a person reads it: each step with its line, what went out, what came back, what was made of it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from linecache import getline
from types import MappingProxyType
from typing import Any

from apibench.model.fault import place_text
from apibench.model.figures import human_duration
from apibench.model.nesting import inner_steps, steps_of
from apibench.model.redaction import REPLACEMENT, is_secret_name, redacted_text
from apibench.report.unshown import Unshown

MAX_BODY = 2_000
"""Characters of a body that are shown."""
MAX_VALUE = 200
_QUIET = frozenset(("connection", "date", "keep-alive", "server", "user-agent", "accept"))
"""Headers that tell nothing of a scenario."""


def story_lines(
    told: Sequence[dict[str, Any]],
    plan: dict[str, Any],
    unshown: Unshown | None = None,
    failed: Mapping[int, Collection[str]] = MappingProxyType({}),
) -> Iterator[str]:
    """
    The lines of what an engine has told of the iterations of a plan, scenario by scenario, in order.

    Neither what is `unshown` nor values and fields that are secret by their names stand in them. `failed`: the checks
    of each scenario that failed; those of which the engine has told nothing are said where it ends.
    """
    places = dict(_places(plan))
    unshown = unshown or Unshown()
    for each in told:
        if each["what"] == "value" and each["value"] is not None and is_secret_name(each["name"]):
            unshown.add(each["value"])
    for number, scenario in enumerate(plan["scenarios"]):
        yield scenario["name"]
        before, own = "", [each for each in told if each["scenario"] == number]
        for each in own:
            if each["what"] == "end":
                yield from (f"  ✗ {name}" for name in failed.get(number, ()) if name not in _said(own))
                yield f"  {'ok' if each['ok'] else 'failed'} after {human_duration(each['at_ns'])}"
                continue
            step = _step(each["step"], places)
            if step != before:
                yield f"  {step}"
            before = step
            yield from (f"    {line}" for line in _told(each, places.get(each["step"], {}), unshown))


def _said(told: Sequence[dict[str, Any]]) -> set[str]:
    """The checks of which something is shown."""
    checks = {each["name"] for each in told if each["what"] == "check"}
    names = [each["name"] for each in told if each["what"] == "value"]
    return checks | {f"{word} {name}" for name in names for word in ("extract", "set")}


def _places(plan: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, scenario in enumerate(plan["scenarios"]):
        for word, steps in steps_of(scenario):
            yield from _steps(steps, ("scenarios", number, word))


def _steps(steps: list[Any], place: tuple[str | int, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, step in enumerate(steps):
        here = (*place, number)
        yield place_text(here), step
        for inner, inner_list in inner_steps(step):
            yield from _steps(inner_list, (*here, *inner))


def _step(place: str, places: dict[str, dict[str, Any]]) -> str:
    """Its line in the file that it was written in, or its place in the plan."""
    step = places.get(place, {})
    source = step.get("source")
    if source is None:
        return f"{place}  {step.get('type', '')} {step.get('name', step.get('to', ''))}".rstrip()
    line = getline(source["file"], source["line"]).strip()
    return f"{source['file'].rpartition('/')[2]}:{source['line']}  {line}"


def _told(each: dict[str, Any], step: dict[str, Any], unshown: Unshown) -> Iterator[str]:
    match each["what"]:
        case "call" | "call_failed":
            yield _of_python(each, unshown)
        case "request":
            yield from _message(each["text"], ">", unshown)
        case "response":
            failed = f"  {each['failure']}" if each["failure"] else ""
            first, *rest = _message(each["text"], "<", unshown) if each["text"] else ["< nothing"]
            yield f"{first}  in {human_duration(each['service_ns'])}{failed}"
            yield from rest
        case "value":
            if each["value"] is None:
                yield f"{each['name']} is not there"
            else:
                secret = is_secret_name(each["name"])
                yield f"{each['name']} = {REPLACEMENT if secret else _short(unshown.body(each['value']), MAX_VALUE)}"
        case "check":
            yield f"{'✓' if each['passed'] else '✗'} {each['name']}"
        case "way" if step.get("type") == "when":
            yield "holds" if each["number"] == 0 else "does not hold"
        case "way":
            yield f"case {each['number'] + 1} of {len(step.get('cases', ()))}"
        case "times":
            yield f"{each['count']} times"
        case "pause":
            yield f"pauses for {human_duration(max(each['until_ns'] - each['at_ns'], 0))}"
        case _:
            pass


def _of_python(each: dict[str, Any], unshown: Unshown) -> str:
    if each["what"] == "call_failed":
        return f"has no value: {unshown.text(each['reason'])}"
    return f"calls {each['function']}({_short(unshown.body(each['arguments'][1:-1]), MAX_VALUE)})"


def _message(text: str, sign: str, unshown: Unshown) -> Iterator[str]:
    """A request or a response: its first line, the headers that tell something, and the beginning of its body."""
    head, _, body = text.partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    yield f"{sign} {unshown.text(redacted_text(first))}"
    is_form = False
    for field in fields:
        name, _, value = field.partition(":")
        is_form = is_form or (name.lower() == "content-type" and "x-www-form-urlencoded" in value.lower())
        if name.lower() not in _QUIET:
            yield f"{sign} {name}: {REPLACEMENT if is_secret_name(name) else unshown.text(value.strip())}"
    if body:
        shown = _short(unshown.body(body, is_form=is_form), MAX_BODY)
        yield from (f"{sign} {line}" for line in shown.splitlines())


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} … {len(text) - most:,} more characters"
