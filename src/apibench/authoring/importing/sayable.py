"""Whether a plan can hold what is late of a value: names of headers, keys of JSON, constants of expressions."""

import re
from collections.abc import Iterator

from apibench.authoring.importing.values import (
    Called,
    Item,
    Joined,
    Known,
    Listing,
    Mapping,
    Member,
    Operation,
    Value,
    is_late,
    parts_of,
)
from apibench.model.canonical import MAX_INTEGER
from apibench.model.http_text import MAX_HEADER_NAME
from apibench.model.secret import OPENING

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OURS = re.compile("\ue000|\ue001|%EE%80%8[01]|\\\\ue00[01]", re.IGNORECASE)
"""Characters by which a scenario knows late values in its texts."""
_LONGEST_KEY = 1_000
_MOST_ITEMS = 1_000_000


def can_be_said(value: Value) -> bool:
    """Whether it can stand in a plan as it is."""
    return not is_late(value) or all(_holds(each) for each in parts_of(value))


def can_be_a_value(value: Value) -> bool:
    """The same of what no request holds itself: a condition, or a variable's value. No secret can stand there."""
    return can_be_said(value) and not any(OPENING in text for text in _texts(value))


def _texts(value: Value) -> Iterator[str]:
    for each in parts_of(value):
        if isinstance(each, Known) and isinstance(each.value, str):
            yield each.value
        elif isinstance(each, Joined):
            yield from (part for part in each.parts if isinstance(part, str))


def _holds(value: Value) -> bool:
    match value:
        case Item(Member(_, "headers"), key):
            name = key.value if isinstance(key, Known) else None
            return isinstance(name, str) and len(name) <= MAX_HEADER_NAME and TOKEN.fullmatch(name) is not None
        case Item(_, Known(str() as key)):
            return len(key) <= _LONGEST_KEY and _is_text(key) and OPENING not in key
        case Item(_, Known(int() as number)):
            return 0 <= number <= _MOST_ITEMS
        case Joined(parts):
            return all(_is_text(each) for each in parts if isinstance(each, str))
        case Known(str() as text):
            return _is_text(text)
        case _:
            return all(_is_constant(each) for each in _operands(value))


def _is_text(text: str) -> bool:
    # What names a secret stands in no value: a text of an input could read one otherwise.
    return "\0" not in text and OPENING not in text and OURS.search(text) is None


def _operands(value: Value) -> Iterator[Value]:
    """What of an expression is not a part of a body."""
    if isinstance(value, Operation):
        yield from (value.left, value.right)
    elif isinstance(value, Called):
        yield from value.arguments


def _is_constant(value: Value) -> bool:
    if isinstance(value, Mapping | Listing):
        return False
    if not isinstance(value, Known) or value.value is None:
        return True
    if isinstance(value.value, str):
        return _is_text(value.value)
    return isinstance(value.value, int) and abs(value.value) <= MAX_INTEGER
