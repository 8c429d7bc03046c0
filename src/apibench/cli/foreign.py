"""
Short flags that mean something else in another tool.

A value in the shape of the other tool's meaning is refused with a hint and never guessed at: a run that does something
else than its user believes is worse than none.
"""

from collections.abc import Mapping
from typing import Any

from apibench.model.errors import UsageError


def refuse(given: Mapping[str, Any]) -> None:
    """Raise for the first flag whose value is another tool's."""
    duration = given.get("-d")
    if isinstance(duration, str) and duration.strip()[:1] in ("{", "[", "@", '"'):
        raise UsageError(f"-d {duration}: that is a body", "-d is the duration here (as in wrk and k6); use --data.")
    for header in given.get("-H") or ():
        if header.startswith(("http://", "https://")):
            raise UsageError(f"-H {header}: that is a URL", "-H is a header here; give the URL as the target.")
