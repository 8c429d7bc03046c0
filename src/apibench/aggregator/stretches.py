"""Reads what is stored of a run: any stretch of it, by the fewest parts."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from apibench.aggregator.windows import TIERS_S, WHOLE_S, WINDOW_S, Grid
from apibench.model.counts import IntervalCounts
from apibench.model.metric import MetricPart, PartQuery
from apibench.store.results import ResultStore


@dataclass
class Closed:
    """Stretches of coarser tiers that are stored, by their beginnings: to each of them its seconds' sum."""

    by_tier: dict[int, set[int]] = field(default_factory=lambda: {tier_s: set() for tier_s in (*TIERS_S, WHOLE_S)})

    def holds(self, tier_s: int, start_ns: int) -> bool:
        """Whether that stretch is stored."""
        return tier_s == WINDOW_S or start_ns in self.by_tier[tier_s]

    def tiers_of(self, at_ns: int, grid: Grid) -> list[tuple[int, int]]:
        """The coarser stretches that are stored and hold a moment: tier and beginning."""
        starts = [(tier_s, grid.start_of(at_ns, tier_s)) for tier_s in (*TIERS_S, WHOLE_S)]
        return [(tier_s, start_ns) for tier_s, start_ns in starts if self.holds(tier_s, start_ns)]


@dataclass
class Stretch:
    """What is stored of one stretch."""

    start_ns: int
    end_ns: int
    """As it is planned; what is in it may end before."""
    counts: IntervalCounts = field(default_factory=IntervalCounts)
    present: int = 0
    """How many segments are in it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """All parts of one stretch, as they are stored."""

    start_ns: int
    wires: list[bytes]
    present: int
    """How many segments are in them."""


@dataclass
class Sum:
    """Adds up what is stored, in the order of time."""

    stretch: Stretch
    _latest_ns: int = -1
    _present: int = 0

    def add(self, stored: Stored) -> None:
        """What is of the same stretch as what came last, or of a later one."""
        counts = self.stretch.counts
        if stored.start_ns != self._latest_ns:
            # What waited or was in flight at the end of the one before no longer does.
            counts.clear_pending()
            self._latest_ns, self._present = stored.start_ns, 0
        for wire in stored.wires:
            counts.merge_wire(wire)
        self._present += stored.present
        self.stretch.present = max(self.stretch.present, self._present)


@dataclass(frozen=True, slots=True)
class Selection:
    """Whose counts are wanted."""

    regions: tuple[str, ...] = ()
    workers: tuple[str, ...] | None = None
    """None: all workers of these regions together."""


EVERYBODY = Selection()


@dataclass(frozen=True, slots=True)
class Piece:
    """Neighbouring stretches of one tier."""

    tier_s: int
    start_ns: int
    end_ns: int


def pieces(grid: Grid, closed: Mapping[int, set[int]], span: tuple[int, int], tiers: tuple[int, ...]) -> list[Piece]:
    """
    What to read to have all that is stored between two boundaries: stretches of these tiers where they are closed, the
    coarsest that fit; seconds everywhere else.
    """
    found: list[Piece] = []
    at_ns, until_ns = span
    while at_ns < until_ns:
        tier_s, end_ns = _coarsest(grid, closed, at_ns, until_ns, tiers)
        if found and found[-1].tier_s == tier_s:
            found[-1] = Piece(tier_s, found[-1].start_ns, end_ns)
        else:
            found.append(Piece(tier_s, at_ns, end_ns))
        at_ns = end_ns
    return found


def _coarsest(
    grid: Grid, closed: Mapping[int, set[int]], at_ns: int, until_ns: int, tiers: tuple[int, ...]
) -> tuple[int, int]:
    # The whole run is the coarsest, though its number is the lowest.
    for tier_s in sorted(tiers, key=lambda each: (each == WHOLE_S, each), reverse=True):
        if at_ns in closed[tier_s]:
            end_ns = grid.end_of(at_ns, tier_s)
            if end_ns is None or end_ns <= until_ns:
                return tier_s, until_ns if end_ns is None else end_ns
    return WINDOW_S, min(grid.window(at_ns)[1], until_ns)


class Reader:
    """Of one run."""

    def __init__(self, store: ResultStore, run_id: str, grid: Grid) -> None:
        self._store = store
        self._run_id = run_id
        self._grid = grid

    async def parts(self, piece: Piece, selection: Selection) -> AsyncIterator[MetricPart]:
        """All parts of a piece, by their beginnings."""
        query = PartQuery(
            self._run_id, piece.tier_s, piece.start_ns, piece.end_ns, selection.regions, selection.workers
        )
        async for part in self._store.parts(query):
            yield part

    async def stored(self, piece: Piece, selection: Selection) -> AsyncIterator[Stored]:
        """The stretches of a piece of which anything is stored, in order."""
        now: Stored | None = None
        async for part in self.parts(piece, selection):
            if now is not None and part.start_ns == now.start_ns:
                now = Stored(now.start_ns, [*now.wires, part.counts], now.present + part.workers)
                continue
            if now is not None:
                yield now
            now = Stored(part.start_ns, [part.counts], part.workers)
        if now is not None:
            yield now

    async def stretches(self, piece: Piece, selection: Selection) -> AsyncIterator[Stretch]:
        """The same, each with all its parts added up."""
        async for stored in self.stored(piece, selection):
            end_ns = self._grid.end_of(stored.start_ns, piece.tier_s)
            total = Sum(Stretch(stored.start_ns, piece.end_ns if end_ns is None else end_ns))
            total.add(stored)
            yield total.stretch


def add_later(total: IntervalCounts, later: IntervalCounts) -> None:
    """Add what came after: what waited or was in flight at the end of `total` no longer does."""
    total.clear_pending()
    total.merge(later)
