"""Any stretch of a run cut into cells: what is stored of each, also of those of which nothing is."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

from apibench.aggregator.run_aggregate import RunAggregate
from apibench.aggregator.stretches import Piece, Selection, Stored, Stretch, Sum, pieces
from apibench.aggregator.windows import HOUR_S, MINUTE_S, WHOLE_S, WINDOW_S
from apibench.model.aggregation import ResultQuery

_REGION_TIERS = {
    WINDOW_S: (),
    10: (10,),
    MINUTE_S: (10, MINUTE_S),
    HOUR_S: (10, MINUTE_S, HOUR_S),
    WHOLE_S: (10, MINUTE_S, HOUR_S, WHOLE_S),
}


@dataclass(frozen=True, slots=True)
class Part:
    """What was asked for, as it can be read."""

    from_ns: int
    to_ns: int
    selection: Selection
    series: tuple[int, ...] | None
    """None: all."""
    whole: bool


class Cells:
    """Of one run."""

    def __init__(self, run: RunAggregate) -> None:
        self._run = run
        self._grid = run.plan.grid

    def part(self, query: ResultQuery) -> Part:
        """Cut at whole windows; at whole minutes, where only those are stored."""
        run, end_ns = self._run, self._run.end_ns
        selection = Selection(query.regions, query.workers or None)
        if {book.worker_id for book in run.books.values()} <= set(query.workers):
            # All of them: what is stored of all together is the same.
            selection = Selection(query.regions)
        coarse = selection.workers is not None and run.detail == "minute"
        tier_s = MINUTE_S if coarse else WINDOW_S
        from_ns = 0 if query.from_ns is None else self._grid.start_of(max(query.from_ns, 0), tier_s)
        to_ns = end_ns if query.to_ns is None else min(self._after(max(query.to_ns, 0), tier_s), end_ns)
        series = None
        if query.steps:
            series = tuple(place for place, name in enumerate(run.plan.series) if name.step in query.steps)
        return Part(from_ns, max(to_ns, from_ns), selection, series, query.whole)

    def _after(self, at_ns: int, tier_s: int) -> int:
        start_ns, end_ns = self._grid.start_of(at_ns, tier_s), self._grid.end_of(at_ns, tier_s)
        return at_ns if start_ns == at_ns or end_ns is None else end_ns

    async def read(self, part: Part, coarsest_s: int) -> AsyncIterator[Stretch]:
        """Cells that cover it without gaps, in order, the coarsest of that tier."""
        for piece in self._pieces(part, coarsest_s):
            stored = self._stored(piece, part.selection)
            ahead = await anext(stored, None)
            for start_ns, end_ns in self._skeleton(piece):
                cell = Sum(Stretch(start_ns, end_ns))
                while ahead is not None and ahead.start_ns < end_ns:
                    cell.add(ahead)
                    ahead = await anext(stored, None)
                yield cell.stretch

    async def total(self, part: Part, coarsest_s: int) -> Stretch:
        """All of it as one."""
        total = Sum(Stretch(part.from_ns, part.to_ns))
        for piece in self._pieces(part, coarsest_s):
            async for stored in self._stored(piece, part.selection):
                total.add(stored)
        return total.stretch

    def _pieces(self, part: Part, coarsest_s: int) -> list[Piece]:
        run, span = self._run, (part.from_ns, part.to_ns)
        if part.selection.workers is None:
            return pieces(self._grid, run.closed.by_tier, span, _REGION_TIERS[coarsest_s])
        if run.detail == "minute":
            return [Piece(MINUTE_S, *span)] if part.from_ns < part.to_ns else []
        tiers = (MINUTE_S,) if coarsest_s != WINDOW_S else ()
        return pieces(self._grid, {MINUTE_S: run.minutes_closed}, span, tiers)

    def _skeleton(self, piece: Piece) -> Iterator[tuple[int, int]]:
        at_ns = piece.start_ns
        while at_ns < piece.end_ns:
            end_ns = self._grid.end_of(at_ns, piece.tier_s)
            end_ns = piece.end_ns if end_ns is None else min(end_ns, piece.end_ns)
            yield at_ns, end_ns
            at_ns = end_ns

    async def _stored(self, piece: Piece, selection: Selection) -> AsyncIterator[Stored]:
        stored = self._run.reader.stored(piece, selection)
        if selection.workers is None or piece.start_ns >= self._run.alone_until_ns:
            async for each in stored:
                yield each
            return
        # Both are in the order of time; there are windows that both have.
        alone = self._alone(piece, selection)
        first, second = await anext(alone, None), await anext(stored, None)
        while first is not None or second is not None:
            if second is None or (first is not None and first.start_ns <= second.start_ns):
                if first is not None:
                    yield first
                first = await anext(alone, None)
            else:
                yield second
                second = await anext(stored, None)

    async def _alone(self, piece: Piece, selection: Selection) -> AsyncIterator[Stored]:
        """What the first worker did before there was a second: nothing of single workers was stored then."""
        first = min(self._run.books.values(), key=lambda each: each.segment)
        if selection.workers and first.worker_id not in selection.workers:
            return
        if selection.regions and first.region not in selection.regions:
            return
        seconds = replace(piece, tier_s=WINDOW_S, end_ns=min(piece.end_ns, self._run.alone_until_ns))
        async for part in self._run.reader.parts(seconds, Selection((first.region,))):
            if json.loads(part.host)["detail"] == "none":
                yield Stored(part.start_ns, [part.counts], part.workers)
