"""
What is kept of one run: where it stands, who has part in it, what has happened; what is written down of it, what goes
on from there, and what it has to say.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from apibench.controller.agreement import Agreement
from apibench.controller.errands import Errands
from apibench.controller.member import Member
from apibench.controller.start import Start
from apibench.model.aggregation import RunFacts
from apibench.model.control import ControllerMessage
from apibench.model.installation import Desired, RunState
from apibench.model.ledger import Ledger
from apibench.model.plain import from_plain, to_plain

Outgoing = tuple[str, ControllerMessage]
"""To which worker, and what. Moments in it are on the controller's clock: who sends it knows the worker's."""

UNWRITTEN = 1_000_000
"""More than changes while a run is written down once. An aggregator may have heard of some that died with a controller:
what it is told from then on is newer than all of them."""


class RunBook:
    """Of one run."""

    def __init__(self, run_id: str, setup_ns: int | None, teardown_ns: int | None) -> None:
        """`setup_ns`, `teardown_ns`: how long these may take; None where there is none."""
        self.run_id = run_id
        self.state = RunState.QUEUED
        self.desired = Desired.RUN
        self.members: dict[int, Member] = {}
        self._of_worker: dict[str, list[Member]] = {}
        """The same by worker: heartbeats come from each of a thousand, and are not to look at all the others."""
        self.stopped_ns: int | None = None
        """The moment of the run from which on somebody has wanted it to end early."""
        self.reason = ""
        """Why it failed, or ended early."""
        self.ended = "complete"
        self.results = ""
        """Where workers send what they measure: HOST:PORT of an aggregator; empty within one process."""
        self.version = 0
        """Of what an aggregator is told; it only grows."""
        self.changed = False
        self.events: list[str] = []
        """What has happened since they were last taken, in words."""
        self.errands = Errands(run_id, setup_ns, teardown_ns, self._send, self._note)
        self.agreement = Agreement(run_id, self.members, self._send, self._note)
        self._failing = False
        """It can't begin, and is torn down before it is over."""
        self._start = Start(run_id, self._send, self._note)
        self._outbox: list[Outgoing] = []

    @property
    def barrier_ns(self) -> int | None:
        """On the controller's clock; None while none is settled, or it is not known again yet."""
        return self._start.barrier_ns

    @property
    def ledger(self) -> Ledger:
        """Who owned what from when on."""
        return self.agreement.ledger

    def offset_ns(self, now_ns: int) -> int:
        """How long ago the barrier was; negative before it, and 0 while none is settled."""
        return 0 if self.barrier_ns is None else now_ns - self.barrier_ns

    def take_outbox(self) -> list[Outgoing]:
        """What is to be sent, in order."""
        outbox, self._outbox = self._outbox, []
        return outbox

    @property
    def has_something_to_say(self) -> bool:
        """Whether something is to be written down or sent."""
        return self.changed or bool(self._outbox) or self.state.is_over

    @property
    def has_messages(self) -> bool:
        """Whether something is to be sent."""
        return bool(self._outbox)

    def put_back(self, worker_id: str, message: ControllerMessage) -> None:
        """It can't be sent yet."""
        self._outbox.append((worker_id, message))

    def take_events(self) -> list[str]:
        """What has happened, in words."""
        events, self.events = self.events, []
        self.changed = False
        return events

    def members_of(self, worker_id: str) -> Sequence[Member]:
        """The segments that a worker has or has had, in order."""
        return self._of_worker.get(worker_id, ())

    def held_by(self, worker_id: str) -> list[tuple[str, int]]:
        """The segments that a worker may go on with, as run and segment: what its lease is for."""
        if self.state.is_over:
            return []
        return [(self.run_id, member.segment) for member in self.members_of(worker_id) if member.live]

    def facts(self, ended_at: str = "") -> RunFacts:
        """What an aggregator is told."""
        over = self.state in (RunState.COLLECTING, RunState.FINISHED)
        segments = tuple(member.facts() for member in self.members.values())
        ended = self.ended if over else ""
        once = self.errands.setup, self.errands.teardown
        return RunFacts(self.run_id, self.version, self.ledger, segments, ended, ended_at, self.stopped_ns, *once)

    def to_document(self) -> dict[str, Any]:
        """What must not be forgotten."""
        return {
            "state": self.state.value,
            "desired": self.desired.value,
            "ledger": to_plain(self.ledger),
            "members": [to_plain(member) for member in self.members.values()],
            "reason": self.reason,
            "ended": self.ended,
            "version": self.version,
            "starts": self._start.tried,
            "results": self.results,
            "stopped_ns": self.stopped_ns,
            "errands": self.errands.to_document(),
            "failing": self._failing,
        }

    def restore(self, document: Mapping[str, Any], now_ns: int, patience_ns: int) -> None:
        """Go on from what was written down. Who has not been heard of within `patience_ns` is given up elsewhere."""
        self.state, self.desired = RunState(document["state"]), Desired(document["desired"])
        self.agreement.ledger = from_plain(Ledger, document["ledger"])
        for each in document["members"]:
            self._take_in(from_plain(Member, each))
        self.reason, self.ended = document["reason"], document["ended"]
        self.version, self._start.tried = document["version"] + UNWRITTEN, document["starts"]
        self.results, self.stopped_ns = document["results"], document.get("stopped_ns")
        self.errands.restore(document.get("errands", {}))
        self._failing = document.get("failing", False)
        if self.state is RunState.ARMED:
            self._start.recover(now_ns + patience_ns)

    def _take_in(self, member: Member) -> None:
        self.members[member.segment] = member
        self._of_worker.setdefault(member.worker.worker_id, []).append(member)

    def _send(self, member: Member, message: ControllerMessage) -> None:
        self._outbox.append((member.worker.worker_id, message))

    def _enter(self, state: RunState, event: str) -> None:
        self.state = state
        self._note(event)

    def _note(self, event: str) -> None:
        self.events.append(event)
        self._touch()

    def _touch(self) -> None:
        self.version += 1
        self.changed = True
