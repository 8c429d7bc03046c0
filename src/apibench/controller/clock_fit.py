"""How far a worker's monotonic clock is from the controller's, by messages that went there and back."""

from collections import deque
from dataclasses import dataclass, field

KEPT = 64


@dataclass(frozen=True, slots=True)
class _Sample:
    round_trip_ns: int
    offset_ns: int


@dataclass
class ClockFit:
    """The last measurements. The one that was under way for the shortest time is the truest."""

    _samples: deque[_Sample] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, sent_ns: int, received_ns: int, answered_ns: int, back_ns: int) -> None:
        """A ping: sent and back on the controller's clock, received and answered on the worker's."""
        round_trip_ns = max((back_ns - sent_ns) - (answered_ns - received_ns), 0)
        offset_ns = ((received_ns - sent_ns) + (answered_ns - back_ns)) // 2
        self._samples.append(_Sample(round_trip_ns, offset_ns))

    @property
    def known(self) -> bool:
        """Whether anything has been measured."""
        return bool(self._samples)

    @property
    def offset_ns(self) -> int:
        """What to add to a moment of the controller's clock to have the worker's. Raises ValueError if not `known`."""
        return self._best().offset_ns

    @property
    def error_ns(self) -> int:
        """By how much that may be wrong: half the way there and back. Raises ValueError if not `known`."""
        return self._best().round_trip_ns // 2

    @property
    def round_trip_ns(self) -> int:
        """The shortest way there and back. Raises ValueError if not `known`."""
        return self._best().round_trip_ns

    def _best(self) -> _Sample:
        return min(self._samples, key=lambda sample: sample.round_trip_ns)
