"""How far a run has come: which windows are complete, which segments are still to report, what nobody will report."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from apibench.aggregator.segment_book import SegmentBook
from apibench.aggregator.windows import Grid
from apibench.model.aggregation import Fate, RunFacts, SegmentFacts, WindowState
from apibench.model.units import NS_PER_S

LATENESS_NS = 5 * NS_PER_S
"""How much later than the first to report it a window waits for the others. Then it is sealed without them."""
_FOR_EVER = 1 << 62


def is_complete(book: SegmentBook | None, facts: SegmentFacts) -> bool:
    """Whether everything that a segment will ever report is in the store."""
    durable = 0 if book is None else book.durable.batches
    if book is not None and book.complete:
        return True
    return facts.fate is Fate.FINISHED and facts.batches is not None and durable >= facts.batches


def missing(books: Mapping[int, SegmentBook], facts: RunFacts) -> tuple[int, ...]:
    """Segments that are neither complete nor lost."""
    return tuple(
        each.segment
        for each in facts.segments
        if each.fate is not Fate.LOST and not is_complete(books.get(each.segment), each)
    )


@dataclass
class Standing:
    """Of one run. Windows are named by their beginnings."""

    grid: Grid
    sealed_until_ns: int = 0
    """Windows that end by then are sealed."""
    newest_ns: int = 0
    """The latest end of any report."""
    revised: set[int] = field(default_factory=set)

    def note(self, end_ns: int) -> None:
        """Something was reported that ends there."""
        self.newest_ns = max(self.newest_ns, end_ns)

    def watermark_ns(self, books: Mapping[int, SegmentBook], facts: RunFacts) -> int:
        """Up to where everybody has reported of whom more is to come; beyond all windows where nobody is left."""
        lowest_ns = _FOR_EVER
        for each in facts.segments:
            book = books.get(each.segment)
            if each.fate is Fate.LOST or is_complete(book, each):
                continue
            if book is not None and book.started_ns is not None:
                lowest_ns = min(lowest_ns, book.durable.end_ns)
            else:
                spans = facts.ledger.spans_of(each.segment)
                # A spare that owns nothing yet is waited for by nobody.
                lowest_ns = min(lowest_ns, self.grid.start_of(spans[0][0]) if spans else _FOR_EVER)
        return lowest_ns

    def sealed_now(self, books: Mapping[int, SegmentBook], facts: RunFacts) -> list[tuple[int, int]]:
        """Windows that can be sealed by what has come, in order: each from, until. They are sealed with this."""
        watermark_ns = self.watermark_ns(books, facts)
        found: list[tuple[int, int]] = []
        while self.sealed_until_ns < self.newest_ns:
            start_ns, end_ns = self.grid.window(self.sealed_until_ns)
            if end_ns > watermark_ns and end_ns > self.newest_ns - LATENESS_NS:
                break
            found.append((start_ns, end_ns))
            self.sealed_until_ns = end_ns
        return found

    def state(self, start_ns: int, end_ns: int) -> WindowState:
        """Of a window, or of several together: the least that any of them is. Both are boundaries."""
        if end_ns > self.sealed_until_ns:
            return WindowState.PROVISIONAL
        if any(start_ns <= each < end_ns for each in self.revised):
            return WindowState.REVISED
        return WindowState.SEALED


def absent(books: Mapping[int, SegmentBook], facts: RunFacts, start_ns: int, end_ns: int) -> int:
    """How many segments should have reported of a window and have not."""
    count = 0
    for each in facts.segments:
        book = books.get(each.segment)
        if each.fate is not Fate.LOST and is_complete(book, each):
            continue
        if book is not None and book.started_ns is not None and book.durable.end_ns > start_ns:
            continue
        if book is not None and book.started_ns is not None and each.fate is not Fate.LOST:
            # Who has begun reports every second to its end, whatever it owns.
            count += 1
            continue
        count += any(
            starts_ns < end_ns and (ends_ns is None or ends_ns > start_ns)
            for starts_ns, ends_ns, _ in facts.ledger.spans_of(each.segment)
        )
    return count
