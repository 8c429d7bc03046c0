"""
JSON paths that lead to one value by names and numbers alone: `$.items[0]["id"]`, or `items.0.id` without the `$`.

What else RFC 9535 has (wildcards, slices, filters) is left as text: the engine reads it.
"""

import re
from typing import Any

from apibench.model.errors import UnitInvalid

_REMEDY = "Write it like $.items[0].id."
_NAME = r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\-\u0080-\U0010ffff]*"
_SEGMENT = re.compile(
    rf"""\.(?P<member>{_NAME})|\[(?P<item>0|[1-9][0-9]*)\]|\['(?P<single>[^'\\]*)'\]|\["(?P<double>[^"\\]*)"\]"""
)
_WORD = re.compile(rf"{_NAME}|0|[1-9][0-9]*")


def parse_json_path(text: str) -> list[Any] | None:
    """
    The keys of a path: members by name, items by number. None for one with a `$` that is more than that.

    Raises UnitInvalid for what is none.
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
            return None
        item = segment["item"]
        names = (segment["member"], segment["single"], segment["double"])
        keys.append(int(item) if item is not None else next(name for name in names if name is not None))
        at = segment.end()
    return keys


def extraction_of(path: str) -> dict[str, Any]:
    """
    What takes out of a response what a path leads to, in the plan's form.

    Raises UnitInvalid.
    """
    keys = parse_json_path(path)
    return {"type": "json_path", "path": path} if keys is None else {"type": "json", "path": keys}
