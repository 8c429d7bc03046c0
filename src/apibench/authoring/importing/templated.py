"""Texts with places for values, like `{{id}}`: as values, also within JSON, where numbers stay numbers."""

import json
import re
from collections.abc import Callable
from typing import Any

from apibench.authoring.importing.bodies import json_of
from apibench.authoring.importing.values import (
    Called,
    Joined,
    Known,
    Listing,
    Mapping,
    Member,
    Named,
    Value,
    is_environment,
    joined,
    method,
)

Fill = Callable[[str], Value]
"""The value of a place, by what stands in it."""
_MARK = re.compile("\ue002(\\d+)\ue003")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\ue002\d+\ue003', re.DOTALL)


def filled(text: str, places: re.Pattern[str], fill: Fill) -> Value:
    """A text with its places filled; the first group of the pattern is what stands in one."""
    parts: list[str | Value] = []
    at = 0
    for place in places.finditer(text):
        parts += [text[at : place.start()], fill(place[1])]
        at = place.end()
    return joined(*parts, text[at:])


def filled_json(text: str, places: re.Pattern[str], fill: Fill) -> Value | None:
    """
    The same of a text of JSON, within strings and in place of values; None where it is no JSON.

    A value that stands for all of a JSON value keeps its kind: `{"n": {{n}}}` sends a number where n is one.
    """
    values: list[Value] = []

    def marked(place: re.Match[str]) -> str:
        values.append(fill(place[1]))
        return f"\ue002{len(values) - 1}\ue003"

    def quoted(piece: re.Match[str]) -> str:
        return piece[0] if piece[0].startswith('"') else f'"\ue004{piece[0]}"'

    clean = re.sub("[\ue002-\ue004]", "", text)
    document = json_of(_STRING.sub(quoted, places.sub(marked, clean)))
    return None if document is None else _with(document, values)


def _with(document: Value, values: list[Value]) -> Value:
    match document:
        case Mapping(pairs):
            return Mapping(tuple((_MARK.sub("", name), _with(each, values)) for name, each in pairs))
        case Listing(items):
            return Listing(tuple(_with(each, values) for each in items))
        case Known(str() as text) if text.startswith("\ue004") and _MARK.fullmatch(text[1:]):
            return _bare(_at(values, text[2:-1]))
        case Known(str() as text):
            return _text_alone(filled(text, _MARK, lambda number: _at(values, number)))
        case _:
            return document


def _text_alone(value: Value) -> Value:
    """What is text anyway needs no text around it."""
    if isinstance(value, Joined) and len(value.parts) == 1:
        only = value.parts[0]
        if isinstance(only, Called) and only.function in (Named("rand.uuid"), Named("rand.text")):
            return only
    return value


def _at(values: list[Value], number: str) -> Value:
    """One of them; text may hold what only looks like one of our marks."""
    return values[int(number)] if len(number) < 8 and int(number) < len(values) else Known(number)


def _bare(value: Value) -> Value:
    """In place of a JSON value: what reads as one is one."""
    if isinstance(value, Known) and isinstance(value.value, str):
        return json_of(value.value) or (Known(None) if value.value == "null" else value)
    only = value.parts[0] if isinstance(value, Joined) and len(value.parts) == 1 else value
    return value if isinstance(only, str) else only


def in_address(value: Value) -> Value:
    """A value as it stands in an address: percent-encoded where it may have to be."""
    match value:
        case Joined(parts):
            return joined(*(each if isinstance(each, str) else in_address(each) for each in parts))
        case Known():
            return value
        case Called(Named(name), _) if name in ("rand.uuid", "rand.int", "rand.text", "quote"):
            return value
        case Called(Member(_, "urlquote"), _):
            return value
        case _ if is_environment(value):
            return Called(Named("quote"), (value,), (("safe", Known("")),))
        case _:
            return method(value, "urlquote")


def compact(document: Any) -> str:
    """JSON as text."""
    return json.dumps(document, ensure_ascii=False)
