"""
A change of a run that is going on, from the question to the last answer.

First everybody is asked whether it can be done in time. Once all have agreed it is written down, and only then told.
Who gives something up is told first; who gets it hears only when that has been let go. A message that is lost can so
leave a hole, which is counted, and never an overlap.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from apibench.model.ledger import NOTHING, Revision
from apibench.model.share import Share


def takes_more(before: Share, after: Share) -> bool:
    """Whether `after` has positions that `before` has not."""
    return any(not any(old.low <= cut.low and cut.high <= old.high for old in before.cuts) for cut in after.cuts)


@dataclass
class Proposal:
    """A change that is being agreed on, or is being told."""

    revision: Revision
    before: Mapping[int, Share]
    """By segment: who owns what until then."""
    deadline_ns: int
    """By when all must have agreed, on the controller's clock."""
    undecided: set[int]
    """Who has yet to agree."""
    agreed: bool = False
    """Everybody has; it is written down."""
    told: set[int] = field(default_factory=set)
    unconfirmed: set[int] = field(default_factory=set)
    """Who was told, and has not said that it holds."""
    failed: dict[int, str] = field(default_factory=dict)
    """Who could not keep its word, and why."""

    def loses(self, segment: int) -> bool:
        """Whether the segment gives something up."""
        return takes_more(self.revision.share_of(segment), self.before.get(segment, NOTHING))

    def concerns(self, segment: int) -> bool:
        """Whether the change makes a difference to the segment."""
        after = self.revision.share_of(segment)
        return bool(self.revision.rates) or self.before.get(segment, NOTHING) != after

    def to_tell(self) -> list[int]:
        """Who is to hear now that it holds; those who take wait for those who let go."""
        if not self.agreed:
            return []
        if self._losing - self.told:
            return sorted(self._losing - self.told)
        if not self._losing.isdisjoint(self.unconfirmed) or not self._losing.isdisjoint(self.failed):
            return []
        return sorted(self._everybody - self.told)

    @property
    def awaits_nobody(self) -> bool:
        """Whether all have answered what they were asked or told last."""
        return not (self.unconfirmed if self.agreed else self.undecided)

    @cached_property
    def _everybody(self) -> frozenset[int]:
        return frozenset(self.revision.shares) | frozenset(self.before)

    @cached_property
    def _losing(self) -> frozenset[int]:
        # Once: it is asked with every answer, of which there may be a thousand.
        return frozenset(segment for segment in self._everybody if self.loses(segment))

    @property
    def settled(self) -> bool:
        """Whether everybody has said how it went, or will never be told."""
        return self.agreed and not self.unconfirmed and not self.to_tell()
