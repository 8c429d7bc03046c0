"""
What the functions of expressions come to, slowly: written from docs/journeys.md and from what Python does with the same
values, not from the engine.

Values are None, bool, int (of 64 bits), float (finite), str and Json.
"""

import base64
import hashlib
import hmac
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from tests.unit.differential.draws import Draws
from tests.unit.differential.json_text import WHITE, Json

Value = bool | int | float | str | Json | None
Late = Callable[[], Value]
Document = Mapping[str, Any]
MAX_TEXT_BYTES = 8 * 1024 * 1024
MAX_RANDOM_TEXT = 1024 * 1024
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MS = 86_400_000
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999
WHITE_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028"
WHITE_SPACE += "\u2029\u202f\u205f\u3000"
"""What Unicode calls so; Python's `strip` takes four separators of files with it."""


class NothingThereError(Exception):
    """An expression has no value."""


def evaluate(document: Document, variables: Mapping[str, Value], draws: Draws) -> Value:
    """What an expression of a plan comes to. Raises NothingThereError."""
    match document["type"]:
        case "constant":
            constant: Value = document["value"]
            return constant
        case "variable":
            if document["name"] not in variables:
                raise NothingThereError
            return variables[document["name"]]
        case _:
            arguments = [_late(each, variables, draws) for each in document["arguments"]]
            return call(document["function"], arguments, draws)


def _late(document: Document, variables: Mapping[str, Value], draws: Draws) -> Late:
    return lambda: evaluate(document, variables, draws)


def call(function: str, arguments: list[Late], draws: Draws) -> Value:
    """What a function makes of its arguments. Raises NothingThereError."""
    if function in _LAZY:
        made = _LAZY[function](arguments, draws)
    elif function in _KINDS:
        made = _of_kinds(function, arguments)
    elif function == "random_integer":
        made = _random_integer(draws, whole(arguments[0]()), whole(arguments[1]()))
    elif function in _DRAWN:
        made = _DRAWN[function](draws, *[each() for each in arguments])
    else:
        made = _PLAIN[function](*[each() for each in arguments])
    return _fitting(made)


def _fitting(value: Value) -> Value:
    if isinstance(value, float) and not math.isfinite(value):
        raise NothingThereError
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise NothingThereError
    if isinstance(value, str) and len(value.encode()) > MAX_TEXT_BYTES:
        raise NothingThereError
    return value


def of_json(text: str) -> Value:
    """A value of JSON, as it was written. Raises NothingThereError for what no value here can be."""
    text = text.strip(WHITE)
    if text[0] in "[{":
        return Json(text)
    if text == "-0":
        return -0.0
    value: Value = json.loads(text)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:  # half of a surrogate pair is no character
            raise NothingThereError from None
    if type(value) is int and not -(2**63) <= value < 2**63:
        return _fitting(float(value))
    return _fitting(value)


def as_text(value: Value) -> str:
    """A value where text stands. Raises NothingThereError for none."""
    if value is None:
        raise NothingThereError
    return value if isinstance(value, str) else as_json(value)


def as_json(value: Value) -> str:
    """A value where JSON stands."""
    if isinstance(value, Json):
        return value.text
    if isinstance(value, float):
        return _number_text(value)
    return json.dumps(value, ensure_ascii=False)


def _number_text(number: float) -> str:
    """The shortest digits that say it, with a point or an exponent: 2.0, 0.00001, 1e-7, 1.5e+300."""
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    text, point = "".join(map(str, digits)), len(digits) + int(exponent)
    if number == 0:
        text = "0.0"
    elif len(text) <= point <= 16:
        text = text + "0" * (point - len(text)) + ".0"
    elif 0 < point <= 16:
        text = f"{text[:point]}.{text[point:]}"
    elif -5 < point <= 0:
        text = f"0.{'0' * -point}{text}"
    else:
        behind = f".{text[1:]}" if len(text) > 1 else ""
        text = f"{text[0]}{behind}e{point - 1:+}"
    return f"-{text}" if sign else text


def is_number(value: Value) -> bool:
    """A truth is none."""
    return type(value) in (int, float)


def truth(value: Value) -> bool:
    """Only true is true. Raises NothingThereError for what is neither."""
    if not isinstance(value, bool):
        raise NothingThereError
    return value


def whole(value: Value) -> int:
    """Raises NothingThereError for what is no whole number."""
    if type(value) is not int:
        raise NothingThereError
    return value


def same(one: Value, other: Value) -> bool:
    """Numbers are the same by value, JSON by what it says."""
    if isinstance(one, Json) and isinstance(other, Json):
        return _same_json(one.value(), other.value())
    if is_number(one) and is_number(other):
        return one == other
    return type(one) is type(other) and one == other


def _same_json(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same_json, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same_json(one[key], other[key]) for key in one)
    return same(one, other)


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Value, Value], bool]:
    def compared(one: Value, other: Value) -> bool:
        fits = (is_number(one) and is_number(other)) or (isinstance(one, str) and isinstance(other, str))
        if not fits:
            raise NothingThereError
        return compare(one, other)

    return compared


def _number(value: Value) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NothingThereError
    return value


def _reckoned(reckon: Callable[[Any, Any], int | float]) -> Callable[[Value, Value], Value]:
    def reckoned(one: Value, other: Value) -> Value:
        try:
            return reckon(_number(one), _number(other))
        except OverflowError:
            raise NothingThereError from None

    return reckoned


def _divided(one: float, other: float) -> float:
    if other == 0:
        raise NothingThereError
    return float(one) / float(other)


def _remainder(dividend: int, divisor: int) -> int:
    if divisor == 0:
        raise NothingThereError
    return dividend % divisor


def _integer(value: Value) -> int:
    if isinstance(value, str):
        digits = re.fullmatch(r"[+-]?[0-9]+", value.strip(WHITE_SPACE))
        if digits is None:
            raise NothingThereError
        return int(digits[0])
    number = _number(value)
    if isinstance(number, float) and not -9e18 <= number < 9e18:
        raise NothingThereError
    return int(number)


def _as_number(value: Value) -> Value:
    if not isinstance(value, str):
        return _number(value)
    text = value.strip(WHITE_SPACE)
    if re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", text) is None:
        raise NothingThereError
    return of_json(text)


def _length(value: Value) -> int:
    if isinstance(value, Json):
        return len(value.parts())
    if isinstance(value, str):
        return len(value)
    raise NothingThereError


def _member(value: Value, key: Value) -> Value:
    if not isinstance(value, Json) or type(key) not in (str, int):
        raise NothingThereError
    parts = value.parts()
    if type(key) is int and key < 0:
        if not value.is_array:
            raise NothingThereError
        key += len(parts)
    if isinstance(key, str) == value.is_array:
        raise NothingThereError
    found = [text for name, text in parts if name == key]
    if not found:
        raise NothingThereError
    return of_json(found[0])


def at(text: str, path: list[str | int]) -> Value:
    """What JSON has at a path. Raises NothingThereError."""
    try:
        json.loads(text)
    except ValueError:
        raise NothingThereError from None
    value = of_json(text)
    for key in path:
        value = _member(value, key)
    return value


def _both(arguments: list[Late], _draws: Draws) -> bool:
    return truth(arguments[0]()) and truth(arguments[1]())


def _either(arguments: list[Late], _draws: Draws) -> bool:
    return truth(arguments[0]()) or truth(arguments[1]())


def _choice(arguments: list[Late], draws: Draws) -> Value:
    return arguments[draws.below(len(arguments))]()


def _concat(arguments: list[Late], _draws: Draws) -> str:
    made = ""
    for each in arguments:
        made += as_text(each())
        _fitting(made)
    return made


def _random_integer(draws: Draws, low: int, high: int) -> int:
    if low > high:
        raise NothingThereError
    return draws.integer(low, high)


def _random_item(draws: Draws, array: Value) -> Value:
    if not isinstance(array, Json) or not array.is_array or not array.parts():
        raise NothingThereError
    return of_json(array.parts()[draws.below(len(array.parts()))][1])


def _random_text(draws: Draws, length: Value) -> str:
    if not 0 <= whole(length) <= MAX_RANDOM_TEXT:
        raise NothingThereError
    return draws.text(whole(length))


def _moment(value: Value) -> int:
    """In milliseconds since 1970."""
    if isinstance(value, str):
        try:
            told = datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", value))
        except ValueError:
            raise NothingThereError from None
        told = told if told.tzinfo else told.replace(tzinfo=UTC)
        return _written_down((told - EPOCH) // timedelta(milliseconds=1))
    return _written_down(whole(value) * 1_000)


def _written_down(at_ms: int) -> int:
    """One that four digits of a year can say."""
    if not FIRST_MS <= at_ms <= LAST_MS:
        raise NothingThereError
    return at_ms


def _random_moment(draws: Draws, low: Value, high: Value, unit_ms: int = 1) -> int:
    first, last = _moment(low), _moment(high)
    # Of days those that they lie in, of seconds whole ones between them.
    first = first // unit_ms if unit_ms == DAY_MS else -(-first // unit_ms)
    return _random_integer(draws, first, last // unit_ms) * unit_ms


def _iso(at_ms: int) -> str:
    return (EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_LAZY: Mapping[str, Callable[[list[Late], Draws], Value]] = {
    "and": _both,
    "or": _either,
    "random_choice": _choice,
    "concat": _concat,
}
_DRAWN: Mapping[str, Callable[..., Value]] = {
    "random_item": _random_item,
    "random_text": _random_text,
    "random_uuid": Draws.uuid,
    "random_seconds": lambda draws, low, high: _random_moment(draws, low, high, 1_000) // 1_000,
    "random_milliseconds": _random_moment,
    "random_iso": lambda draws, low, high: _iso(_random_moment(draws, low, high)),
    "random_date": lambda draws, low, high: _iso(_random_moment(draws, low, high, DAY_MS))[:10],
}


def _base64_decoded(value: Value) -> str:
    plain = _text(value).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        made = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        text = made.decode()
    except ValueError:
        raise NothingThereError from None
    # Bits that stand for nothing are 0.
    if base64.b64encode(made).decode().rstrip("=") != plain:
        raise NothingThereError
    return text


def _in_form(made: bytes, form: Value = "hex") -> str:
    match form:
        case "hex":
            return made.hex()
        case "base64":
            return base64.b64encode(made).decode()
        case "base64url":
            return base64.urlsafe_b64encode(made).decode().rstrip("=")
        case _:
            raise NothingThereError


def _digest(name: str) -> Callable[..., Value]:
    def digest(value: Value, *form: Value) -> str:
        return _in_form(hashlib.new(name, as_text(value).encode()).digest(), *form)

    return digest


def _code(name: str) -> Callable[..., Value]:
    def code(key: Value, value: Value, *form: Value) -> str:
        return _in_form(hmac.new(_text(key).encode(), as_text(value).encode(), name).digest(), *form)

    return code


def _token(claims: Value, key: Value) -> str:
    text, secret = as_text(claims), _text(key)
    try:
        parsed = json.loads(text)
    except ValueError:
        raise NothingThereError from None
    if not isinstance(parsed, dict):
        raise NothingThereError
    head = json.dumps({"alg": "HS256", "typ": "JWT"}, separators=(",", ":"))
    signed = ".".join(_in_form(part.encode(), "base64url") for part in (head, text))
    return f"{signed}.{_in_form(hmac.new(secret.encode(), signed.encode(), 'sha256').digest(), 'base64url')}"


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise NothingThereError
    return value


def _of_kinds(function: str, arguments: list[Late]) -> Value:
    """Each argument is of the kind that it has to be, looked at in order."""
    kinds, make = _KINDS[function]
    return make(*[kind(each()) for kind, each in zip(kinds, arguments, strict=True)])


_KINDS: Mapping[str, tuple[tuple[Callable[[Value], object], ...], Callable[..., Value]]] = {
    "divide": ((_number, _number), _divided),
    "remainder": ((whole, whole), _remainder),
    "not": ((truth,), lambda x: not x),
    "lower": ((_text,), str.lower),
    "upper": ((_text,), str.upper),
    "strip": ((_text,), lambda x: x.strip(WHITE_SPACE)),
    "slice": ((_text, whole, whole), lambda x, start, end: x[start:end]),
    "contains": ((_text, _text), lambda x, part: part in x),
    "starts_with": ((_text, _text), str.startswith),
    "ends_with": ((_text, _text), str.endswith),
    "replace": ((_text, _text, _text), str.replace),
}
_PLAIN: Mapping[str, Callable[..., Value]] = {
    "equal": same,
    "not_equal": lambda one, other: not same(one, other),
    "less": _compared(lambda one, other: one < other),
    "less_or_equal": _compared(lambda one, other: one <= other),
    "greater": _compared(lambda one, other: one > other),
    "greater_or_equal": _compared(lambda one, other: one >= other),
    "add": _reckoned(lambda one, other: one + other),
    "subtract": _reckoned(lambda one, other: one - other),
    "multiply": _reckoned(lambda one, other: one * other),
    "text": as_text,
    "integer": _integer,
    "number": _as_number,
    "length": _length,
    "is_null": lambda x: x is None,
    "member": _member,
    "url_encoded": lambda x: quote(as_text(x), safe=""),
    "json_encoded": as_json,
    "base64_encoded": lambda x: base64.b64encode(as_text(x).encode()).decode(),
    "base64url_encoded": lambda x: _in_form(as_text(x).encode(), "base64url"),
    "base64_decoded": _base64_decoded,
    **{name: _digest(name) for name in ("sha256", "sha512", "sha1", "md5")},
    **{f"hmac_{name}": _code(name) for name in ("sha256", "sha512", "sha1")},
    "jwt_hs256": _token,
}
