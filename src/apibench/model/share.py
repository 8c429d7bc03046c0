"""
What a worker owns of a plan: intervals of a ring of 2^64 positions.

Number k of anything that a plan has (an arrival, a virtual user) stands at k times the golden ratio on that ring, and
belongs to whoever owns the position. So any cut of the ring is a cut of the plan, the parts add up to exactly the
whole, and a re-cut needs to know nothing of the past. The engine has the same arithmetic (`crates/core/segment.rs`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

RING = 1 << 64
GOLDEN = 0x9E37_79B9_7F4A_7C15
"""2^64 divided by the golden ratio, odd."""


@dataclass(frozen=True, slots=True, order=True)
class Cut:
    """An interval of the ring, both ends in it; each in [0, 2^64), `high` not below `low`."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high < RING:
            message = f"{self.low} to {self.high} is no interval of the ring"
            raise ValueError(message)

    @property
    def length(self) -> int:
        """Positions in it."""
        return self.high - self.low + 1


@dataclass(frozen=True, slots=True)
class Share:
    """Some cuts that do not overlap, in order; neighbours are one. None at all owns nothing."""

    cuts: tuple[Cut, ...] = ()

    @classmethod
    def of(cls, cuts: Iterable[Cut]) -> "Share":
        """The share of these cuts. Raises ValueError where they overlap."""
        joined: list[Cut] = []
        for cut in sorted(cuts):
            if joined and cut.low <= joined[-1].high:
                message = "cuts of one share overlap"
                raise ValueError(message)
            if joined and cut.low == joined[-1].high + 1:
                joined[-1] = Cut(joined[-1].low, cut.high)
            else:
                joined.append(cut)
        return cls(tuple(joined))

    @property
    def length(self) -> int:
        """Positions in it, of 2^64."""
        return sum(cut.length for cut in self.cuts)

    def owns(self, number: int) -> bool:
        """Whether the thing of that number belongs to it."""
        position = number * GOLDEN % RING
        return any(cut.low <= position <= cut.high for cut in self.cuts)

    def joined(self, other: "Share") -> "Share":
        """Both together. Raises ValueError where they overlap."""
        return Share.of([*self.cuts, *other.cuts])

    def without(self, other: "Share") -> "Share":
        """What of it the other has not."""
        left: list[Cut] = []
        for cut in self.cuts:
            low = cut.low
            for taken in other.cuts:
                if taken.high < low or taken.low > cut.high:
                    continue
                if taken.low > low:
                    left.append(Cut(low, taken.low - 1))
                low = taken.high + 1
            if low <= cut.high:
                left.append(Cut(low, cut.high))
        return Share.of(left)

    def split(self, weights: Sequence[int]) -> tuple["Share", ...]:
        """
        Parts of it by weight, that together are the whole of it; a weight of 0 gets a part that owns nothing.

        Raises ValueError if no weight is above 0.
        """
        total = sum(weights)
        if total <= 0 or min(weights) < 0:
            message = "somebody has to own it"
            raise ValueError(message)
        parts: list[list[Cut]] = [[] for _ in weights]
        for cut in self.cuts:
            low, reached = cut.low, 0
            for part, weight in zip(parts, weights, strict=True):
                reached += weight
                end = cut.low + cut.length * reached // total
                if end > low:
                    part.append(Cut(low, end - 1))
                    low = end
        return tuple(Share.of(part) for part in parts)


WHOLE = Share((Cut(0, RING - 1),))
"""All of a plan."""
