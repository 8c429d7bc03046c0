"""The aggregators that have said that they are there, and the ways to them."""

import time
from collections.abc import Callable

from apibench.model.errors import Refused
from apibench.wire.seam import AggregatorLink

ANNOUNCED_S = 15.0
"""How long an aggregator counts as there after it has said so."""


class Aggregators:
    """Of one controller."""

    def __init__(self, reach: Callable[[str], AggregatorLink]) -> None:
        """`reach` makes a way to the aggregator at an address."""
        self._reach = reach
        self._known: dict[str, tuple[AggregatorLink, float]] = {}

    def announced(self, address: str, shard: int) -> None:
        """One is there, at an address that workers can reach. Raises Refused for a shard that there is not."""
        if shard:
            raise Refused(f"shard {shard} is none of this release's", "Aggregators are not sharded yet: use shard 0.")
        known = self._known.get(address)
        link = known[0] if known is not None else self._reach(address)
        self._known[address] = (link, time.monotonic())

    @property
    def any(self) -> str | None:
        """The address of one that is there."""
        now_s = time.monotonic()
        return min(
            (address for address, (_, said_s) in self._known.items() if now_s < said_s + ANNOUNCED_S), default=None
        )

    def at(self, address: str) -> AggregatorLink | None:
        """The one at an address, or where that is gone any other: it has the same store."""
        known = self._known.get(address)
        if known is None or time.monotonic() >= known[1] + ANNOUNCED_S:
            other = self.any
            known = known if other is None else self._known.get(other)
        return None if known is None else known[0]
