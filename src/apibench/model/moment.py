"""
Moments and spans as texts that stand in a plan: of the forms that the engine reads (`crates/engine/src/moment.rs`).

So one that is mistyped is refused before the load begins. Those that are late are looked at when they are there.
"""

import re
from datetime import UTC, datetime

_OFFSET = re.compile(r"[+-]?(?:\d{1,9}(?:ms|s|m|h|d))+", flags=re.ASCII)
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
_MOMENT = re.compile(
    rf"\d{{4}}-\d\d-\d\d(?:[T ]{_CLOCK}(?::[0-5]\d(?:\.\d{{1,9}})?)?(?:Z|[+-]{_CLOCK})?)?", flags=re.ASCII
)


def is_offset(text: str) -> bool:
    """Whether a text says how much later or earlier: `90s`, `-1d`, `1h30m`."""
    return _OFFSET.fullmatch(text) is not None


def moment_of(text: str) -> datetime | None:
    """The moment that a text says: a day, or a day and a time, in ISO 8601; in UTC unless it says otherwise."""
    if _MOMENT.fullmatch(text) is None:
        return None
    try:
        # Of a fraction it takes six digits at most.
        found = datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
