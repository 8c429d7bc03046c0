"""Variables of Postman: of a collection and an environment, set by scripts, and made anew for each request."""

import re
from typing import Any

from apibench.authoring.importing.journey import Journey
from apibench.authoring.importing.templated import filled
from apibench.authoring.importing.values import Known, Secret, Value, drawn, environment, joined
from apibench.model.redaction import is_secret_name

PLACE = re.compile(r"\{\{\s*([^{}]{1,200}?)\s*\}\}")
_WORD = re.compile(r"[^A-Za-z0-9]+")
_MOST_DEPTH = 10


def _names(*words: str) -> Value:
    return drawn("choice", *words)


_MADE: dict[str, Value] = {
    **dict.fromkeys(("$guid", "$randomUUID"), drawn("uuid")),
    "$randomInt": drawn("int", 0, 1000),
    "$randomAlphaNumeric": drawn("text", 1),
    "$randomPassword": drawn("text", 15),
    "$randomHexadecimal": drawn("int", 0, 9),
    "$randomBoolean": _names("true", "false"),
    "$randomFirstName": _names("Ann", "Ben", "Cora", "Dan"),
    "$randomLastName": _names("Archer", "Baker", "Carter", "Draper"),
    "$randomFullName": _names("Ann Archer", "Ben Baker", "Cora Carter"),
    "$randomUserName": joined("user_", drawn("text", 8)),
    "$randomEmail": joined(drawn("text", 10), "@example.com"),
    "$randomExampleEmail": joined(drawn("text", 10), "@example.com"),
    "$randomPrice": drawn("int", 1, 1000),
    "$randomPhoneNumber": joined("555-", drawn("int", 1000000, 9999999)),
    "$randomIP": joined("10.0.", drawn("int", 0, 255), ".", drawn("int", 1, 254)),
    "$randomCity": _names("Berlin", "Lagos", "Lima", "Osaka"),
    "$randomCountryCode": _names("DE", "NG", "PE", "JP"),
    "$randomCurrencyCode": _names("EUR", "NGN", "PEN", "JPY"),
}


class Variables:
    """What stands for `{{name}}`, in the order of a collection's requests: scripts set some on the way."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self._known: dict[str, str] = {}
        self._set: dict[str, Value] = {}
        self.place = ""

    def read(self, pairs: Any) -> None:
        """Take the variables of a collection (`variable`) or of an environment (`values`)."""
        for each in pairs if isinstance(pairs, list) else []:
            if not isinstance(each, dict) or each.get("enabled") is False or each.get("disabled") is True:
                continue
            name, value = each.get("key", each.get("id")), each.get("value")
            if not isinstance(name, str) or value in (None, ""):
                continue
            self._known[name] = (
                value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
            )
            if each.get("type") == "secret" or is_secret_name(name):
                self._journey.known_secrets[self._known[name]] = name

    def set(self, name: str, value: Value) -> None:
        """What a script sets, for the requests behind it."""
        self._set[name] = value

    def knows(self, name: str) -> bool:
        """Whether it has a value that is known now."""
        return name in self._known and name not in self._set and isinstance(self.value(name), Known)

    def text(self, text: str) -> Value:
        """A text with its variables filled in."""
        return filled(text, PLACE, self.value)

    def header(self, name: str, text: str) -> Value:
        """The same of a header: what is unknown in one that is secret is a secret."""
        if not is_secret_name(name):
            return self.text(text)
        return filled(text, PLACE, lambda word: self.value(word, secret=True))

    def value(self, name: str, *, secret: bool = False, depth: int = 0) -> Value:
        """What stands for one of them."""
        if name.startswith("$"):
            return self._made_anew(name)
        if name in self._set:
            return self._set[name]
        if name in self._known and depth < _MOST_DEPTH:
            return filled(self._known[name], PLACE, lambda inner: self.value(inner, secret=secret, depth=depth + 1))
        plain = _WORD.sub("_", name).strip("_").upper()[:50] or "VALUE"
        if secret:
            return Secret(plain if not plain[0].isdigit() else f"VALUE_{plain}")
        self._journey.leave(
            self.place, f"the variable '{name}' has no value here: it is read from APIBENCH_VARIABLE_{plain}"
        )
        return environment(f"VARIABLE_{plain}")

    def _made_anew(self, name: str) -> Value:
        if name in _MADE:
            return _MADE[name]
        if name in ("$timestamp", "$isoTimestamp", "$randomDateRecent", "$randomDatePast", "$randomDateFuture"):
            self._journey.leave(self.place, f"there is no word for '{name}': a moment of the past stands for it")
            return Known("1767225600" if name == "$timestamp" else "2026-01-01T00:00:00.000Z")
        self._journey.leave(self.place, f"there is no word for '{name}': random letters stand for it")
        return drawn("text", 8)
