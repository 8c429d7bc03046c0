"""
The aggregator: takes the batches of all workers, merges them into windows, judges them, and has them stored.

One loop does all the writing: what has come since the last transaction goes into the next one, whole or not at all, and
is acknowledged only then. A database that is away costs nothing but time: workers keep what is not acknowledged.
"""

import asyncio
import json
import logging
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from apibench.aggregator.closing import Closing, Closure
from apibench.aggregator.deliveries import Gathered
from apibench.aggregator.recovery import is_forgotten, recovered
from apibench.aggregator.result_query import ResultReader
from apibench.aggregator.run_aggregate import RunAggregate
from apibench.aggregator.segment_book import Delivery
from apibench.aggregator.timing import RealTiming, Timing
from apibench.aggregator.updates import UpdateLog
from apibench.model.aggregation import ResultQuery, RunFacts, RunOpening, RunUpdate
from apibench.model.batch import IntervalAck, IntervalBatch, IntervalSum, Pushed
from apibench.model.errors import Conflict, LinkLost, NotFound, StaleTerm, StoreFailed
from apibench.model.log_fields import about
from apibench.model.metric import IngestMark, MetricPart
from apibench.store.results import ResultStore

logger = logging.getLogger(__name__)
CYCLE_S = 0.2
"""How long nothing may come before time is looked at again."""
GATHER_S = 0.4
"""How long the first batch waits for those of the other workers, which end their seconds with it: a transaction costs
the same for one and for a thousand, and what is stored of a window is a part for each."""
AGAIN_S = 0.5
"""Between two attempts to write to a store that does not answer."""
COLLECT_S = 30.0
"""How long a run that is over is waited for before its watchers hear of its end."""
IDLE_S = 600.0
"""How long a run that is over is kept in memory."""
MAINTAIN_S = 3_600.0

_Marks = list[tuple[IngestMark, int]]


class Aggregator:
    """One shard. See `IntervalHost` and `AggregatorLink` for its faces."""

    def __init__(self, store: ResultStore, owner: str, shard: int = 0, timing: Timing | None = None) -> None:
        """`owner` names this process: another that owns the shard later takes it away."""
        self._store = store
        self._owner = owner
        self._shard = shard
        self._timing = timing or RealTiming()
        self._epoch: int | None = None
        self._runs: dict[str, RunAggregate] = {}
        self._closings: dict[str, Closing] = {}
        self._ended_at_s: dict[str, float] = {}
        self._results: dict[str, tuple[int, ...]] = {}
        """Of which state of a run its document was kept."""
        self._gathered: dict[str, Gathered] = {}
        self._anew: set[str] = set()
        """Runs that have to be read from the store, whoever asks for them."""
        self._updates: dict[str, UpdateLog] = {}
        """What was told of each run: who watches one hears on when it is read anew."""
        self._loading = asyncio.Lock()
        self._news = asyncio.Event()
        self._everybody_is_in = asyncio.Event()
        """There is nobody left to gather for."""
        self._moved = asyncio.Event()
        """Set, and replaced by another one, whenever something may have become of batches that wait."""
        self._maintained_s = 0.0
        self._said = ""
        """Why results wait, as it was logged; empty while they don't."""

    # Its life.

    async def run(self) -> None:
        """Work until it is cancelled. Raises StaleTerm once another owns the shard."""
        await self.begin()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CYCLE_S):
                    await self._news.wait()
            if self._gathered:
                # Woken once, and not by each batch: there may be a thousand.
                with suppress(TimeoutError):
                    async with asyncio.timeout(GATHER_S):
                        await self._everybody_is_in.wait()
            self._news.clear()
            await self.cycle()

    def _look_who_is_in(self) -> None:
        """Say so where there is a batch of each segment that goes on, of every run of which there is any."""
        if self._gathered and all(
            len(each.deliveries) >= self._runs[run_id].live for run_id, each in self._gathered.items()
        ):
            self._everybody_is_in.set()

    async def begin(self) -> None:
        """Become the owner of the shard, as soon as the store answers."""
        while self._epoch is None:
            try:
                self._epoch = await self._store.own(self._shard, self._owner)
            except StoreFailed as error:
                await self._bear(error)

    async def cycle(self) -> None:
        """Write what has come, then look at every run once."""
        gathered, self._gathered = self._gathered, {}
        self._everybody_is_in.clear()
        try:
            if gathered:
                await self._write(gathered)
            silent = await self._read_anew()
            for run_id in list(self._runs):
                await self._look_at(run_id)
            await self._maintain()
            if silent is not None:
                await self._bear(silent)
        except StaleTerm:
            raise
        except StoreFailed as error:
            await self._bear(error)

    async def _bear(self, error: StoreFailed) -> None:
        """Say once that the store does not answer, and wait a little."""
        if not self._said:
            self._said = str(error)
            logger.warning("results wait for the store: %s", error)
        await self._timing.pause(AGAIN_S)

    @property
    def ready(self) -> bool:
        """Whether it owns its shard, and its store answers."""
        return self._epoch is not None and not self._said

    def figures(self) -> dict[str, float]:
        """For whoever watches over it."""
        going_on = [run for run in self._runs.values() if not run.finished]
        behind_ns = [run.standing.newest_ns - run.standing.sealed_until_ns for run in going_on]
        return {
            "apibench_aggregator_ready": int(self.ready),
            "apibench_aggregator_runs": len(going_on),
            "apibench_aggregator_batches_waiting": sum(len(each.deliveries) for each in self._gathered.values()),
            "apibench_aggregator_behind_seconds": max(behind_ns, default=0) / 1e9,
        }

    # Batches.

    async def take(self, pushed: Pushed) -> IntervalAck:
        """Returns once a batch is in the store, or is refused by name. Of a sum the minutes of its worker are made."""
        run = await self._find(pushed.run_id)
        refusal = "unknown_run" if run is None else run.refusal(pushed)
        if refusal or run is None:
            return IntervalAck(pushed.run_id, pushed.segment, 0, refusal)
        if zlib.crc32(pushed.counts) != pushed.checksum:
            return run.ack(pushed.segment, "bad_checksum")
        if isinstance(pushed, IntervalSum):
            return run.take_sum(pushed)
        return await self._take_batch(run, pushed)

    async def _take_batch(self, run: RunAggregate, batch: IntervalBatch) -> IntervalAck:
        book = run.books[batch.segment]
        if batch.number > book.accepted.batches:
            return run.ack(batch.segment, "gap")
        if batch.number == book.accepted.batches:
            gathered = self._gathered.get(batch.run_id) or Gathered(run.plan.grid)
            try:
                delivery = Delivery.of(batch, book.region)
                progress = book.accepted.then(delivery)
                gathered.add(delivery, progress)
            except ValueError:
                return run.ack(batch.segment, "bad_checksum")
            book.accepted = progress
            self._gathered[batch.run_id] = gathered
            self._news.set()
            self._look_who_is_in()
        while book.durable.batches <= batch.number and self._runs.get(batch.run_id) is run:
            await self._moved.wait()
        if book.durable.batches <= batch.number:
            raise LinkLost("the aggregator has begun anew with this run", "The batch is to be sent again.")
        return run.ack(batch.segment)

    async def _write(self, gathered: dict[str, Gathered]) -> None:
        """One transaction for all runs, tried until it has been done; then it counts."""
        parts: list[MetricPart] | None = None
        marks: _Marks = []
        while True:
            try:
                if parts is None:
                    parts, marks = await self._rows(gathered)
                await self._commit(parts, marks)
                break
            except StaleTerm:
                raise
            except Conflict as error:
                if await self._is_done_already(marks):
                    # By an attempt whose answer was lost.
                    break
                for run_id in gathered:
                    logger.warning("what is in the store is another's: %s", error, extra=about(run_id))
                await self._begin_anew(list(gathered))
                return
            except StoreFailed as error:
                await self._bear(error)
        self._said = ""
        now_s = self._timing.now_s()
        for run_id, each in gathered.items():
            run = self._runs[run_id]
            changed = run.settle(each)
            run.idle_since_s = now_s
            await self._tell_revised(run, changed)
        self._tell_moved()

    async def _rows(self, gathered: dict[str, Gathered]) -> tuple[list[MetricPart], _Marks]:
        parts: list[MetricPart] = []
        marks: _Marks = []
        for run_id, each in gathered.items():
            parts += await self._runs[run_id].parts_of(each)
            marks += self._runs[run_id].marks_of(each)
        return parts, marks

    async def _commit(self, parts: list[MetricPart], marks: _Marks) -> None:
        await self._store.commit(self._shard, self._epoch or 0, parts, marks)

    async def _is_done_already(self, marks: _Marks) -> bool:
        """What the store says of it, once it says anything."""
        while True:
            try:
                return await self._is_done(marks)
            except StoreFailed as error:
                await self._bear(error)

    async def _is_done(self, marks: _Marks) -> bool:
        for run_id in {mark.run_id for mark, _ in marks}:
            stored = {each.segment: each.durable for each in await self._store.marks(run_id)}
            if any(stored.get(mark.segment) != mark.durable for mark, _ in marks if mark.run_id == run_id):
                return False
        return bool(marks)

    async def _begin_anew(self, run_ids: list[str]) -> None:
        """What is known of these runs is not what is stored: they are read anew, and workers send again."""
        await self._forget(run_ids)
        # Nobody may ask for a run that is over, and the store may not answer at once.
        self._anew.update(run_ids)
        self._news.set()

    async def _read_anew(self) -> StoreFailed | None:
        """Each by itself: what one of them lacks holds up no other. Why some are still to be read."""
        silent: StoreFailed | None = None
        for run_id in list(self._anew):
            try:
                run = await self._find(run_id)
            except StaleTerm:
                raise
            except StoreFailed as error:
                silent = error
                continue
            except ValueError as error:
                logger.warning("the run can't be read anew: %s", error, extra=about(run_id))
                run = None
            self._anew.discard(run_id)
            if run is None:
                self._tell_gone(run_id)
        return silent

    def _tell_gone(self, run_id: str) -> None:
        """Its watchers hear that nothing more comes of it."""
        updates = self._updates.pop(run_id, None)
        if updates is not None and not updates.ended:
            updates.add(self._timing.now_s(), "ended", {"ended": "", "missing": []})

    async def _forget(self, run_ids: list[str]) -> None:
        """Nothing is known of these runs any more, until somebody asks for them."""
        for run_id in run_ids:
            self._runs.pop(run_id, None)
            self._closings.pop(run_id, None)
            self._ended_at_s.pop(run_id, None)
            self._results.pop(run_id, None)
            # What has come for it meanwhile was accepted by what is known no longer.
            self._gathered.pop(run_id, None)
        self._tell_moved()

    def _tell_moved(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    # Runs.

    async def open_run(self, opening: RunOpening) -> None:
        """Results of that run are going to come."""
        await self._store.open_run(opening)
        await self._find(opening.run_id)

    async def tell(self, facts: RunFacts) -> None:
        """Everything that is known of a run now."""
        run = await self._known(facts.run_id)
        await self._store.tell(facts)
        if run.tell(facts):
            self._news.set()
            self._look_who_is_in()

    async def watch(self, run_id: str, after: int) -> AsyncIterator[RunUpdate]:
        """Every update with a higher number, as it comes."""
        run = await self._known(run_id)
        async for update in run.updates.watch(after):
            yield update

    async def missing(self, run_id: str) -> tuple[int, ...]:
        """Segments whose results are still to come."""
        return (await self._known(run_id)).missing()

    async def result(self, run_id: str, query: ResultQuery) -> dict[str, Any]:
        """The result document of a run or of a part of it."""
        run = await self._find(run_id)
        if run is not None and not (run.finished and query == ResultQuery()):
            return await ResultReader(run).document(query)
        if run is not None:
            kept: str | None = await self._kept_result(run)
        else:
            kept = await self._store.result(run_id) if query.whole else None
        if kept is None:
            raise await self._not_there(run_id)
        document: dict[str, Any] = await asyncio.to_thread(json.loads, kept)
        return document

    async def _known(self, run_id: str) -> RunAggregate:
        run = await self._find(run_id)
        if run is None:
            raise await self._not_there(run_id)
        return run

    async def _not_there(self, run_id: str) -> NotFound:
        if await self._store.opened(run_id) is None:
            return NotFound(f"there is no run {run_id}", "Look at the list of runs.")
        return NotFound(
            f"the seconds of run {run_id} are forgotten", "Of a run that is so old there is the result of the whole."
        )

    async def _find(self, run_id: str) -> RunAggregate | None:
        """A run, from memory or from the store; None for one that nobody opened, or whose seconds are forgotten."""
        run = self._runs.get(run_id)
        if run is not None:
            return run
        if self._epoch is None:
            raise LinkLost("the aggregator is not ready yet", "Try again.")
        async with self._loading:
            if run_id in self._runs:
                return self._runs[run_id]
            found = await self._store.opened(run_id)
            if found is None or await is_forgotten(found[0], self._store):
                return None
            run = await recovered(*found, self._store, self._epoch)
            run.idle_since_s = self._timing.now_s()
            await self._have_heard_on(run)
            self._runs[run_id], self._closings[run_id] = run, Closing(run)
        self._news.set()
        return run

    async def _have_heard_on(self, run: RunAggregate) -> None:
        known = self._updates.get(run.opening.run_id)
        if known is not None:
            await run.hear_on(known, self._timing.now_s())
            return
        # Nobody has heard of it from us: what is sealed already is read in its result.
        run.updates.sealed_until_ns = run.standing.sealed_until_ns
        self._updates[run.opening.run_id] = run.updates

    async def _look_at(self, run_id: str) -> None:
        run, now_s = self._runs[run_id], self._timing.now_s()
        await self._tell_revised(run, run.revise(run.find_losses()))
        run.seal(now_s)
        self._end(run, now_s)
        async for closure in self._closings[run_id].due():
            if not await self._store_closure(run_id, closure):
                await self._begin_anew([run_id])
                return
            self._closings[run_id].close(closure)
        if run.finished and self._results.get(run_id) != run.stamp():
            await self._kept_result(run)
        if run.finished and now_s > run.idle_since_s + IDLE_S and run_id not in self._gathered:
            await self._forget([run_id])
            self._updates.pop(run_id, None)

    async def _kept_result(self, run: RunAggregate) -> str:
        """
        The document of a run that is over: it outlives its seconds; what comes later makes another one.

        It is made once, whoever asks for it meanwhile: of many steps it takes long.
        """
        run_id = run.opening.run_id
        async with run.telling:
            stamp = run.stamp()
            kept = await self._store.result(run_id) if self._results.get(run_id) == stamp else None
            if kept is not None:
                return kept
            document = await ResultReader(run).document(ResultQuery())
            text = await asyncio.to_thread(json.dumps, document, ensure_ascii=False)
            await self._store.put_result(run_id, text)
            self._results[run_id] = stamp
            return text

    async def _store_closure(self, run_id: str, closure: Closure) -> bool:
        """
        Write a coarse stretch, the very same until it is written: an attempt whose answer was lost may have done it.

        Nothing else is written meanwhile, so what comes late is in its own part. Whether nobody else has done it.
        """
        while True:
            try:
                await self._commit(list(closure.parts), [])
            except StaleTerm:
                raise
            except Conflict as error:
                logger.warning("a stretch in the store is another's: %s", error, extra=about(run_id))
                return False
            except StoreFailed as error:
                await self._bear(error)
            else:
                return True

    async def _tell_revised(self, run: RunAggregate, starts: list[int]) -> None:
        if starts:
            await run.tell_revised(starts, self._timing.now_s())

    def _end(self, run: RunAggregate, now_s: float) -> None:
        """Tell its watchers that it is over, once."""
        if run.finished or not run.facts.ended:
            return
        over_s = self._ended_at_s.setdefault(run.opening.run_id, now_s)
        if run.missing() and now_s < over_s + COLLECT_S:
            return
        self._ended_at_s.pop(run.opening.run_id, None)
        run.finished = True
        if run.updates.ended:
            # It was read anew behind its end.
            return
        run.updates.add(now_s, "ended", {"ended": run.facts.ended, "missing": list(run.missing())})

    async def _maintain(self) -> None:
        now_s = self._timing.now_s()
        if now_s < self._maintained_s + MAINTAIN_S and self._maintained_s:
            return
        self._maintained_s = now_s
        days = await self._store.maintain(time.time())
        for day in days:
            logger.info("metrics of %s are forgotten", day)
        if days:
            # What is known of a run that is over may be of seconds that are there no more.
            over = [run_id for run_id, run in self._runs.items() if run.finished]
            await self._forget(over)
            for run_id in over:
                self._updates.pop(run_id, None)
