"""Names of runs: short, in the order of time, easy to type."""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no i, l, o, u, so that nothing is read wrongly and no words appear."""
_TIME_DIGITS = 7
_RANDOM_DIGITS = 3


def new_run_id(now_s: float | None = None, random: int | None = None) -> str:
    """Ten characters: seven of the second (until the year 3058), three at random."""
    moment = int(time.time() if now_s is None else now_s)
    noise = secrets.randbelow(32**_RANDOM_DIGITS) if random is None else random
    return _digits(moment, _TIME_DIGITS) + _digits(noise, _RANDOM_DIGITS)


def is_run_id(text: str) -> bool:
    """Whether a text has the form of such a name: then it is no token, and may stand in a log."""
    return len(text) == _TIME_DIGITS + _RANDOM_DIGITS and set(text) <= set(_ALPHABET)


def _digits(value: int, count: int) -> str:
    return "".join(_ALPHABET[(value >> (5 * place)) & 31] for place in reversed(range(count)))
