"""
JSON paths that lead to one value: `$.items[0]["id"]` (RFC 9535, singular queries), or `items.0.id` without the `$`.

A path that may lead to several is refused: which of them would be meant?
"""

import re
from typing import Any

from apibench.model.errors import UnitInvalid

_REMEDY = "Write it like $.items[0].id; filters, wildcards and slices are not built yet."
_NAME = r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\-\u0080-\U0010ffff]*"
_SEGMENT = re.compile(
    rf"""\.(?P<member>{_NAME})|\[(?P<item>0|[1-9][0-9]*)\]|\['(?P<single>[^'\\]*)'\]|\["(?P<double>[^"\\]*)"\]"""
)
_WORD = re.compile(rf"{_NAME}|0|[1-9][0-9]*")


def parse_json_path(text: str) -> list[Any]:
    """
    The keys of a path: members by name, items by number.

    Raises UnitInvalid for what is none, or leads to several values.
    """
    if not text.startswith("$"):
        words = text.split(".")
        if not all(_WORD.fullmatch(word) for word in words):
            raise UnitInvalid(f"'{text[:60]}' is no path into JSON", _REMEDY)
        return [int(word) if word.isascii() and word.isdigit() else word for word in words]
    keys: list[Any] = []
    at = 1
    while at < len(text):
        segment = _SEGMENT.match(text, at)
        if segment is None:
            raise UnitInvalid(f"'{text[:60]}' can't be read from '{text[at : at + 20]}' on", _REMEDY)
        item = segment["item"]
        names = (segment["member"], segment["single"], segment["double"])
        keys.append(int(item) if item is not None else next(name for name in names if name is not None))
        at = segment.end()
    return keys
