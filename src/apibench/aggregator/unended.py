"""
How old the things are that have begun and not ended, at least, from counts alone.

At the end of a second so many are under way. At most as many of them as began in that second are younger than it; so
the others are at least a second old, and likewise for two seconds, and so on. That claims too little and never too
much: a target that has frozen shows a second later, and nobody's wait for a connection is taken for its service.
"""

from collections import deque

from apibench.model.histogram import Histogram


class Unended:
    """Remembers how many began in each of the last intervals."""

    def __init__(self, remembered: int) -> None:
        """`remembered`: intervals. What is older than all of them counts as that old."""
        self._begun: deque[tuple[int, int]] = deque(maxlen=max(remembered, 1))

    def add(self, begun: int, length_ns: int) -> None:
        """So many began in the next interval."""
        self._begun.append((begun, length_ns))

    def ages(self, under_way: int) -> Histogram:
        """Lower bounds for those of which one is known; `under_way` began and have not ended by now."""
        bounds = Histogram()
        age_ns, left = 0, under_way
        for begun, length_ns in reversed(self._begun):
            older = left - begun
            # As many as began in this interval may be no older than all that came after it; of the last, 0 ns.
            if age_ns and min(begun, left) > 0:
                bounds.record(age_ns, min(begun, left))
            if older <= 0:
                return bounds
            age_ns, left = age_ns + length_ns, older
        if age_ns and left:
            bounds.record(age_ns, left)
        return bounds
