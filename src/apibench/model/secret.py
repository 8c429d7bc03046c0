"""
Secrets by reference: a plan says `${secret:NAME}`, and the value is known only where the load is made.

A reference stands in header values and text bodies, alone or within other text, and as an argument of functions that
make digests and signatures. What is stored, sent, shown and hashed
is the reference. How the value is written is said behind a bar:

    ${secret:NAME}             as it is
    ${secret:NAME|json}        for the inside of a JSON string
    ${secret:NAME|url}         percent-encoded, for a form
    ${secret:NAME|base64}      base64 of it
    ${secret:NAME|basic:USER}  base64 of `USER:` and it, behind `Authorization: Basic `
"""

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote

OPENING = "${secret:"
_REFERENCE = re.compile(
    r"\$\{secret:(?P<name>[A-Za-z_][A-Za-z0-9_]{0,63})"
    r"(?:\|(?:(?P<form>json|url|base64)|basic:(?P<user>[^:{}\x00-\x1f\x7f]{0,256})))?\}"
)
_FORMS: dict[str, Callable[[str], str]] = {
    "json": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "url": lambda value: quote(value, safe=""),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
}


def secrets_named(text: str) -> list[str]:
    """The names in it, in order."""
    return [found["name"] for found in _REFERENCE.finditer(text)]


def is_secret(text: str) -> bool:
    """Whether a text is one reference and nothing else, not written in a form."""
    found = _REFERENCE.fullmatch(text)
    return found is not None and found["form"] is None and found["user"] is None


def is_reference(text: str) -> bool:
    """Whether a text is one reference and nothing else, in whatever form."""
    return _REFERENCE.fullmatch(text) is not None


def without_references(text: str) -> str:
    """The rest of a text."""
    return _REFERENCE.sub(" ", text)


def written_as(text: str, form: str) -> str:
    """The same text, with this form for all references that say none."""
    return _REFERENCE.sub(lambda found: f"{OPENING}{found['name']}|{form}}}" if is_secret(found[0]) else found[0], text)


def filled_in(text: str, values: Callable[[str], str]) -> str:
    """The text as it is sent, by the value of each name."""

    def written(found: re.Match[str]) -> str:
        value = values(found["name"])
        if found["user"] is not None:
            return _FORMS["base64"](f"{found['user']}:{value}")
        return value if found["form"] is None else _FORMS[found["form"]](value)

    return _REFERENCE.sub(written, text)
