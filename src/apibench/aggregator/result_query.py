"""The result document of a run, or of any part of it: a time, regions, workers, steps."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from apibench.aggregator.cells import Cells, Part
from apibench.aggregator.fleet import fleet_findings
from apibench.aggregator.judging import Judging
from apibench.aggregator.lost import disagreements
from apibench.aggregator.merging import RunTally
from apibench.aggregator.rows import row_length_s
from apibench.aggregator.run_aggregate import RunAggregate
from apibench.aggregator.run_record import fleet_end, run_end, run_record, worker_watches
from apibench.aggregator.sections import spans
from apibench.aggregator.standing import is_complete
from apibench.aggregator.stretches import Selection, Stretch
from apibench.aggregator.verdict import distrusted, verdict
from apibench.aggregator.windows import HOUR_S, WHOLE_S, WINDOW_S
from apibench.model.aggregation import Fate, ResultQuery
from apibench.model.interval import Interval
from apibench.model.run import Ended
from apibench.model.timeline import model_of
from apibench.model.verdict import Verdict
from apibench.report.equations import violations
from apibench.report.fleet_blocks import Section
from apibench.report.interval_row import interval_row
from apibench.report.result import document_of
from apibench.report.window_counts import WindowCounts


class ResultReader:
    """Reads what a run came to. All of it is in the store: nothing waits for anything."""

    def __init__(self, run: RunAggregate) -> None:
        self._run = run
        self._cells = Cells(run)
        self._grid = run.plan.grid

    async def document(self, query: ResultQuery) -> dict[str, Any]:
        """The document of a part, of all that has come."""
        part = self._cells.part(query)
        wholes = [each async for each in self._shown(part, rows=False)]
        totals = [self._interval(each, part) for each in wholes]
        judging = Judging(self._run.plan, self._run.facts.stopped_ns) if not part.whole else await self._judged()
        timeline, plan = self._run.timeline, self._run.plan
        window, shown = WindowCounts(timeline.main_start_ns), []
        # One at a time: a second of fifty steps is megabytes once its histograms have been looked into.
        async for cell in self._shown(part, rows=True) if query.rows else _in_turn(wholes):
            interval, presence = self._interval(cell, part), self._run.presence(cell)
            window.add(timeline, interval)
            shown.append(interval_row(interval, timeline, plan.series, plan.groups, presence))
            if not part.whole:
                judging.feed(interval, presence.present, presence.expected)
            # Batches, and in a single process heartbeats too, are not to wait for a long document.
            await asyncio.sleep(0)
        judging.tally.complete = self._run.facts.ended == "complete"
        tally = self._tally(totals, judging)
        record, end = run_record(self._run), run_end(self._run)
        judged = self._verdict(tally, judging, end.ended)
        sections = await self._sections(part)

        def document(judged: Verdict) -> dict[str, Any]:
            return document_of(record, end, judged, tally.main, tally.warmup, window, shown, sections)

        result = document(judged)
        if query.whole and self._run.facts.ended:
            broken = self._broken(result)
            if broken:
                result = document(distrusted(judged, broken))
        return result

    async def _shown(self, part: Part, *, rows: bool) -> AsyncIterator[Stretch]:
        """What stands in `intervals`. None reaches over the end of the window of rates, where a stop has cut it."""
        end_ns = None if self._run.facts.stopped_ns is None else self._run.timeline.window_end_ns
        cuts = [] if end_ns is None or not part.from_ns < end_ns < part.to_ns else [end_ns]
        for from_ns, to_ns in pairwise([part.from_ns, *cuts, part.to_ns]):
            piece = replace(part, from_ns=from_ns, to_ns=to_ns)
            async for cell in self._rows(piece) if rows else self._totals(piece):
                yield cell

    async def _totals(self, part: Part) -> AsyncIterator[Stretch]:
        """The warm-up, the planned duration and the drain, as far as they are asked for, each as one."""
        at_ns = part.from_ns
        while at_ns < part.to_ns:
            end_ns = self._grid.end_of(at_ns, WHOLE_S)
            until_ns = part.to_ns if end_ns is None else min(end_ns, part.to_ns)
            yield await self._cells.total(replace(part, from_ns=at_ns, to_ns=until_ns), WHOLE_S)
            at_ns = until_ns

    def _rows(self, part: Part) -> AsyncIterator[Stretch]:
        return self._cells.read(part, row_length_s(part.to_ns - part.from_ns, len(self._run.plan.series)))

    def _interval(self, cell: Stretch, part: Part) -> Interval:
        whole = self._run.interval(cell, part.selection)
        if part.series is None:
            return whole
        wanted = tuple(each for each in whole.series if each.series in part.series)
        return replace(whole, series=wanted, groups=())

    def _tally(self, totals: Sequence[Interval], judging: Judging) -> RunTally:
        """The sums, and what only single seconds can tell."""
        tally = RunTally(self._run.timeline)
        for each in totals:
            tally.add(each)
        tally.best_service = judging.tally.best_service
        tally.complete = self._run.facts.ended == "complete"
        return tally

    async def _judged(self) -> Judging:
        """Every threshold, of the whole run."""
        run = self._run
        if run.judging.stale or (run.facts.ended and run.end_ns > run.standing.sealed_until_ns):
            return await replayed(run)
        return run.judging

    def _verdict(self, tally: RunTally, judging: Judging, ended: Ended) -> Verdict:
        plan = self._run.plan.plan
        found = fleet_findings(plan, tally, worker_watches(self._run), plan.parsed_thresholds())
        return verdict(tally, ended, judging.results(), found, fleet_end(self._run))

    async def _sections(self, part: Part) -> list[Section]:
        run, made = self._run, []
        for span in spans(run.facts.ledger, run.plan.grid, run.end_ns):
            from_ns, to_ns = max(span.from_ns, part.from_ns), min(span.to_ns, part.to_ns)
            if from_ns >= to_ns:
                continue
            total = await self._cells.total(replace(part, from_ns=from_ns, to_ns=to_ns), HOUR_S)
            whole = self._interval(total, part)
            made.append(Section(span.revision, span.name, span.effective_ns, from_ns, whole.end_ns, whole))
        return made

    def _broken(self, document: dict[str, Any]) -> list[str]:
        """What of a run that is over does not add up."""
        run = self._run
        waited_for = run.missing()
        if waited_for:
            names = ", ".join(run.books[segment].worker_id for segment in waited_for)
            return [f"results are still to come of {names}"]
        found = list(violations(document))
        for each in run.facts.segments:
            if each.fate is not Fate.LOST and is_complete(run.books[each.segment], each):
                book, whole = run.books[each.segment], run.facts.ended == "complete"
                found += disagreements(book, run.facts.ledger, run.plan.debts, whole=whole)
        return found


async def _in_turn(cells: Sequence[Stretch]) -> AsyncIterator[Stretch]:
    for cell in cells:
        yield cell


async def replayed(run: RunAggregate) -> Judging:
    """The run judged from its beginning, by what is known of it now."""
    stamp = run.stamp()
    if run.replayed is None or run.replayed[0] != stamp:
        judging = Judging(run.plan, run.facts.stopped_ns)
        await replay(run, judging, run.end_ns)
        run.replayed = (stamp, judging)
    return run.replayed[1]


async def replay(run: RunAggregate, judging: Judging, until_ns: int) -> None:
    """
    Judge everything up to a boundary, as the store has it.

    By minutes and hours where nothing asks for single seconds: no threshold, no cap of an open load, no stop. A day is
    a hundred of those, and 86,400 seconds.
    """
    cells = Cells(run)
    part = Part(0, until_ns, Selection(), None, whole=True)
    plan = run.plan.plan
    by_window = any(each.window_s is not None or each.abort for each in plan.parsed_thresholds())
    by_second = by_window or model_of(plan) != "closed" or run.facts.stopped_ns is not None
    async for cell in cells.read(part, WINDOW_S if by_second else HOUR_S):
        presence = run.presence(cell)
        judging.feed(run.interval(cell), presence.present, presence.expected)
