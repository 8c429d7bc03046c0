"""Secrets in what is shown of one iteration: by their values wherever they stand, and by the names of fields."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

from apibench.model.redaction import REPLACEMENT, is_secret_name, redacted_text

_LEAST = 4
"""Values shorter than that would be found within other words."""
_FIELD = re.compile(r'"(?P<name>(?:[^"\\]|\\.){1,100})"(?P<between>\s*:\s*)"(?:[^"\\]|\\.)*"')


class Unshown:
    """The secrets that are known so far."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._texts: set[str] = set()
        for each in secrets:
            self.add(each)

    def add(self, secret: str) -> None:
        """It is shown nowhere from here on, in none of the ways in which a request may write it."""
        if len(secret) >= _LEAST:
            within_json = (json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
            encoded = (quote(secret, safe=""), quote_plus(secret), b64encode(secret.encode()).decode())
            self._texts.update((secret, *within_json, *encoded))

    def noting(self, lookup: Callable[[str], str | None]) -> Callable[[str], str | None]:
        """The same lookup of secrets by their names, which adds what it finds."""

        def noted(name: str) -> str | None:
            value = lookup(name)
            if value is not None:
                self.add(value)
            return value

        return noted

    def text(self, text: str) -> str:
        """A text without them."""
        for secret in sorted(self._texts, key=len, reverse=True):
            text = text.replace(secret, REPLACEMENT)
        return text

    def body(self, body: str, *, is_form: bool = False) -> str:
        """The same of a body or a value, and without fields that are secret by their names."""
        if is_form:
            return self.text(redacted_text(f"?{body}")[1:])
        return self.text(_FIELD.sub(_without, body))


def _without(field: re.Match[str]) -> str:
    return f'"{field["name"]}"{field["between"]}"{REPLACEMENT}"' if is_secret_name(field["name"]) else field[0]
