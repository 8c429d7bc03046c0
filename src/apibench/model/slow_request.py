"""
One of the slowest requests of a run, told apart: where its time went, and at which address.

Every interval brings those that were among the slowest of their engine's run when it was sealed. So the slowest of all
intervals of a run are exactly its own; those of a part of a run are the slowest that were told of in it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

KEPT = 50
"""How many are kept of a run."""


@dataclass(frozen=True)
class SlowRequest:
    """A request of the run proper that was ok, or of which a lower bound is known."""

    series: int
    at_ns: int
    """When it ended, after the start barrier."""
    response_ns: int
    """Ended less intended; a lower bound if it timed out or was cut off."""
    status: int | None
    error: str | None
    """The name under which it failed."""
    unfinished: bool
    """It was cut off by the end of the drain or by a stop."""
    address: str | None
    """Where its connection led; None if it met none."""
    times: Mapping[str, int]
    """What its response time is made of, by name: `schedule_lag`, `connection_wait`, `connection_opening` (of which
    `dns`, `connect`, `tls`) and `service_time` (of which `first_byte`). What never came to be is left out."""


def slowest(requests: Iterable[SlowRequest]) -> tuple[SlowRequest, ...]:
    """The slowest of these, the slowest first."""
    ordered = sorted(requests, key=lambda each: (-each.response_ns, each.at_ns, each.series, each.address or ""))
    return tuple(ordered[:KEPT])
