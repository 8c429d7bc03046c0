"""
Numbers with units as people write them: one grammar for the command line, plan files and Python.

    duration  30s  1m30s  250ms  1.5h  90us        s, m, h, d, ms, us, ns; largest unit first
    rate      500/s  30/m  5k/s  0.5/s  5/10s      a count per unit of time
    count     1000  10k  1.5m  71,400  10_000      k is a thousand, m a million (in a duration: a minute)
    size      512  64KiB  10MB                     bytes; a bare number is bytes
    share     1%  0.1%                             of all, from 0 % to 100 %

Everything becomes exact integers: nanoseconds, iterations per nanoseconds, bytes, parts per billion.
What would need rounding is refused, because a plan that says 0.3 ns does not mean 0. Bare numbers are
refused where the unit could be guessed wrong: `30` is seconds to wrk and milliseconds to autocannon.
"""

import math
import re
from dataclasses import dataclass

from apibench.model.errors import UnitInvalid

NS_PER_S = 1_000_000_000
PPB_PER_ONE = 1_000_000_000
"""Parts per billion in a whole: shares are kept in these, so that 0.1 % is exactly 1,000,000."""

MAX_TEXT = 64
"""Longest text looked at, in characters. `int("9" * 10**7)` is a way to stop a server."""

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, on keyboards
    "μs": 1_000,  # U+03BC, what Unicode prefers
    "ms": 1_000_000,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "h": 3_600 * NS_PER_S,
    "d": 86_400 * NS_PER_S,
}
_LONG_UNITS = {
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "min": "m",
    "mins": "m",
    "minute": "m",
    "minutes": "m",
    "hour": "h",
    "hours": "h",
    "hr": "h",
    "day": "d",
    "days": "d",
    "msec": "ms",
    "millis": "ms",
    "usec": "us",
}
_SIZE_UNITS = {
    "": 1,
    "b": 1,
    "kb": 1_000,
    "mb": 1_000_000,
    "gb": 1_000_000_000,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}
_NUMBER = r"\d+(?:\.\d+)?"
_DURATION_PART = re.compile(rf"({_NUMBER})(ns|us|µs|μs|ms|s|m|h|d)")
_COUNT = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+(?:_\d+)*)(?:\.(\d+))?([kKmM]?)")
_SIZE = re.compile(rf"({_NUMBER})\s?([A-Za-z]*)")


@dataclass(frozen=True, slots=True)
class RateParts:
    """`count` every `per_ns` nanoseconds, reduced: 500/s is 1 every 2,000,000 ns."""

    count: int
    per_ns: int


def parse_duration(text: str) -> int:
    """Nanoseconds. `0` alone needs no unit. Raises `UnitInvalid`."""
    written = _bounded(text, "a duration")
    if written == "0":
        return 0
    total, position, smallest = 0, 0, math.inf
    for part in _DURATION_PART.finditer(written):
        unit_ns = _UNITS_NS[part[2]]
        if part.start() != position or unit_ns >= smallest:
            break
        total += _exact(part[1], unit_ns, written, "nanoseconds")
        position, smallest = part.end(), unit_ns
    if position == 0 or position != len(written):
        raise UnitInvalid(f"'{written}' is no duration", _duration_remedy(written))
    return total


def parse_rate(text: str) -> RateParts:
    """A count per unit of time, reduced. Raises `UnitInvalid`."""
    written = _bounded(text, "a rate")
    count_text, slash, per_text = written.partition("/")
    if not slash:
        number = re.match(rf"{_NUMBER}[kKmM]?(?=\s*(?:rps|qps|req|$))", written)
        says_some = number is not None and number[0].strip("0.kKmM") != ""
        remedy = f"Write {number[0]}/s (or /m, /h)." if number and says_some else "Write it like 500/s, 30/m or 5k/s."
        raise UnitInvalid(f"'{written}' does not say per what", remedy)
    per_text = {"sec": "s", "second": "s", "min": "m", "minute": "m", "hour": "h"}.get(per_text, per_text)
    try:
        per_ns = _UNITS_NS[per_text] if per_text in _UNITS_NS else parse_duration(per_text)
        count, scale = _decimal_count(count_text)
    except UnitInvalid as error:
        raise UnitInvalid(f"'{written}' is no rate", "Write it like 500/s, 30/m, 5k/s or 5/10s.") from error
    if per_ns == 0:
        raise UnitInvalid(f"'{written}' is per no time at all", "Write it like 500/s.")
    return reduced(count, per_ns * scale)


def reduced(count: int, per_ns: int) -> RateParts:
    """The same rate in its smallest numbers, so that equal rates are equal (and hash the same)."""
    divisor = math.gcd(count, per_ns)
    return RateParts(count // divisor, per_ns // divisor)


def parse_count(text: str) -> int:
    """A whole number from 0; k is a thousand, m a million. Raises `UnitInvalid`."""
    written = _bounded(text, "a count")
    count, scale = _decimal_count(written)
    if count % scale:
        raise UnitInvalid(f"'{written}' is no whole number", "Write it like 1000, 10k or 1.5m.")
    return count // scale


def parse_size(text: str) -> int:
    """Bytes. kB, MB, GB are powers of 1,000; KiB, MiB, GiB of 1,024. Raises `UnitInvalid`."""
    written = _bounded(text, "a size")
    match = _SIZE.fullmatch(written)
    if match is None or match[2].lower() not in _SIZE_UNITS:
        raise UnitInvalid(f"'{written}' is no size", "Write it like 512, 64KiB or 10MB.")
    return _exact(match[1], _SIZE_UNITS[match[2].lower()], written, "bytes")


def parse_share(text: str) -> int:
    """Parts per billion of all. `0` alone needs no unit. Raises `UnitInvalid`."""
    written = _bounded(text, "a share")
    if written == "0":
        return 0
    match = re.fullmatch(rf"({_NUMBER})\s?%", written)
    if match is None:
        remedy = "Write it like 1% or 0.1%."
        if re.fullmatch(_NUMBER, written):
            # 0.01 may mean 1 % or 0.01 %: name both, guess neither.
            remedy = f"Write {_percent_of(written)} if you mean that part of all, {written}% if you mean percent."
        raise UnitInvalid(f"'{written}' is no share", remedy)
    ppb = _exact(match[1], PPB_PER_ONE // 100, written, "parts per billion")
    if ppb > PPB_PER_ONE:
        raise UnitInvalid(f"'{written}' is more than all", "A share is from 0% to 100%.")
    return ppb


def format_duration(duration_ns: int) -> str:
    """Exact, and `parse_duration` reads it back: 90 s is `1m30s`."""
    if duration_ns == 0:
        return "0s"
    parts, rest = [], duration_ns
    for unit in ("d", "h", "m", "s", "ms", "us", "ns"):
        whole, rest = divmod(rest, _UNITS_NS[unit])
        if whole:
            parts.append(f"{whole}{unit}")
    return "".join(parts)


def format_rate(rate: RateParts) -> str:
    """Exact, and `parse_rate` reads it back: per second where that is whole, else per minute, per hour, per span."""
    small = reduced(rate.count, rate.per_ns)
    for unit in ("s", "m", "h"):
        whole, rest = divmod(small.count * _UNITS_NS[unit], small.per_ns)
        if not rest:
            return f"{whole}/{unit}"
    return f"{small.count}/{format_duration(small.per_ns)}"


def format_share(share_ppb: int) -> str:
    """Exact, and `parse_share` reads it back: 1,000,000 parts per billion are `0.1%`."""
    whole, rest = divmod(share_ppb, PPB_PER_ONE // 100)
    return f"{whole}.{rest:07}".rstrip("0").rstrip(".") + "%"


def _bounded(text: str, what: str) -> str:
    written = text.strip()
    if not written:
        raise UnitInvalid(f"{what} is empty", "Give it a number and a unit.")
    if len(written) > MAX_TEXT or not all(character.isprintable() for character in written):
        raise UnitInvalid(f"this is too long or too odd for {what}", f"At most {MAX_TEXT} printable characters.")
    if not all(character.isascii() or character in "µμ" for character in written):
        raise UnitInvalid(f"'{written}' is no text for {what}", "Write the digits 0 to 9.")
    return written


def _exact(number: str, unit: int, written: str, in_what: str) -> int:
    whole, _, decimals = number.partition(".")
    scaled, rest = divmod(int(whole + decimals) * unit, int(10 ** len(decimals)))
    if rest:
        raise UnitInvalid(f"'{written}' is no whole number of {in_what}", "Use fewer decimals.")
    return scaled


def _decimal_count(text: str) -> tuple[int, int]:
    """The count as a fraction: (15_000_000, 10) for `1.5m`."""
    match = _COUNT.fullmatch(text.strip())
    if match is None:
        raise UnitInvalid(f"'{text}' is no count", "Write it like 1000, 10k or 1.5m.")
    digits, decimals, suffix = match[1], match[2] or "", match[3].lower()
    unit = {"": 1, "k": 1_000, "m": 1_000_000}[suffix]
    return int(digits.replace(",", "").replace("_", "") + decimals) * unit, 10 ** len(decimals)


def _duration_remedy(written: str) -> str:
    if re.fullmatch(_NUMBER, written):
        return f"Write {written}s if you mean seconds, {written}ms if milliseconds."
    compact = written.lower().replace(" ", "")
    mended = re.sub(r"[a-z]+", lambda word: _LONG_UNITS.get(word[0], word[0]), compact)
    if mended != written and all(part[2] for part in _DURATION_PART.finditer(mended)):
        try:
            parse_duration(mended)
        except UnitInvalid:
            pass
        else:
            return f"Did you mean {mended}?"
    return "Write it like 30s, 1m30s or 250ms, the largest unit first."


def _percent_of(number: str) -> str:
    whole, _, decimals = number.partition(".")
    shifted = f"{int(whole + decimals.ljust(2, '0')[:2])}.{decimals[2:]}".rstrip("0").rstrip(".")
    return f"{shifted}%"
