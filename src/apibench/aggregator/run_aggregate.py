"""
One run: its segments, its windows, how far it has come, and what its watchers hear.

It changes only by what is in the store already (`settle`) and by what the controller says (`tell`); so an aggregator
that is started anew on the same store comes to the same.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace

from apibench.aggregator.deliveries import Gathered, GatheredWindow, detail_of, encoded
from apibench.aggregator.judging import Judging
from apibench.aggregator.lost import Loss, losses_of, losses_of_nobody
from apibench.aggregator.minutes import Minutes
from apibench.aggregator.part_numbers import PartNumbers
from apibench.aggregator.run_plan import RunPlan
from apibench.aggregator.segment_book import SegmentBook
from apibench.aggregator.standing import Standing, absent, missing
from apibench.aggregator.stretches import EVERYBODY, Closed, Piece, Reader, Selection, Stretch
from apibench.aggregator.tiers import late
from apibench.aggregator.updates import UpdateLog
from apibench.aggregator.windows import MINUTE_S, WINDOW_S
from apibench.model.aggregation import Fate, RunFacts, RunOpening
from apibench.model.batch import IntervalAck, IntervalSum, Pushed
from apibench.model.counts import IntervalCounts
from apibench.model.interval import Interval
from apibench.model.ledger import NOBODY, Ledger
from apibench.model.log_fields import about
from apibench.model.metric import IngestMark, MetricPart
from apibench.model.timeline import Timeline
from apibench.report.interval_row import Presence, interval_row
from apibench.report.live import live_summary
from apibench.report.threshold_row import threshold_row
from apibench.store.results import ResultStore

logger = logging.getLogger(__name__)
PROVISIONAL_EVERY_S = 1.0


@dataclass
class RunAggregate:
    """All that an aggregator has in memory of a run."""

    opening: RunOpening
    plan: RunPlan
    facts: RunFacts
    reader: Reader
    numbers: PartNumbers
    updates: UpdateLog
    standing: Standing
    judging: Judging
    live: int = 0
    """How many segments there are of which more is to come, as far as the controller has told."""
    unowned: bool = False
    """Whether there was ever anything of it that no segment owned."""
    detail: str = "none"
    alone_until_ns: int = 0
    """Up to where nothing of single workers is stored, because there was only one."""
    books: dict[int, SegmentBook] = field(default_factory=dict)
    closed: Closed = field(default_factory=Closed)
    minutes: Minutes = field(default_factory=Minutes)
    minutes_closed: set[int] = field(default_factory=set)
    """Of single workers whose seconds are stored, by their beginnings."""
    open: dict[int, Stretch] = field(default_factory=dict)
    """Windows that are not sealed."""
    losses: dict[int, dict[int, Loss]] = field(default_factory=dict)
    """By segment, or NOBODY, then by the beginning of the window."""
    replayed: tuple[tuple[int, ...], Judging] | None = None
    """The run judged anew from its beginning, and by what."""
    telling: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the document of all of it is made."""
    finished: bool = False
    idle_since_s: float = 0.0
    _provisional_at_s: float = -PROVISIONAL_EVERY_S
    _losses_by: dict[int, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def begin(cls, opening: RunOpening, store: ResultStore, epoch: int) -> "RunAggregate":
        """A run of which nothing is known but its plan."""
        plan = RunPlan.of(opening)
        return cls(
            opening,
            plan,
            RunFacts(opening.run_id, -1, Ledger(), ()),
            Reader(store, opening.run_id, plan.grid),
            PartNumbers(store, opening.run_id),
            UpdateLog(epoch),
            Standing(plan.grid),
            Judging(plan),
        )

    def tell(self, facts: RunFacts) -> bool:
        """What is known of it now; whether that is news."""
        if facts.version <= self.facts.version:
            return False
        if facts.stopped_ns is not None and self.facts.stopped_ns is None:
            self.judging.stop(facts.stopped_ns)
        news = facts.ledger.revisions[len(self.facts.ledger.revisions) :]
        self.unowned = self.unowned or any(each.share_of(NOBODY).cuts for each in news)
        self.facts = facts
        self.live = sum(each.fate is Fate.LIVE for each in facts.segments)
        for each in facts.segments:
            worker = each.worker
            self.books.setdefault(each.segment, SegmentBook(each.segment, worker.worker_id, worker.region))
        return True

    @property
    def timeline(self) -> Timeline:
        """That of the plan, as far as it came."""
        planned, stopped_ns = self.plan.grid.timeline, self.facts.stopped_ns
        return planned if stopped_ns is None else planned.stopped(stopped_ns)

    def refusal(self, pushed: Pushed) -> str:
        """Why something can't be of this run, by name; empty where it can."""
        book = self.books.get(pushed.segment)
        if book is None:
            # The controller has not told of it yet: the worker will ask again.
            return "unknown_run"
        return "" if book.worker_id == pushed.worker_id else "wrong_worker"

    def ack(self, segment: int, refused: str = "") -> IntervalAck:
        """What a worker may hear of its segment now."""
        durable = self.books[segment].durable.batches
        keep_from, wanted = self.minutes.keep_from(segment, durable), self.minutes.wanted(segment)
        return IntervalAck(self.opening.run_id, segment, durable, refused, keep_from, wanted)

    def take_sum(self, summed: IntervalSum) -> IntervalAck:
        """A sum that was wanted, for the minutes of its worker; one that is not changes nothing."""
        try:
            end_ns = IntervalCounts.from_wire(summed.counts).end_ns
        except ValueError:
            return self.ack(summed.segment, "bad_checksum")
        if self.minutes.add_sum(self.books[summed.segment].region, summed, end_ns) and not summed.counts:
            logger.warning(
                "its worker no longer has batches %d to %d: its own figures lack them, sums don't",
                summed.batches.first,
                summed.batches.until - 1,
                extra=about(summed.run_id, worker_id=summed.worker_id, segment=summed.segment),
            )
        return self.ack(summed.segment)

    async def parts_of(self, gathered: Gathered) -> list[MetricPart]:
        """The rows that a transaction writes of it."""
        self.detail = detail_of(len(self.facts.segments), self.detail)
        return [part for window in gathered.in_order() async for part in self._parts(window)]

    async def _parts(self, window: GatheredWindow) -> AsyncIterator[MetricPart]:
        start_ns, counts = window.start_ns, window.counts.to_wire()
        is_late = start_ns < self.standing.sealed_until_ns
        expected = len(window.segments) + absent(self.books, self.facts, start_ns, window.end_ns)
        words = window.words(self.detail, late=is_late)
        yield await self._part(window, WINDOW_S, start_ns, counts, host=words, expected=expected)
        for tier_s, first_ns in self.closed.tiers_of(start_ns, self.plan.grid):
            last = self.plan.grid.end_of(start_ns, tier_s) == window.end_ns
            more = late(window.counts, last=last)
            yield await self._part(window, tier_s, first_ns, more, expected=expected)
        if self.detail != "second":
            return
        minute_ns = self.plan.grid.start_of(start_ns, MINUTE_S)
        for worker_id, batches in window.by_worker.items():
            whole = encoded(batches)
            yield await self._part(window, WINDOW_S, start_ns, whole, worker_id=worker_id)
            if minute_ns in self.minutes_closed:
                yield await self._part(window, MINUTE_S, minute_ns, whole, worker_id=worker_id)

    async def _part(  # noqa: PLR0913 - a row has these columns
        self,
        window: GatheredWindow,
        tier_s: int,
        start_ns: int,
        counts: bytes,
        *,
        worker_id: str = "",
        host: str = "",
        expected: int = 1,
    ) -> MetricPart:
        number = await self.numbers.take(tier_s, start_ns, window.region, worker_id)
        workers = 1 if worker_id else len(window.segments)
        run_id, end_ns = self.opening.run_id, window.counts.end_ns
        return MetricPart(
            run_id, tier_s, start_ns, end_ns, window.region, worker_id, number, workers, expected, counts, host
        )

    def marks_of(self, gathered: Gathered) -> list[tuple[IngestMark, int]]:
        """How far its segments will be in the store, and are."""
        segments = dict.fromkeys(delivery.batch.segment for delivery, _ in gathered.deliveries)
        counts = dict.fromkeys(segments, 0)
        for delivery, _ in gathered.deliveries:
            counts[delivery.batch.segment] += 1
        books = [self.books[segment] for segment in segments]
        return [
            (
                IngestMark(
                    self.opening.run_id, book.segment, book.worker_id, book.durable.batches + counts[book.segment]
                ),
                book.durable.batches,
            )
            for book in books
        ]

    def settle(self, gathered: Gathered) -> list[int]:
        """It is in the store; returns the windows that had been sealed before."""
        for delivery, progress in gathered.deliveries:
            self.books[delivery.batch.segment].settle(delivery, progress)
            self.standing.note(delivery.end_ns)
            if self.detail == "minute":
                self.minutes.add(self.plan.grid.start_of(delivery.start_ns, MINUTE_S), delivery)
        changed: list[int] = []
        for window in gathered.in_order():
            if self.detail == "none":
                self.alone_until_ns = max(self.alone_until_ns, window.end_ns)
            if window.start_ns < self.standing.sealed_until_ns:
                changed.append(window.start_ns)
            else:
                stretch = self.open.setdefault(window.start_ns, Stretch(window.start_ns, window.end_ns))
                stretch.counts.merge(window.counts)
                stretch.present += len(window.segments)
        return self.revise(changed)

    def revise(self, starts: list[int]) -> list[int]:
        """Windows that were sealed are not what they were."""
        starts = sorted({each for each in starts if each < self.standing.sealed_until_ns})
        self.standing.revised.update(starts)
        self.judging.stale = self.judging.stale or bool(starts)
        return starts

    def missing(self) -> tuple[int, ...]:
        """Segments whose results are still to come."""
        return missing(self.books, self.facts)

    def horizon_ns(self) -> int:
        """Up to where things have fallen due: what a worker that is lost owes later is not lost yet."""
        planned_ns = self.plan.grid.timeline.planned_end_ns
        if self.facts.ended in ("", "complete"):
            over = bool(self.facts.ended) and planned_ns is not None
            return max(planned_ns or 0, self.standing.newest_ns) if over else self.standing.newest_ns
        # Stopped: nothing fell due after the last that anybody told of, unless the ledger says until when.
        if self.facts.ledger.revisions and not any(each.cuts for each in self.facts.ledger.last.shares.values()):
            return max(self.facts.ledger.last.effective_ns, self.standing.newest_ns)
        told = [start_ns for book in self.books.values() for start_ns, offered in book.recent if offered]
        return max((self.plan.grid.window(each)[1] for each in told), default=0)

    def find_losses(self) -> list[int]:
        """Work out anew what died with whom; returns the windows in which that has changed."""
        changed: set[int] = set()
        ledger, debts, grid = self.facts.ledger, self.plan.debts, self.plan.grid
        for each in self.facts.segments:
            book = self.books[each.segment]
            if each.fate is not Fate.LOST:
                self._losses_by.pop(each.segment, None)
                changed |= self._lose(each.segment, {})
            elif self._has_news(each.segment, book.durable.batches):
                changed |= self._lose(each.segment, losses_of(book, ledger, debts, grid, self.horizon_ns()))
        if self.unowned:
            dry = frozenset[int]().union(*(book.dry for book in self.books.values()))
            if self._has_news(NOBODY, len(dry)):
                changed |= self._lose(NOBODY, losses_of_nobody(ledger, debts, grid, self._nobodys_horizon_ns(), dry))
        return sorted(changed)

    def _nobodys_horizon_ns(self) -> int:
        """Who is lost may have gone on for a while after somebody wanted an end; of nobody nothing fell due then."""
        stopped_ns, newest_ns = self.facts.stopped_ns, self.standing.newest_ns
        return self.horizon_ns() if stopped_ns is None else min(stopped_ns, newest_ns)

    def _has_news(self, segment: int, told: int) -> bool:
        """Whether what a segment has lost may be something else by now. `told`: what else it depends on."""
        spans = self.facts.ledger.spans_of(segment)
        horizon_ns = self._nobodys_horizon_ns() if segment == NOBODY else self.horizon_ns()
        reach_ns = min(horizon_ns, spans[-1][1] or horizon_ns) if spans else 0
        inputs = (told, len(self.facts.ledger.revisions), reach_ns)
        known, self._losses_by[segment] = self._losses_by.get(segment), inputs
        return known != inputs

    def _lose(self, segment: int, now: dict[int, Loss]) -> set[int]:
        """That is what it has lost; returns the windows in which that was something else."""
        before, self.losses[segment] = self.losses.get(segment, {}), now
        both = before.keys() | now.keys()
        return {at for at in both if at not in before or at not in now or not now[at].same_as(before[at])}

    def losses_at(self, start_ns: int, end_ns: int, selection: Selection = EVERYBODY) -> list[Loss]:
        """What died between two boundaries."""
        return [
            loss
            for by_window in self.losses.values()
            for at_ns, loss in by_window.items()
            if start_ns <= at_ns < end_ns
            and (not selection.regions or loss.region in selection.regions)
            and (not selection.workers or loss.worker_id in selection.workers)
        ]

    def seal(self, now_s: float) -> None:
        """Seal what can be, judge it, and tell watchers."""
        for start_ns, end_ns in self.standing.sealed_now(self.books, self.facts):
            stretch = self.open.pop(start_ns, None) or Stretch(start_ns, end_ns)
            interval = self.interval(stretch)
            presence = self.presence(stretch)
            aborting = self.judging.feed(interval, presence.present, presence.expected)
            self.updates.add(now_s, "window", self.row(interval, presence))
            self.updates.sealed_until_ns = end_ns
            if aborting is not None:
                self._tell_abort(now_s)
        if self.open and now_s - self._provisional_at_s >= PROVISIONAL_EVERY_S:
            self._provisional_at_s = now_s
            stretch = self.open[max(self.open)]
            self.updates.add(now_s, "window", self.row(self.interval(stretch), self.presence(stretch)))

    async def hear_on(self, updates: UpdateLog, now_s: float) -> None:
        """What it was read anew from is more than its watchers have heard of: they hear the rest, and go on with it."""
        self.updates = updates
        while updates.sealed_until_ns < self.standing.sealed_until_ns:
            start_ns, end_ns = self.plan.grid.window(updates.sealed_until_ns)
            await self.tell_revised([start_ns], now_s)
            updates.sealed_until_ns = end_ns
        self._tell_abort(now_s)

    def _tell_abort(self, now_s: float) -> None:
        failed = next((each for each in self.judging.results() if each.ended_the_run), None)
        if failed is not None and not self.updates.aborted:
            self.updates.add(now_s, "abort", threshold_row(failed))

    async def tell_revised(self, starts: list[int], now_s: float) -> None:
        """Show windows again that have changed since they were sealed."""
        for start_ns in starts:
            stretch = await self.stored(start_ns)
            self.updates.add(now_s, "window", self.row(self.interval(stretch), self.presence(stretch)))

    async def stored(self, start_ns: int) -> Stretch:
        """A window, as the store has it."""
        end_ns = self.plan.grid.window(start_ns)[1]
        async for stretch in self.reader.stretches(Piece(WINDOW_S, start_ns, end_ns), EVERYBODY):
            return stretch
        return Stretch(start_ns, end_ns)

    def interval(self, stretch: Stretch, selection: Selection = EVERYBODY) -> Interval:
        """What happened in a stretch, what died in it counted too."""
        counts: IntervalCounts = stretch.counts
        losses = self.losses_at(stretch.start_ns, stretch.end_ns, selection)
        if losses:
            counts = counts.copy()
            for loss in losses:
                loss.add_to(counts)
        known_ns = self.known_ns
        # The last window of a run ends when everything is over; every other is whole, whoever was in it.
        ends_ns = known_ns if stretch.start_ns < known_ns < stretch.end_ns else stretch.end_ns
        return replace(Interval.from_counts(counts), start_ns=stretch.start_ns, end_ns=ends_ns)

    def presence(self, stretch: Stretch) -> Presence:
        """Who is in it."""
        gone = absent(self.books, self.facts, stretch.start_ns, stretch.end_ns)
        state = self.standing.state(stretch.start_ns, stretch.end_ns)
        return Presence(stretch.present + gone, stretch.present, state.value)

    def row(self, interval: Interval, presence: Presence) -> Mapping[str, object]:
        """What watchers hear of a window."""
        tally = self.judging.tally
        return {
            **interval_row(interval, self.plan.grid.timeline, self.plan.series, self.plan.groups, presence),
            "summary": live_summary(tally.main, tally.window_ok, tally.window_started, tally.window_ns),
            "thresholds": [threshold_row(each) for each in self.judging.results()],
        }

    @property
    def known_ns(self) -> int:
        """Up to where anything is known of it."""
        lost = [self.plan.grid.window(start_ns)[1] for each in self.losses.values() for start_ns in each]
        return max([self.standing.newest_ns, *lost])

    @property
    def end_ns(self) -> int:
        """The boundary behind that."""
        known_ns = self.known_ns
        return self.plan.grid.window(known_ns - 1)[1] if known_ns else 0

    def stamp(self) -> tuple[int, ...]:
        """Another one whenever anything has come."""
        lacking = sum(self.minutes.lacking(segment) for segment in self.books)
        return self.facts.version, lacking, *(book.durable.batches for book in self.books.values())
