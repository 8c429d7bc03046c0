"""The changes of a run that is going on: whom to ask, whom to tell, and the ledger of what holds. Pure."""

from collections.abc import Callable, Mapping, Sequence

from apibench.controller.member import Member
from apibench.controller.proposal import Proposal
from apibench.model.control import ChangeAnswer, Commit, ControllerMessage, Propose, Withdraw
from apibench.model.ledger import NOTHING, Ledger, Revision
from apibench.model.rate_change import RateChange
from apibench.model.share import Share

CHANGE_LEAD_NS = 1_200_000_000
"""From the first question about a change until it takes effect."""
ANSWER_NS = 700_000_000
"""How long answers to it are waited for. What remains of the lead is for the word that it holds."""


class Agreement:
    """One change at a time, between a controller and the members of a run."""

    def __init__(
        self,
        run_id: str,
        members: Mapping[int, Member],
        send: Callable[[Member, ControllerMessage], None],
        note: Callable[[str], None],
    ) -> None:
        self.ledger = Ledger()
        self.asked: list[RateChange] = []
        """Other rates that somebody wants, and that are not agreed on yet."""
        self._run_id = run_id
        self._members = members
        self._send = send
        self._note = note
        self._proposal: Proposal | None = None

    @property
    def pending(self) -> bool:
        """Whether a change is being agreed on or told."""
        return self._proposal is not None

    @property
    def awaits_nobody(self) -> bool:
        """Whether there is a change, and all have answered what they were asked or told of it last."""
        return self._proposal is not None and self._proposal.awaits_nobody

    @property
    def shares(self) -> dict[int, Share]:
        """Who owns what by the last revision."""
        return {segment: share for segment, share in self.ledger.last.shares.items() if share.cuts}

    @property
    def rates(self) -> tuple[RateChange, ...]:
        """All changes of rates, in order: those that hold, or will, and those that are asked for."""
        agreed = tuple(rate for revision in self.ledger.revisions for rate in revision.rates)
        return (*agreed, *self.asked)

    def propose(self, after: Mapping[int, Share], effective_ns: int, now_ns: int) -> None:
        """Ask everybody whom it concerns. `effective_ns`: the moment of the run; `now_ns`: the controller's clock."""
        rates = tuple(RateChange(rate.scenario, effective_ns, rate.rate) for rate in self.asked)
        before = self.shares
        reason = "rates changed" if rates else "shares moved"
        revision = Revision(self.ledger.last.number + 1, effective_ns, dict(after), rates, reason)
        concerned = {
            segment
            for segment in set(before) | set(after)
            if self._members[segment].live and (rates or before.get(segment, NOTHING) != after.get(segment, NOTHING))
        }
        proposal = Proposal(revision, before, now_ns + ANSWER_NS, set(concerned))
        self._proposal = proposal
        for segment in sorted(concerned):
            self._ask_or_tell(proposal, segment)
        self.advance(now_ns)

    def answered(self, message: ChangeAnswer) -> None:
        """A worker can change, or has changed, or cannot."""
        proposal = self._proposal
        if proposal is None or message.revision != proposal.revision.number:
            return
        segment = message.segment
        if not proposal.agreed:
            if message.fault:
                self._note(f"segment {segment} cannot change: {message.fault}")
                self._withdraw(proposal)
            else:
                proposal.undecided.discard(segment)
        elif segment in proposal.unconfirmed:
            proposal.unconfirmed.discard(segment)
            if message.fault:
                proposal.failed[segment] = message.fault

    def attached(self, worker_id: str) -> None:
        """A worker is there again: what it was asked or told may have been lost on the way."""
        proposal = self._proposal
        if proposal is not None:
            for segment in proposal.undecided | proposal.unconfirmed:
                if self._members[segment].worker.worker_id == worker_id:
                    self._ask_or_tell(proposal, segment)

    def call_off(self) -> None:
        """Nothing is to change any more. What has been agreed on stays."""
        if self._proposal is not None and not self._proposal.agreed:
            self._withdraw(self._proposal)

    def advance(self, now_ns: int) -> None:
        """Do whatever can be done now."""
        proposal = self._proposal
        if proposal is None:
            return
        if not proposal.agreed:
            lost = [segment for segment in proposal.undecided if not self._members[segment].live]
            if lost or (proposal.undecided and now_ns >= proposal.deadline_ns):
                self._withdraw(proposal)
                return
            if proposal.undecided:
                return
            proposal.agreed = True
            self.ledger = self.ledger.with_revision(proposal.revision)
            self.asked = []
            self._note(f"revision {proposal.revision.number}: {proposal.revision.reason}")
        for segment in list(proposal.unconfirmed):
            if not self._members[segment].live:
                proposal.unconfirmed.discard(segment)
                proposal.failed[segment] = "lost"
        for segment in proposal.to_tell():
            proposal.told.add(segment)
            if self._members[segment].live and proposal.concerns(segment):
                proposal.unconfirmed.add(segment)
                self._ask_or_tell(proposal, segment)
        if proposal.settled:
            self._settle(proposal)

    def _ask_or_tell(self, proposal: Proposal, segment: int) -> None:
        member, revision = self._members[segment], proposal.revision
        if proposal.agreed:
            self._send(member, Commit(self._run_id, segment, revision.number))
            return
        # All rates, for it may not have been there when the earlier ones came into force. It knows those that it has.
        rates: Sequence[RateChange] = (*self.ledger.rates_by(self.ledger.last.number), *revision.rates)
        share = revision.share_of(segment)
        self._send(member, Propose(self._run_id, segment, revision.number, revision.effective_ns, share, tuple(rates)))

    def _settle(self, proposal: Proposal) -> None:
        """Everybody has said how it went. What did not come to be is put right in the ledger."""
        self._proposal = None
        revision = proposal.revision
        everybody = set(revision.shares) | set(proposal.before)
        untold = {each for each in everybody if each not in proposal.told and proposal.concerns(each)}
        broken = untold | {segment for segment in proposal.failed if self._members[segment].live}
        if not revision.rates:
            # One that was lost before it heard has gone on with what it had for as long as its lease lasted.
            broken |= {segment for segment in proposal.failed if proposal.loses(segment)}
        if not broken:
            return
        # Who was to have other rates has stopped instead; who was to have another share keeps what it had.
        true = dict(revision.shares)
        for segment in broken:
            true[segment] = NOTHING if revision.rates else proposal.before.get(segment, NOTHING)
        said = "; ".join(f"segment {segment}: {why}" for segment, why in sorted(proposal.failed.items()))
        shares = {segment: share for segment, share in true.items() if share.cuts}
        corrected = Revision(revision.number + 1, revision.effective_ns, shares, reason=f"not everybody could: {said}")
        self.ledger = self.ledger.with_revision(corrected)
        self._note(corrected.reason)

    def _withdraw(self, proposal: Proposal) -> None:
        self._proposal = None
        number = proposal.revision.number
        self._note(f"revision {number} is withdrawn")
        # Its number is used up: an answer to it must never be taken for one to the next.
        last = self.ledger.last
        self.ledger = self.ledger.with_revision(Revision(number, last.effective_ns, last.shares, reason="withdrawn"))
        for segment in sorted(set(proposal.before) | set(proposal.revision.shares)):
            if self._members[segment].live:
                self._send(self._members[segment], Withdraw(self._run_id, segment, number))
