"""
The one place where a plan learns its secrets, and what set-up has handed over: on the way to the engine that sends
them, and nowhere else.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from apibench.model.errand import NOTHING_SHARED, Shared
from apibench.model.errors import EngineFailed, SecretsUnusable
from apibench.model.fault import Fault, Place, place_text
from apibench.model.http_text import MAX_HEADERS_TOTAL, is_one_line
from apibench.model.late_text import MAX_BODY
from apibench.model.nesting import inner_steps, steps_of
from apibench.model.plan import Plan
from apibench.model.secret import filled_in, secrets_named
from apibench.model.signing import KEYS

Lookup = Callable[[str], str | None]
"""The value of a secret by its name; None where nobody here knows it. Raises UsageError for one that can't be read."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A text of a document that names secrets."""

    path: Place
    holder: Any
    key: str | int
    of_header: bool

    def __str__(self) -> str:
        text: str = self.holder[self.key]
        return text


def nobody_knows(_: str) -> None:
    """The lookup of whoever has no secrets."""


def disclosed(plan: Plan, lookup: Lookup, shared: Shared = NOTHING_SHARED) -> dict[str, Any]:
    """
    The plan's document with the values of its secrets, and of what set-up has handed over; without set-up and
    tear-down, which are plans of their own. To be given to the engine, and to nobody else.

    Raises SecretsUnusable with all that are unknown or can't stand where they are named; no value is in its text.
    """
    document = plan.document()
    texts = [each for each in _texts(document) if secrets_named(str(each))]
    values = {name: lookup(name) for each in texts for name in secrets_named(str(each))}
    faults = [fault for each in texts for fault in _faults(each, values)]
    if faults:
        raise SecretsUnusable(faults)
    for each in texts:
        each.holder[each.key] = filled_in(str(each), lambda name: values[name] or "")
    document.update(setup=None, teardown=None)
    # Values are filled in last: no text of theirs names a secret.
    document["scenarios"] = _filled(document["scenarios"], shared)
    return document


def _filled(value: Any, shared: Shared) -> Any:
    if isinstance(value, list):
        return [_filled(each, shared) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") != "shared":
        return {key: _filled(each, shared) for key, each in value.items()}
    if value["name"] not in shared:
        raise EngineFailed(f"nobody has handed over `{value['name']}`", "Please report this.")
    return {**value, "json": shared[value["name"]]}


def _texts(document: dict[str, Any]) -> Iterator[_Text]:
    for at, scenario in enumerate(document["scenarios"]):
        here: Place = ("scenarios", at)
        yield from _of_headers(scenario["defaults"], (*here, "defaults"))
        for word, steps in steps_of(scenario):
            yield from _of_steps(steps, (*here, word))


def _of_steps(steps: Sequence[dict[str, Any]], here: Place) -> Iterator[_Text]:
    for at, step in enumerate(steps):
        if step["type"] == "request":
            yield from _of_headers(step, (*here, at))
            yield from _of_sign(step["sign"], (*here, at, "sign"))
            yield from _of_late(step["path"], (*here, at, "path"))
            body = step["body"]
            if body is not None and isinstance(body["text"], str):
                yield _Text((*here, at, "body"), body, "text", of_header=False)
            elif body is not None:
                yield from _of_late(body["text"], (*here, at, "body"))
        for word in ("value", "condition", "times"):
            yield from _of_late(step.get(word), (*here, at, word))
        for number, argument in enumerate(step.get("arguments", ())):
            yield from _of_late(argument, (*here, at, "arguments", number))
        for place, inner in inner_steps(step):
            yield from _of_steps(inner, (*here, at, *place))


def _of_headers(holder: dict[str, Any], here: Place) -> Iterator[_Text]:
    for pair in holder["headers"]:
        if isinstance(pair[1], str):
            yield _Text((*here, "headers", pair[0]), pair, 1, of_header=True)
        else:
            yield from _of_late(pair[1], (*here, "headers", pair[0]))


def _of_sign(sign: dict[str, Any] | None, here: Place) -> Iterator[_Text]:
    for word in KEYS:
        value = None if sign is None else sign[word]
        if sign is not None and isinstance(value, str):
            yield _Text((*here, word), sign, word, of_header=True)
        else:
            yield from _of_late(value, (*here, word))


def _of_late(value: Any, here: Place) -> Iterator[_Text]:
    """In what is late, the constants that functions are given."""
    if not isinstance(value, dict):
        return
    if value["type"] == "constant" and isinstance(value["value"], str):
        yield _Text(here, value, "value", of_header=False)
    for argument in value.get("arguments", ()):
        yield from _of_late(argument, here)


def _faults(text: _Text, values: dict[str, str | None]) -> Iterator[Fault]:
    names = secrets_named(str(text))
    for name in dict.fromkeys(names):
        value = values[name]
        alone = dict.fromkeys(names, "") | {name: value or ""}
        if not value:
            message = f"nobody here knows the secret '{name}'" if value is None else f"the secret '{name}' is empty"
            remedy = (
                f"Where the load is made, set APIBENCH_SECRET_{name}, or write it into the file {name} of the folder"
            )
            yield _fault(text, message, f"{remedy} APIBENCH_SECRETS.")
        elif text.of_header and not is_one_line(filled_in(str(text), alone.__getitem__)):
            yield _fault(text, f"the secret '{name}' holds a control character", "A header is one line of text.")
    most = MAX_HEADERS_TOTAL if text.of_header else MAX_BODY
    if len(str(text)) + sum(len(values[name] or "") for name in names) > most:
        yield _fault(text, f"is longer than {most:,} characters with its secrets", "Shorten it.")


def _fault(text: _Text, message: str, remedy: str) -> Fault:
    return Fault("secret", place_text(text.path), message, remedy, path=text.path)
