"""How late this host's own timers are: nobody's loop can be less late than that."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaceFloor:
    """As it was just before a run."""

    p50_ns: int
    p99_ns: int
