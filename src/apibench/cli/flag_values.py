"""Values of flags that the parser leaves to us, and what is said of one that can't be: its flag, why, and a remedy."""

import re
from collections.abc import Sequence
from typing import Any

from cyclopts import Token

from apibench.model.errors import UnitInvalid, UsageError
from apibench.model.units import NS_PER_S, parse_duration

_DAY_NS = 86_400 * NS_PER_S
_MOST_DAYS = 36_500
_DIGITS = re.compile(r"[+-]?[0-9]{1,18}")


def whole_number(_kind: Any, tokens: Sequence[Token]) -> int:
    """
    The whole number of one token: digits, and nothing that a parser could make a number of.

    `10.5` rounded, `0x10` and `1_000` read as something else than they look like would each be a run that nobody
    asked for. Raises ValueError, which the parser turns into a fault of its flag.
    """
    text = tokens[0].value
    if not _DIGITS.fullmatch(text):
        message = f"'{text}' is no whole number"
        raise ValueError(message)
    return int(text)


def at_least(flag: str, value: int, least: int) -> int:
    """The value. Raises UsageError where it is lower than may be."""
    if value < least:
        raise UsageError(f"{flag}: {value} is too low", f"The least is {least}.")
    return value


def duration_ns(flag: str, text: str) -> int:
    """The duration in nanoseconds. Raises UsageError."""
    try:
        return parse_duration(text)
    except UnitInvalid as error:
        raise UsageError(f"{flag}: {error.message}", error.hint) from error


def whole_days(flag: str, text: str) -> int:
    """A duration of whole days. Raises UsageError."""
    days, rest = divmod(duration_ns(flag, text), _DAY_NS)
    if rest or not 1 <= days <= _MOST_DAYS:
        raise UsageError(f"{flag}: {text} is no whole number of days", f"Write it like 90d, up to {_MOST_DAYS}d.")
    return days


def pairs(flag: str, texts: Sequence[str]) -> dict[str, str]:
    """`KEY=VALUE` each. Raises UsageError for what is none, and for a key that stands there twice."""
    found: dict[str, str] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise UsageError(f"{flag}: '{text}' is no KEY=VALUE", "Write it like rack=7.")
        if key in found:
            raise UsageError(f"{flag}: `{key}` has a value already", "Give each key once.")
        found[key] = value
    return found
