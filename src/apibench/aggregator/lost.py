"""
What died with its worker, worked out from the plan: what a segment owed, less what it reported.

    lost = owed by its shares and epochs - reported as offered      those that it never told of
         + waiting at its last report                               those that it told of and never began
         + owed by nobody                                           whoever was to have a share did not hear in time
    unfinished = in flight at its last report

A load whose rows have run out has ended, and nothing more was owed of it. All of it is derived anew when more comes:
data of a spool that is seen again later makes it less. It stands in time where it fell due; what was in flight or
waited, in the window after the last report.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from apibench.aggregator.iteration_counts import Key
from apibench.aggregator.segment_book import SegmentBook
from apibench.aggregator.windows import Grid
from apibench.model.counts import IntervalCounts
from apibench.model.ledger import NOBODY, Ledger
from apibench.model.owed import owed
from apibench.model.plan import Plan
from apibench.model.rate_change import RateChange

REMEMBERED_DEBTS = 100_000
_FOR_EVER = 1 << 62


@dataclass
class Debts:
    """What shares of a plan owe."""

    plan: Plan
    _known: dict[tuple[int, int, int, int], Counter[Key]] = field(default_factory=dict)
    """By how many revisions there were, segment, and the two moments."""

    def between(self, ledger: Ledger, segment: int, from_ns: int, until_ns: int) -> Counter[Key]:
        """What fell due for a segment from one moment until another, by scenario and phase."""
        question = (len(ledger.revisions), segment, from_ns, until_ns)
        if question not in self._known:
            if len(self._known) > REMEMBERED_DEBTS:
                self._known.clear()
            self._known[question] = self._work_out(ledger, segment, from_ns, until_ns)
        return Counter(self._known[question])

    def _work_out(self, ledger: Ledger, segment: int, from_ns: int, until_ns: int) -> Counter[Key]:
        total: Counter[Key] = Counter()
        for starts_ns, ends_ns, share in ledger.spans_of(segment):
            first_ns, last_ns = max(starts_ns, from_ns), until_ns if ends_ns is None else min(ends_ns, until_ns)
            if first_ns >= last_ns:
                continue
            for each in owed(self.plan, share, _rates(ledger, starts_ns), first_ns, last_ns):
                total[each.scenario, each.phase] += each.count
        return total


@dataclass
class Loss:
    """What of one window died with one worker."""

    segment: int
    region: str
    worker_id: str
    unreported: Counter[Key] = field(default_factory=Counter)
    waiting: Counter[Key] = field(default_factory=Counter)
    closing: IntervalCounts | None = None
    """What was in flight."""

    @property
    def iterations(self) -> Counter[Key]:
        """All that are lost."""
        return self.unreported + self.waiting

    def same_as(self, other: "Loss") -> bool:
        """Whether the same died."""
        both = (self, other)
        closings = [None if each.closing is None else each.closing.to_wire() for each in both]
        return self.unreported == other.unreported and self.waiting == other.waiting and closings[0] == closings[1]

    def add_to(self, counts: IntervalCounts) -> None:
        """Count it."""
        if self.closing is not None:
            counts.merge(self.closing)
        for key, count in self.iterations.items():
            counts.add_lost(*key, count, self.unreported[key])


def losses_of(book: SegmentBook, ledger: Ledger, debts: Debts, grid: Grid, horizon_ns: int) -> dict[int, Loss]:
    """
    What a segment whose worker is lost has lost by now, by the beginning of its window.

    `horizon_ns`: what falls due from there on is not lost yet.
    """
    found: dict[int, Loss] = {}

    def at(start_ns: int) -> Loss:
        return found.setdefault(start_ns, Loss(book.segment, book.region, book.worker_id))

    reported_ns = book.durable.end_ns
    for start_ns, missing in _silences(book, ledger, debts, grid):
        at(start_ns).unreported += missing
    for start_ns, end_ns in _windows(ledger, book.segment, grid, reported_ns, horizon_ns):
        missing = debts.between(ledger, book.segment, max(start_ns, reported_ns), min(end_ns, horizon_ns))
        missing = _without(missing, book.dry)
        if missing:
            at(start_ns).unreported += missing
    iterations = book.durable.iterations
    waiting = Counter({key: each.waiting for key, each in iterations.items() if each.waiting})
    in_flight = [(*key, each.in_flight) for key, each in iterations.items() if each.in_flight]
    if book.last is not None and not book.complete:
        closing = IntervalCounts.from_wire(book.last).unfinished_of_pending(in_flight)
        loss = at(grid.start_of(reported_ns))
        loss.closing = closing
        loss.waiting += waiting
    return found


def losses_of_nobody(
    ledger: Ledger, debts: Debts, grid: Grid, horizon_ns: int, dry: Collection[int]
) -> dict[int, Loss]:
    """
    What fell due while no segment owned it, by the beginning of its window.

    `dry`: the scenarios whose rows have run out for somebody: of these nobody can say what was still owed.
    """
    found: dict[int, Loss] = {}
    for start_ns, end_ns in _windows(ledger, NOBODY, grid, 0, horizon_ns):
        missing = _without(debts.between(ledger, NOBODY, start_ns, end_ns), dry)
        if missing:
            found.setdefault(grid.start_of(start_ns), Loss(NOBODY, "", "")).unreported += missing
    return found


def _silences(book: SegmentBook, ledger: Ledger, debts: Debts, grid: Grid) -> Iterable[tuple[int, Counter[Key]]]:
    """
    What fell due before the last report and is in none: the engine had stopped by itself, because its lease ran out.

    The windows of the last reports are looked at one by one, the latest first; what is left is put where they begin.
    """
    reported_ns = book.durable.end_ns
    offered = {key: each.offered for key, each in book.durable.iterations.items()}
    deficit = debts.between(ledger, book.segment, 0, reported_ns)
    deficit.subtract(offered)
    left = _without(+deficit, book.dry)
    for start_ns, told in reversed(book.recent):
        if not left:
            return
        window_ns, end_ns = grid.window(start_ns)
        here = debts.between(ledger, book.segment, start_ns, min(end_ns, reported_ns))
        here.subtract(told)
        here = +here & left
        left -= here
        if here:
            yield window_ns, here
    if left and book.recent:
        yield grid.start_of(book.recent[0][0]), left


def disagreements(book: SegmentBook, ledger: Ledger, debts: Debts, *, whole: bool) -> list[str]:
    """
    Where what a worker reported as offered is not what its shares owed; that is a fault of ours.

    `whole`: the run came to its own end, so that everything fell due. Else it may have been less.
    """
    owes = debts.between(ledger, book.segment, 0, _FOR_EVER)
    told = {key: each.offered for key, each in book.durable.iterations.items()}
    return [
        f"worker {book.worker_id} offered {told.get(key, 0):,} iterations where its share owed {due:,}"
        for key, due in sorted(owes.items())
        if told.get(key, 0) > due or (whole and told.get(key, 0) < due and key[0] not in book.dry)
    ]


def _without(counts: Counter[Key], scenarios: Collection[int]) -> Counter[Key]:
    return Counter({key: count for key, count in counts.items() if key[0] not in scenarios})


def _windows(ledger: Ledger, segment: int, grid: Grid, from_ns: int, until_ns: int) -> Iterable[tuple[int, int]]:
    """Those in which a segment owned anything."""
    for starts_ns, ends_ns, _ in ledger.spans_of(segment):
        at_ns, last_ns = max(starts_ns, from_ns), until_ns if ends_ns is None else min(ends_ns, until_ns)
        while at_ns < last_ns:
            start_ns, end_ns = grid.window(at_ns)
            yield max(start_ns, starts_ns), min(end_ns, last_ns)
            at_ns = end_ns


def _rates(ledger: Ledger, at_ns: int) -> tuple[RateChange, ...]:
    holding = [revision.number for revision in ledger.revisions if revision.effective_ns <= at_ns]
    return ledger.rates_by(holding[-1]) if holding else ()


def lost_in(losses: Iterable[Mapping[int, Loss]]) -> Counter[Key]:
    """Iterations that are lost, in all."""
    total: Counter[Key] = Counter()
    for by_window in losses:
        for loss in by_window.values():
            total += loss.iterations
    return total
