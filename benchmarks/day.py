"""A long run: how soon a percentile of any day of it is told, out of what is stored."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Iterable

from machine import Section
from moved import moved
from seconds import KINDS, SAMPLES, many_steps, measured_seconds
from thousand import postgres

from apibench.aggregator.service import Aggregator
from apibench.aggregator.windows import HOUR_S, MINUTE_S, WINDOW_S
from apibench.model.aggregation import Fate, ResultQuery, RunFacts, RunOpening, SegmentFacts
from apibench.model.counts import IntervalCounts
from apibench.model.ledger import Ledger, Revision
from apibench.model.metric import IngestMark, MetricPart
from apibench.model.share import WHOLE
from apibench.model.units import NS_PER_S
from apibench.model.worker import WorkerFacts
from apibench.store.database import open_stores

STEPS = 10
HOURS = 26
FROM_S = HOUR_S + 23 * MINUTE_S + 45
"""No boundary of anything but a second."""
DAY_S = 24 * HOUR_S


def day(times: int = 20) -> Section:
    """The stretches of a run of 26 hours, written as an aggregator would have; then a day of it is asked for."""
    kinds = measured_seconds(STEPS)
    with postgres() as url:
        took_s, used_s, requests, stretches = asyncio.run(_day(url, kinds, times))
    return Section(
        f"Many machines: any 24 hours of a run of {HOURS} hours, {STEPS} series of {SAMPLES} samples a second, PostgreSQL",
        [
            f"- the document of that day without rows, with p99 of every step, of {requests:,} requests out of {stretches} stretches: "
            f"median {statistics.median(took_s) * 1e3:.0f} ms, at most {max(took_s) * 1e3:.0f} ms of {times}; "
            f"{statistics.median(used_s) * 1e3:.0f} ms of the aggregator's processor",
        ],
    )


async def _day(url: str, kinds: list[bytes], times: int) -> tuple[list[float], list[float], int, int]:
    stores = await open_stores(url)
    epoch = await stores.results.own(0, "benchmark")
    await stores.results.open_run(RunOpening("r", many_steps(STEPS, HOURS * HOUR_S).canonical().decode(), "2026-01-01T00:00:00+00:00"))
    worker = WorkerFacts("w", "i", "1")
    ledger = Ledger((Revision(0, 0, {0: WHOLE}, reason="start"),))
    await stores.results.tell(RunFacts("r", 1, ledger, (SegmentFacts(0, worker, Fate.LIVE),)))
    parts = list(_parts(kinds))
    await stores.results.commit(0, epoch, parts, [(IngestMark("r", 0, "w", HOURS * HOUR_S), 0)])
    aggregator = Aggregator(stores.results, "benchmark")
    await aggregator.begin()
    query = ResultQuery(from_ns=FROM_S * NS_PER_S, to_ns=(FROM_S + DAY_S) * NS_PER_S, rows=False)
    document = await aggregator.result("r", query)
    took_s, used_s = [], []
    for _ in range(times):
        asked_s, before_s = time.monotonic(), time.process_time()
        again = await aggregator.result("r", query)
        took_s.append(time.monotonic() - asked_s)
        used_s.append(time.process_time() - before_s)
        assert again["service_time"]["quantiles"]["0.99"] == document["service_time"]["quantiles"]["0.99"]
    await stores.close()
    return took_s, used_s, document["requests"]["started"], len(parts) - 1


def _parts(kinds: list[bytes]) -> Iterable[MetricPart]:
    """What covers that day, by the fewest stretches; and the last second of the run."""
    sums = {WINDOW_S: kinds[0], 10: _sum(kinds[number % KINDS] for number in range(10))}
    sums[MINUTE_S] = _sum([sums[10]] * 6)
    sums[HOUR_S] = _sum([sums[MINUTE_S]] * 60)
    at_s, until_s = FROM_S, FROM_S + DAY_S
    while at_s < until_s:
        length_s = next(each for each in (HOUR_S, MINUTE_S, 10, WINDOW_S) if at_s % each == 0 and at_s + each <= until_s)
        yield _part(sums[length_s], at_s, length_s)
        at_s += length_s
    yield _part(kinds[0], HOURS * HOUR_S - 1, WINDOW_S)


def _part(counts: bytes, start_s: int, length_s: int) -> MetricPart:
    start_ns, end_ns = start_s * NS_PER_S, (start_s + length_s) * NS_PER_S
    progress = {"batches": start_s + length_s, "end_ns": end_ns, "final": start_s + length_s == HOURS * HOUR_S, "iterations": [], "host": [0] * 4}
    words = {"detail": "none", "late": False, "segments": {"0": progress}}
    host = json.dumps(words) if length_s == WINDOW_S else ""
    return MetricPart("r", length_s, start_ns, end_ns, "", "", 0, 1, 1, moved(counts, start_ns, end_ns), host)


def _sum(parts: Iterable[bytes]) -> bytes:
    total = IntervalCounts()
    for part in parts:
        total.merge_wire(part)
    total.clear_pending()
    return total.to_wire()
