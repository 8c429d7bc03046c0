"""What may be kept or told of a deed, an event or an error: no secrets, bounded, in types that every store has."""

import re
from collections.abc import Mapping
from typing import Any

from apibench.model.canonical import MAX_INTEGER
from apibench.model.redaction import REPLACEMENT, is_secret_name, redacted_text

MAX_TEXT = 500
"""Longest text of a detail, in characters: a log that can be filled by one request is none."""
_MAX_DEPTH = 6
_TOKEN = re.compile(r"\bab_([0-9a-zA-Z]+)_[0-9a-zA-Z]+")


def clean_detail(detail: Mapping[str, Any]) -> dict[str, Any]:
    """What may be kept of a deed: no secrets, bounded, and in the types that have a canonical form."""
    return {str(key): _clean(value, str(key), 1) for key, value in detail.items()}


def without_tokens(text: str) -> str:
    """A text in which every token of ours has lost its secret part."""
    return _TOKEN.sub(rf"ab_\1_{REPLACEMENT}", text)


def _clean(value: Any, key: str, depth: int) -> Any:
    if is_secret_name(key) and value is not None:
        return REPLACEMENT
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        return {str(inner): _clean(item, str(inner), depth + 1) for inner, item in value.items()}
    if isinstance(value, list | tuple) and depth < _MAX_DEPTH:
        return [_clean(item, key, depth + 1) for item in value]
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) <= MAX_INTEGER):
        return value
    # PostgreSQL's text holds no NUL, and UTF-8 no lone surrogate.
    text = str(value).replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    return without_tokens(redacted_text(text))[:MAX_TEXT]
