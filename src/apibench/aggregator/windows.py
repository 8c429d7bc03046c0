"""
Where windows begin and end: the seconds of a run, cut alike by every engine (`crates/engine/src/boundaries.rs`).

They are aligned to the beginning of the planned duration, so that the warm-up ends on a boundary, and the planned end
is a boundary too. Coarser stretches, of 10, 60 or 3,600 of them, are aligned in the same way: none reaches over the end
of the warm-up or the planned end.
"""

from dataclasses import dataclass

from apibench.model.timeline import Timeline
from apibench.model.units import NS_PER_S

WINDOW_S = 1
MINUTE_S = 60
WHOLE_S = 0
"""The tier whose stretches are the warm-up, the planned duration and the drain, each whole."""
HOUR_S = 3_600
TIERS_S = (10, MINUTE_S, HOUR_S)
"""Beside the seconds themselves and the whole run."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The windows of a run. All times are nanoseconds after its barrier."""

    timeline: Timeline

    def start_of(self, at_ns: int, tier_s: int = WINDOW_S) -> int:
        """Where the stretch begins that holds a moment."""
        first_ns, _ = self._part(at_ns)
        if tier_s == WHOLE_S:
            return first_ns
        length_ns = tier_s * NS_PER_S
        if at_ns < self.timeline.main_start_ns:
            left = (self.timeline.main_start_ns - at_ns - 1) // length_ns + 1
            return max(self.timeline.main_start_ns - left * length_ns, 0)
        return first_ns + (at_ns - first_ns) // length_ns * length_ns

    def end_of(self, at_ns: int, tier_s: int = WINDOW_S) -> int | None:
        """Where that stretch ends; None for one that is open to the end of the run."""
        _, last_ns = self._part(at_ns)
        if tier_s == WHOLE_S:
            return last_ns
        length_ns = tier_s * NS_PER_S
        if at_ns < self.timeline.main_start_ns:
            left = (self.timeline.main_start_ns - at_ns - 1) // length_ns
            return self.timeline.main_start_ns - left * length_ns
        end_ns = self.start_of(at_ns, tier_s) + length_ns
        return end_ns if last_ns is None else min(end_ns, last_ns)

    def window(self, at_ns: int) -> tuple[int, int]:
        """The second that holds a moment: from, until."""
        end_ns = self.end_of(at_ns)
        # Only the tier of the whole run has a stretch without an end.
        return self.start_of(at_ns), at_ns if end_ns is None else end_ns

    def _part(self, at_ns: int) -> tuple[int, int | None]:
        main_ns, end_ns = self.timeline.main_start_ns, self.timeline.planned_end_ns
        if at_ns < main_ns:
            return 0, main_ns
        if end_ns is not None and at_ns >= max(end_ns, main_ns):
            return max(end_ns, main_ns), None
        return main_ns, end_ns
