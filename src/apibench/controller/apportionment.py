"""Who should own what of a run that is going on."""

from collections.abc import Iterable, Mapping, Sequence

from apibench.controller.member import Member
from apibench.model.aggregation import Fate
from apibench.model.ledger import NOTHING
from apibench.model.share import WHOLE, Share


def apportioned(members: Iterable[Member], current: Mapping[int, Share]) -> dict[int, Share]:
    """
    The shares by segment, so that all of the run is somebody's; without those that are empty.

    Who leaves gives all, who is lost has nothing, newcomers get their part by weight. The others keep what they have.
    """
    members = list(members)
    stay = [member for member in members if member.stays]
    if not stay:
        return dict(current)
    weights = {member.segment: member.worker.weight for member in stay}
    shares = {segment: current.get(segment, NOTHING) for segment in weights}
    newcomers = [segment for segment, share in shares.items() if not share.cuts]
    if newcomers:
        _relieve(shares, newcomers, weights)
    held = Share.of(
        [
            cut
            for member in members
            if member.holds_its_share
            for cut in shares.get(member.segment, current.get(member.segment, NOTHING)).cuts
        ]
    )
    free = WHOLE.without(held)
    if free.cuts:
        takers = newcomers or list(shares)
        parts = free.split([weights[segment] for segment in takers])
        for segment, part in zip(takers, parts, strict=True):
            shares[segment] = shares[segment].joined(part)
    # Who has ended has done its share, and who has not said yet that it runs may be doing it.
    for member in members:
        if member.holds_its_share and not member.stays and member.segment in current:
            shares[member.segment] = current[member.segment]
    return {segment: share for segment, share in shares.items() if share.cuts}


def has_room(members: Iterable[Member], worker_id: str, wanted: int) -> bool:
    """Whether a worker may be taken as a spare: somebody was lost or leaves, and its place is still empty."""
    members = list(members)
    live = [member for member in members if member.live and not member.leaving]
    gone = sum(member.fate is Fate.LOST or member.leaving for member in members)
    known = {member.worker.worker_id for member in live}
    return gone > 0 and worker_id not in known and len(live) < max(wanted, len(members) - gone + 1)


def _relieve(shares: dict[int, Share], newcomers: Sequence[int], weights: Mapping[int, int]) -> None:
    """Everybody gives so much that the newcomers get their part by weight, beside what is free already."""
    theirs = sum(weights[segment] for segment in newcomers)
    others = sum(weights.values()) - theirs
    for segment, share in shares.items():
        if share.cuts and others:
            kept, _given = share.split([others, theirs])
            shares[segment] = kept
