"""How a run starts: all are ready, hear of one moment, and say that they keep it. Pure."""

from collections.abc import Callable, Sequence
from enum import Enum, auto

from apibench.controller.member import Member
from apibench.controller.patience import ARM_MARGIN_NS, START_LEAD_NS, STARTS_TRIED
from apibench.model.control import ControllerMessage, StartAt


class Standing(Enum):
    """What has become of it."""

    WAITING = auto()
    """It lies ahead, or is not known again yet."""
    BEGUN = auto()
    """Everybody sends."""
    BEGUN_BY_SOME = auto()
    """It is over, though not everybody has said so."""
    ONCE_MORE = auto()
    """Nobody has started: they may be told of another moment."""
    HOPELESS = auto()
    """Nobody has, and they were told often enough."""


class Start:
    """The start of one run."""

    def __init__(
        self, run_id: str, send: Callable[[Member, ControllerMessage], None], note: Callable[[str], None]
    ) -> None:
        self.barrier_ns: int | None = None
        """On the controller's clock; None while none is settled, or it is not known again yet."""
        self.tried = 0
        self._run_id = run_id
        self._send = send
        self._note = note
        self._recovering_until_ns: int | None = None
        self._mute: set[int] = set()
        """Segments of which it was noted that they have not said that they start: once is enough."""

    def arm(self, members: Sequence[Member], now_ns: int) -> None:
        """Tell all of one moment."""
        self.tried += 1
        self._mute.clear()
        self.barrier_ns = now_ns + START_LEAD_NS
        for member in members:
            self.tell(member)

    def tell(self, member: Member) -> None:
        """Tell one of the moment; who comes late begins with nothing."""
        self._send(member, StartAt(self._run_id, member.segment, self.barrier_ns or 0, 0))

    def recover(self, until_ns: int) -> None:
        """A controller went down between the word to start and the start: somebody will say when it was, until then."""
        self._recovering_until_ns = until_ns

    def look(self, live: Sequence[Member], now_ns: int) -> Standing:
        """Where it stands, for those who take part."""
        begun = [member for member in live if member.phase.sends]
        if self._recovering_until_ns is not None:
            return self._recovered(live, begun, self._recovering_until_ns, now_ns)
        if self.barrier_ns is None:
            return Standing.WAITING
        if len(begun) == len(live):
            return Standing.BEGUN if now_ns >= self.barrier_ns else Standing.WAITING
        if now_ns < self.barrier_ns - ARM_MARGIN_NS:
            return Standing.WAITING
        # Those who have heard of the start keep it: to call it off might come too late for one of them.
        return self._without(live, now_ns)

    def _recovered(self, live: Sequence[Member], begun: Sequence[Member], until_ns: int, now_ns: int) -> Standing:
        if self.barrier_ns is not None and len(begun) == len(live):
            self._recovering_until_ns = None
            return Standing.BEGUN if now_ns >= self.barrier_ns else Standing.WAITING
        if now_ns < until_ns:
            return Standing.WAITING
        self._recovering_until_ns = None
        if begun:
            return self._without(live, now_ns)
        return Standing.HOPELESS if self.tried >= STARTS_TRIED else Standing.ONCE_MORE

    def _without(self, live: Sequence[Member], now_ns: int) -> Standing:
        for member in live:
            if not member.phase.sends and member.segment not in self._mute:
                self._mute.add(member.segment)
                # It may have heard of the start all the same: it is silent only when its lease says so.
                self._note(f"{member.worker.worker_id} has not said that it starts")
        over = self.barrier_ns is not None and now_ns >= self.barrier_ns
        return Standing.BEGUN_BY_SOME if over else Standing.WAITING
