"""
The last seconds of a run added up, as they move on: what a threshold is judged by in every window.

Two stacks. New seconds go onto one, whose sum is kept; the other has, for each of its seconds, the sum of that and all
later ones on it, so that what leaves is the top. A window of an hour then costs two merges a second instead of 3,600,
and a kilobyte or two for each of its seconds: sums that wait are kept as text.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from apibench.model.histogram import Histogram


@dataclass
class Slice:
    """What a threshold can ask of a stretch."""

    length_ns: int = 0
    ok: int = 0
    failed: int = 0
    """Of requests, or of groups, as the one before."""
    unfinished: int = 0
    started: int = 0
    """Of iterations, as all that follow."""
    ended: int = 0
    dropped: int = 0
    checks_passed: int = 0
    checks_failed: int = 0
    time: Histogram = field(default_factory=Histogram)

    def merge(self, other: "Slice") -> None:
        """Add another stretch."""
        self.length_ns += other.length_ns
        self.ok += other.ok
        self.failed += other.failed
        self.unfinished += other.unfinished
        self.started += other.started
        self.ended += other.ended
        self.dropped += other.dropped
        self.checks_passed += other.checks_passed
        self.checks_failed += other.checks_failed
        self.time.merge(other.time)

    def packed(self) -> Callable[[], "Slice"]:
        """What makes it again."""
        requests = self.ok, self.failed, self.unfinished
        iterations = self.started, self.ended, self.dropped, self.checks_passed, self.checks_failed
        counts = self.length_ns, *requests, *iterations
        text = self.time.to_json()
        return lambda: Slice(*counts, Histogram.from_json(text))


class SlidingWindow:
    """Of so many nanoseconds."""

    def __init__(self, length_ns: int) -> None:
        self._length_ns = length_ns
        self._known_ns = 0
        self._lengths_ns: list[int] = []
        """Of what is in `_leaving`, the next to leave last."""
        self._leaving: list[Callable[[], Slice]] = []
        self._oldest = Slice()
        """The top of that."""
        self._came: list[tuple[int, Callable[[], Slice]]] = []
        self._newest = Slice()
        """The sum of those."""

    def add(self, part: Slice) -> None:
        """The next second; what is older than the window leaves it."""
        self._came.append((part.length_ns, part.packed()))
        self._newest.merge(part)
        self._known_ns += part.length_ns
        while self._known_ns - self._next_ns() >= self._length_ns:
            self._leave()

    def sum(self) -> Slice | None:
        """All of the window; None while no whole seconds are just as long as it."""
        if self._known_ns != self._length_ns:
            return None
        total = Slice()
        total.merge(self._oldest)
        total.merge(self._newest)
        return total

    def _next_ns(self) -> int:
        return self._lengths_ns[-1] if self._lengths_ns else self._came[0][0]

    def _leave(self) -> None:
        if not self._leaving:
            self._turn()
        self._known_ns -= self._lengths_ns.pop()
        self._leaving.pop()
        self._oldest = self._leaving[-1]() if self._leaving else Slice()

    def _turn(self) -> None:
        total = Slice()
        for length_ns, part in reversed(self._came):
            total.merge(part())
            self._lengths_ns.append(length_ns)
            self._leaving.append(total.packed())
        self._came, self._newest = [], Slice()
