"""
Sealed stretches of a run as counts: the one form in which they travel, are stored and add up; and what was due.

Both are the engine's own, written in Rust: pure data and arithmetic without I/O, which is why they may stand on this
floor. Everybody above imports them from here; who wants to look into counts makes an `Interval` of them.

Those of several workers add up by `merge`; those of several seconds too, but for what was waiting, opening or in flight
at their ends, which `clear_pending` forgets. `from_wire` raises ValueError for bytes that are no interval. `owed` tells
how many iterations of each open scenario fall due for a share of a plan, by the schedule that the engine itself runs:
so iterations are known of which nobody has reported anything. `pack` makes of the wire form what is stored, in half the
bytes; `unpack` makes of that the same wire form again, and raises ValueError for what was never packed.
"""

from apibench._engine import IntervalCounts, owed, pack, unpack

__all__ = ["IntervalCounts", "owed", "pack", "unpack"]
