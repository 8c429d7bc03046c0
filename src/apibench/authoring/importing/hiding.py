"""
Secrets of an input: none of them is written. Headers and bodies name them, `${secret:NAME}`; where a plan can't name
one, in a path or beside late values, it is read from the environment when the scenario is loaded.
"""

import base64
import binascii
import re
from collections.abc import Callable
from urllib.parse import unquote, unquote_plus

from apibench.authoring.importing.bodies import media_type
from apibench.authoring.importing.journey import (
    Assign,
    Behaviour,
    Case,
    Check,
    Comment,
    Each,
    Group,
    Journey,
    Left,
    Pick,
    Repeat,
    Request,
    SetHeader,
    Step,
    When,
)
from apibench.authoring.importing.names import plain as plain_name
from apibench.authoring.importing.values import (
    Called,
    Item,
    Joined,
    Known,
    Listing,
    Mapping,
    Member,
    Named,
    Negated,
    Operation,
    Secret,
    Value,
    environment,
    is_late,
    joined,
)
from apibench.model.redaction import REPLACEMENT, is_secret_name

_SCHEME = re.compile(r"(Bearer|Token|Digest|Negotiate|ApiKey)\s+(.+)", re.IGNORECASE | re.DOTALL)
_BASIC = re.compile(r"Basic\s+(\S+)", re.IGNORECASE)
_USER = re.compile(r"[^:{}\x00-\x1f\x7f]{0,256}")
_FIELD = re.compile(r"(?P<before>(?:^|[?&])(?P<name>[^=&?#\s]+)=)(?P<value>[^&#\r\n]+)")
_PART = re.compile(
    r'(?P<before>Content-Disposition: form-data; name="(?P<name>[^"]+)"\r\n\r\n)(?P<value>[^\r\n]+)(?=\r\n--)'
)
_PLAINLY = re.compile(r"passw|secret|passphrase", re.IGNORECASE)
LEAST = 6
"""Values shorter than that are not looked for elsewhere: they would be found within other words."""


def hide(journey: Journey) -> None:
    """Take what looks like a secret out of a journey, wherever it stands."""
    hiding = Hiding(journey)
    for scenario in journey.scenarios:
        for steps in scenario.parts():
            hiding.named_in(steps)
    for scenario in journey.scenarios:
        for steps in scenario.parts():
            steps[:] = hiding.others_in(steps)
        _plain(scenario, hiding)
    journey.left = [Left(hiding.plain(each.place), hiding.plain(each.what)) for each in journey.left]


def _plain(scenario: Behaviour, hiding: "Hiding") -> None:
    scenario.name = hiding.plain(scenario.name)


def hide_in_names(text: str, journey: Journey) -> str:
    """
    A file without what names of Python keep of a secret: small letters and digits.

    Only what no word of ours could be is looked for: long, and with a digit in it.
    """
    for value in journey.secrets:
        kept = plain_name(value, "")
        if len(kept) >= LEAST + 2 and any(each.isdigit() for each in kept):
            text = text.replace(kept, "hidden")
    return text


class Hiding:
    """The secrets of one input, by their values."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey

    def named_in(self, steps: list[Step]) -> None:
        """Hide what a header, a field or a parameter says by its name to be secret."""
        for step in steps:
            match step:
                case Request():
                    self._request(step)
                case SetHeader(name, value):
                    step.value = self._header(name, value)
                case Pick(cases):
                    for case in cases:
                        self.named_in(case.steps)
                case Repeat() | Each() | Group():
                    self.named_in(step.steps)
                case When():
                    self.named_in(step.steps)
                    self.named_in(step.otherwise)
                case _:
                    pass

    def others_in(self, steps: list[Step]) -> list[Step]:
        """The same steps, with what is known to be secret hidden wherever else it stands."""
        if not self._values():
            return steps
        return [self._elsewhere(step) for step in steps]

    def plain(self, text: str) -> str:
        """A text that is only shown."""
        for value in self._values():
            text = text.replace(value, REPLACEMENT)
        return text

    def name(self, wanted: str, value: str) -> str:
        """What a secret is called."""
        return self._journey.secret(wanted, value)

    def _values(self) -> list[str]:
        known = {**self._journey.known_secrets, **self._journey.secrets}
        return sorted((value for value in known if len(value) >= LEAST), key=len, reverse=True)

    def _request(self, request: Request) -> None:
        request.headers = [(name, self._header(name, value)) for name, value in request.headers]
        request.path = self._fields(request.path, _FIELD, self._in_path)
        request.query = [(name, self._parameter(name, value)) for name, value in request.query]
        if request.json is not None:
            late = is_late(request.json)
            request.json = self._json(request.json, "", late=late)
        if request.data is not None:
            late = is_late(request.data)

            def of_form(name: str, value: str) -> Value:
                named = self.name(name, unquote_plus(value))
                return _quoted(environment(f"SECRET_{named}")) if late else Secret(named, "url")

            def of_part(name: str, value: str) -> Value:
                named = self.name(name, value)
                return environment(f"SECRET_{named}") if late else Secret(named)

            request.data = self._fields(self._fields(request.data, _FIELD, of_form), _PART, of_part)

    def _header(self, name: str, value: Value) -> Value:
        text = value.value if isinstance(value, Known) else None
        if not isinstance(text, str) or not text.strip() or not is_secret_name(name):
            return value
        basic = _BASIC.fullmatch(text.strip())
        if basic is not None:
            return joined("Basic ", self._basic(basic[1]))
        scheme = _SCHEME.fullmatch(text.strip())
        if scheme is not None:
            return joined(f"{scheme[1]} ", Secret(self.name("TOKEN", scheme[2])))
        return Secret(self.name(name, text))

    def _basic(self, encoded: str) -> Value:
        try:
            user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return Secret(self.name("CREDENTIALS", encoded))
        if not colon or not password or _USER.fullmatch(user) is None:
            return Secret(self.name("CREDENTIALS", encoded))
        return Secret(self.name("PASSWORD", password), f"basic:{user}")

    def _parameter(self, name: str, value: Value) -> Value:
        text = value.value if isinstance(value, Known) else None
        if isinstance(text, str) and text and is_secret_name(name):
            return environment(f"SECRET_{self.name(name, text)}")
        return value

    def _in_path(self, name: str, value: str) -> Value:
        return _quoted(environment(f"SECRET_{self.name(name, unquote(value))}"))

    def _fields(self, text: Value, pattern: re.Pattern[str], hidden: Callable[[str, str], Value]) -> Value:
        """A text with the values of secret fields hidden, in what is known of it."""
        parts: list[str | Value] = []
        for part in text.parts if isinstance(text, Joined) else (text,):
            known = part.value if isinstance(part, Known) else part
            if not isinstance(known, str):
                parts.append(part)
                continue
            at = 0
            for field in pattern.finditer(known):
                if is_secret_name(unquote_plus(field["name"])):
                    parts += [known[at : field.end("before")], hidden(unquote_plus(field["name"]), field["value"])]
                    at = field.end()
            parts.append(known[at:])
        return joined(*parts)

    def _json(self, value: Value, key: str, *, late: bool) -> Value:
        match value:
            case Mapping(pairs):
                return Mapping(tuple((name, self._json(each, name, late=late)) for name, each in pairs))
            case Listing(items):
                return Listing(tuple(self._json(each, key, late=late) for each in items))
            case Known(str() as text) if text and key and is_secret_name(key):
                name = self.name(key, text)
                return environment(f"SECRET_{name}") if late else Secret(name, "json")
            case Known(int() | float() as number) if not isinstance(number, bool) and _PLAINLY.search(key):
                name = self.name(key, str(number))
                self._journey.leave("", f"the number under '{key}' is a secret, and is sent as text")
                return environment(f"SECRET_{name}") if late else Secret(name, "json")
            case _:
                return value

    def _elsewhere(self, step: Step) -> Step:
        match step:
            case Request():
                step.headers = [(self.plain(name), self._within(value, "")) for name, value in step.headers]
                step.path = self._within(step.path, "path")
                step.query = [(self.plain(name), self._within(value, "environment")) for name, value in step.query]
                step.json = None if step.json is None else self._within(step.json, "json")
                of_form = media_type(step) == "application/x-www-form-urlencoded"
                step.data = None if step.data is None else self._within(step.data, "url" if of_form else "")
                step.name = self.plain(step.name)
            case SetHeader(name, value):
                return SetHeader(self.plain(name), self._within(value, ""))
            case Assign(name, value):
                return Assign(name, self._within(value, "environment"))
            case Check(condition, name):
                return Check(self._within(condition, "environment"), self.plain(name))
            case Comment(text):
                return Comment(self.plain(text))
            case Pick(cases):
                return Pick([Case(each.weight, self.plain(each.name), self.others_in(each.steps)) for each in cases])
            case Repeat(times, steps):
                return Repeat(times, self.others_in(steps))
            case Each(name, values, steps):
                return Each(name, self._within(values, "environment"), self.others_in(steps))
            case Group(name, steps):
                return Group(self.plain(name), self.others_in(steps))
            case When(condition, steps, otherwise):
                within = self._within(condition, "environment")
                return When(within, self.others_in(steps), self.others_in(otherwise))
            case _:
                pass
        return step

    def _within(self, value: Value, form: str, late: bool | None = None) -> Value:  # noqa: FBT001 - of ours alone
        late = is_late(value) if late is None else late
        match value:
            case Known(str() as text):
                return self._text(text, "environment" if late and form in ("", "json", "url") else form)
            case Joined(parts):
                values = [Known(each) if isinstance(each, str) else each for each in parts]
                return joined(*(self._within(each, form, late) for each in values))
            case Mapping(pairs):
                return Mapping(tuple((self.plain(key), self._within(each, form, late)) for key, each in pairs))
            case Listing(items):
                return Listing(tuple(self._within(each, form, late) for each in items))
            case Operation(left, sign, right):
                return Operation(self._within(left, form, late), sign, self._within(right, form, late))
            case Negated(of):
                return Negated(self._within(of, form, late))
            case Item(Named("environ"), _):
                return value
            case Item(of, key):
                return Item(self._within(of, form, late), self._within(key, "environment", late))
            case Called(Named("quote"), _):
                return value
            case Called(function, arguments, words):
                inside = function
                if isinstance(function, Member):
                    inside = Member(self._within(function.of, form, late), function.name)
                return Called(inside, tuple(self._within(each, "environment", late) for each in arguments), words)
            case _:
                return value

    def _text(self, text: str, form: str) -> Value:
        parts: list[str | Value] = [text]
        for value in self._values():
            if not any(isinstance(part, str) and value in part for part in parts):
                continue
            name = self.name("SECRET", value)
            plain = environment(f"SECRET_{name}")
            hidden = {"environment": plain, "path": _quoted(plain)}.get(form, Secret(name, form))
            split: list[str | Value] = []
            for part in parts:
                pieces = part.split(value) if isinstance(part, str) else [part]
                for at, piece in enumerate(pieces):
                    split += [hidden, piece] if at else [piece]
            parts = split
        return joined(*parts)


def _quoted(value: Value) -> Value:
    return Called(Named("quote"), (value,), (("safe", Known("")),))
