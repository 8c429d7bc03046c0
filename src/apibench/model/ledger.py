"""
Who had which share of a run, and when: the one record from which everything owed by anybody follows.

A run is cut into segments, one for each worker that ever took part; a segment is never given to another worker. What a
segment owns may change: a revision says, for one moment of the run on, which share every segment has and which rates
hold. Revisions only grow, and those of one run never overlap: at no moment do two segments own one position.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from apibench.model.rate_change import RateChange
from apibench.model.share import WHOLE, Share

NOTHING = Share()
"""The share of whoever owns nothing."""
NOBODY = -1
"""In the place of a segment: what no segment owns, for who was to have it did not hear in time."""


@dataclass(frozen=True, slots=True)
class Revision:
    """From one moment of the run on, who has what."""

    number: int
    """0 is the start; every change is one more."""
    effective_ns: int
    """After the barrier; 0 for the start."""
    shares: Mapping[int, Share]
    """By segment. Those left out own nothing."""
    rates: tuple[RateChange, ...] = ()
    """That come into force with this revision. Those of earlier ones hold on."""
    reason: str = ""
    """In words, for people: `worker eu-1 lost`, `rate 500/s`."""

    def share_of(self, segment: int) -> Share:
        """What a segment owns from this revision on; of NOBODY what no segment does."""
        if segment == NOBODY:
            return WHOLE.without(Share.of(cut for share in self.shares.values() for cut in share.cuts))
        return self.shares.get(segment, NOTHING)


@dataclass(frozen=True, slots=True)
class Ledger:
    """All revisions of a run, in order."""

    revisions: tuple[Revision, ...] = field(default=())

    @property
    def last(self) -> Revision:
        """The newest. Raises IndexError for a run that has none yet."""
        return self.revisions[-1]

    def with_revision(self, revision: Revision) -> "Ledger":
        """One more. Raises ValueError where it does not follow the last."""
        if self.revisions and (revision.number <= self.last.number or revision.effective_ns < self.last.effective_ns):
            message = f"revision {revision.number} does not follow {self.last.number}"
            raise ValueError(message)
        return Ledger((*self.revisions, revision))

    def rates_by(self, revision: int) -> tuple[RateChange, ...]:
        """All rates that were changed by that revision or an earlier one, in order."""
        return tuple(rate for each in self.revisions if each.number <= revision for rate in each.rates)

    def spans_of(self, segment: int) -> tuple[tuple[int, int | None, Share], ...]:
        """What a segment owned: from, until (None: to the end), share; where it owned nothing there is no span."""
        spans: list[tuple[int, int | None, Share]] = []
        for number, revision in enumerate(self.revisions):
            share = revision.share_of(segment)
            following = self.revisions[number + 1].effective_ns if number + 1 < len(self.revisions) else None
            if share.cuts and following != revision.effective_ns:
                spans.append((revision.effective_ns, following, share))
        return tuple(spans)
