"""
A document that may be stored and shown: what looks like a secret is replaced, the rest stays readable.

By name, because a value does not tell what it is. Bodies are kept: what is secret in them has no name
we could know. A plan that must not show its bodies holds them elsewhere.
"""

import re
from collections.abc import Callable
from typing import Any

from apibench.model.secret import without_references

REPLACEMENT = "[redacted]"

_SECRET_NAME = re.compile(
    r"authorization|cookie|(api|access|secret|private|session|auth)[-_]?(key|token|id)\b|token|secret|passw(or)?d|"
    r"passphrase|credential|signature|jwt|csrf|xsrf|^pwd$|^sig$|^key$",
    re.IGNORECASE,
)
_USER_INFO = re.compile(r"(?<=://)[^/?#\s@]+(?=@)")
_SCHEME = re.compile(r"\s*(Basic|Bearer|Digest|Negotiate|Token)?\s+", re.IGNORECASE)
_QUERY_VALUE = re.compile(r"(?P<name>[^?&=;#\s]+)=(?P<value>[^&;#\s]*)")


def is_secret_name(name: str) -> bool:
    """Whether a header or query parameter of this name should not be shown."""
    return _SECRET_NAME.search(name) is not None


def redacted_text(text: str) -> str:
    """The same for a text that may hold a URL or a path: no user, no value of a secret parameter."""
    return _clean_text(text)


def redacted(document: dict[str, Any]) -> dict[str, Any]:
    """A copy of a plan's document without secrets in headers, paths, names and URLs."""
    return {key: _clean(value, key) for key, value in document.items()}


def _clean(value: Any, key: str) -> Any:
    if isinstance(value, dict) and key == "path":
        return _clean_late(value, _clean_parameters)
    if isinstance(value, dict) and key == "feeders":
        return {name: _clean_feeder(feeder) for name, feeder in value.items()}
    if isinstance(value, dict):
        return {inner: _clean(item, inner) for inner, item in value.items()}
    if isinstance(value, list) and key == "headers":
        return [[name, _clean_header(name, text)] for name, text in value]
    if isinstance(value, list):
        return [_clean(item, key) for item in value]
    if isinstance(value, str) and key in ("path", "name", "base_url"):
        return _clean_text(value)
    return value


def _clean_feeder(feeder: dict[str, Any]) -> dict[str, Any]:
    """Rows are often users with their passwords, and a result is no place for thousands of them."""
    return feeder if feeder["text"] is None else {**feeder, "text": REPLACEMENT}


def _clean_late(value: Any, clean: Callable[[str], str]) -> Any:
    """An expression: what of it is known is cleaned, what is late gives nothing away."""
    if isinstance(value, list):
        return [_clean_late(each, clean) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "constant" and isinstance(value.get("value"), str):
        return {**value, "value": clean(value["value"])}
    return {key: _clean_late(each, clean) for key, each in value.items()}


def _clean_header(name: str, text: Any) -> Any:
    if not isinstance(text, str):
        return _clean_late(text, lambda known: _clean_known_header(name, known))
    return _clean_known_header(name, text)


def _clean_known_header(name: str, text: str) -> str:
    if not is_secret_name(name):
        return _clean_text(text)
    # What only names a secret gives nothing away: `Bearer ${secret:SHOP}`.
    return text if _SCHEME.fullmatch(without_references(text)) else REPLACEMENT


def _clean_text(text: str) -> str:
    without_user = _USER_INFO.sub(REPLACEMENT, text)
    return _clean_parameters(without_user) if "?" in without_user else without_user


def _clean_parameters(text: str) -> str:
    return _QUERY_VALUE.sub(_clean_parameter, text)


def _clean_parameter(match: re.Match[str]) -> str:
    return f"{match['name']}={REPLACEMENT}" if is_secret_name(match["name"]) else match[0]
