"""What every aggregator's store must do, run over each of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
import pytest_asyncio
from tests.seams.conftest import KEEP_DAYS, OpenResults

from apibench.model.aggregation import Fate, RunFacts, RunOpening, SegmentFacts
from apibench.model.errors import Conflict, StaleTerm, StoreFailed
from apibench.model.ledger import Ledger, Revision
from apibench.model.load import Rate
from apibench.model.metric import IngestMark, MetricPart, PartQuery
from apibench.model.rate_change import RateChange
from apibench.model.share import RING, WHOLE, Cut, Share
from apibench.model.worker import WorkerFacts
from apibench.store.results import ResultStore

pytestmark = pytest.mark.asyncio

STARTED = "2026-11-20T23:59:58.250000+00:00"
STARTED_S = 1_795_219_198
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
ODD = "Zoë 测试 \U0001f980 'x' \\ % _"


@pytest_asyncio.fixture
async def store(open_results: OpenResults) -> ResultStore:
    made = await open_results()
    await made.open_run(RunOpening("r", "{}", STARTED))
    return made


@pytest_asyncio.fixture
async def epoch(store: ResultStore) -> int:
    return await store.own(0, "one")


def a_part(second: int = 0, **options: object) -> MetricPart:
    row = MetricPart("r", 1, second * SECOND, (second + 1) * SECOND, "eu", "", 0, 1, 2, b"counts", '{"steal_ns":1}')
    return replace(row, **options)  # type: ignore[arg-type]


def mark(durable: int, segment: int = 0, worker: str = "w") -> IngestMark:
    return IngestMark("r", segment, worker, durable)


async def read(store: ResultStore, query: PartQuery | None = None) -> list[MetricPart]:
    return [part async for part in store.parts(query or PartQuery("r", 1))]


# What was told of a run.


async def test_a_run_is_opened_once(store: ResultStore) -> None:
    opening = RunOpening("q", ODD, "2026-11-25T10:00:00+01:00", {ODD: ODD})
    await store.open_run(opening)
    await store.open_run(replace(opening, plan="other", started_at=STARTED))
    assert await store.opened("q") == (opening, None)
    assert await store.opened("nobody") is None


async def test_the_newest_facts_hold(store: ResultStore) -> None:
    change = RateChange(0, 5 * SECOND, Rate(count=500, per_ns=SECOND))
    shares = {0: Share((Cut(0, 2**63 - 1),)), 7: Share((Cut(2**63, RING - 1),))}
    ledger = Ledger((Revision(0, 0, {0: WHOLE}), Revision(1, 5 * SECOND, shares, (change,), ODD)))
    worker = WorkerFacts("w", "i", "0.3", region="eu", labels={ODD: ODD}, cpus=4)
    facts = RunFacts("r", 7, ledger, (SegmentFacts(0, worker, Fate.LOST, 3, 12), SegmentFacts(7, worker)))
    await store.tell(facts)
    await store.tell(RunFacts("r", 6, Ledger(), ()))
    assert await store.opened("r") == (RunOpening("r", "{}", STARTED), facts)
    later = replace(facts, version=8, ended="complete", ended_at=STARTED)
    await store.tell(later)
    assert await store.opened("r") == (RunOpening("r", "{}", STARTED), later)


async def test_of_a_run_that_was_not_opened_nothing_is_taken(store: ResultStore, epoch: int) -> None:
    with pytest.raises(Conflict, match="nobody"):
        await store.tell(RunFacts("nobody", 1, Ledger(), ()))
    with pytest.raises(Conflict, match="nobody"):
        await store.commit(0, epoch, [a_part(), a_part(run_id="nobody")], [])
    with pytest.raises(Conflict, match="nobody"):
        await store.commit(0, epoch, [], [(IngestMark("nobody", 0, "w", 1), 0)])
    with pytest.raises(Conflict, match="nobody"):
        await store.put_result("nobody", "{}")
    assert (await read(store), await store.marks("nobody"), await store.result("nobody")) == ([], [], None)
    assert await read(store, PartQuery("nobody", 1)) == []


async def test_a_later_result_takes_the_place_of_the_first(store: ResultStore) -> None:
    assert await store.result("r") is None
    await store.put_result("r", '{"first":1}')
    await store.put_result("r", large := ODD * 100_000)
    assert await store.result("r") == large


# Who may write.


async def test_each_owner_of_a_shard_has_a_higher_epoch(open_results: OpenResults) -> None:
    stores = [await open_results() for _ in range(4)]
    told = await asyncio.gather(*(each.own(3, f"a{number}") for number, each in enumerate(stores)))
    assert sorted(told) == [1, 2, 3, 4]
    assert await stores[0].own(4, "a") == 1


async def test_an_owner_of_before_writes_nothing(open_results: OpenResults) -> None:
    one, two = await open_results(), await open_results()
    await one.open_run(RunOpening("r", "{}", STARTED))
    old = await one.own(0, "one")
    await one.commit(0, old, [a_part(0)], [(mark(1), 0)])
    new = await two.own(0, "two")
    with pytest.raises(StaleTerm, match="shard 0"):
        await one.commit(0, old, [a_part(1)], [(mark(2), 1)])
    with pytest.raises(StaleTerm):
        await one.commit(1, new, [a_part(1)], [(mark(2), 1)])
    assert await read(two) == [a_part(0)]
    assert await two.marks("r") == [mark(1)]
    await two.commit(0, new, [a_part(1)], [(mark(2), 1)])
    assert await read(one) == [a_part(0), a_part(1)]


# Commits.


async def test_marks_move_from_where_they_stand(store: ResultStore, epoch: int) -> None:
    await store.commit(0, epoch, [], [(mark(3), 0), (mark(1, 1, "v"), 0)])
    await store.commit(0, epoch, [], [(mark(4), 3)])
    assert await store.marks("r") == [mark(4), mark(1, 1, "v")]


async def test_a_mark_named_twice_moves_twice(store: ResultStore, epoch: int) -> None:
    await store.commit(0, epoch, [], [(mark(1), 0), (mark(2), 1)])
    await store.commit(0, epoch, [], [(mark(3), 2), (mark(5), 3)])
    assert await store.marks("r") == [mark(5)]
    with pytest.raises(Conflict):
        await store.commit(0, epoch, [], [(mark(6), 5), (mark(8), 7)])
    assert await store.marks("r") == [mark(5)]


@pytest.mark.parametrize(
    ("moves", "error"),
    [
        ([(mark(1, 5), 0), (mark(9), 2)], Conflict),
        ([(mark(1, 5), 0), (mark(4), 0)], Conflict),
        ([(mark(1, 5), 0), (mark(4, 0, "another"), 3)], Conflict),
        ([(mark(1, 5), 0), (mark(7, 6), 5)], Conflict),
        ([(mark(1, 5), 0), (mark(2), 3)], ValueError),
    ],
)
async def test_a_mark_that_stands_elsewhere_leaves_nothing_behind(
    store: ResultStore, epoch: int, moves: Sequence[tuple[IngestMark, int]], error: type[Exception]
) -> None:
    await store.commit(0, epoch, [a_part(0)], [(mark(3), 0)])
    with pytest.raises(error):
        await store.commit(0, epoch, [a_part(1)], moves)
    assert await read(store) == [a_part(0)]
    assert await store.marks("r") == [mark(3)]


async def test_the_same_part_twice_is_one(store: ResultStore, epoch: int) -> None:
    await store.commit(0, epoch, [a_part(), a_part()], [])
    await store.commit(0, epoch, [a_part(1), a_part()], [])
    assert await read(store) == [a_part(0), a_part(1)]


@pytest.mark.parametrize(
    "other",
    [a_part(counts=b"others"), a_part(workers=2), a_part(host=""), a_part(end_ns=9), a_part(workers_expected=1)],
)
async def test_another_part_of_the_same_place_is_refused_with_its_marks(
    store: ResultStore, epoch: int, other: MetricPart
) -> None:
    await store.commit(0, epoch, [a_part()], [(mark(1), 0)])
    with pytest.raises(Conflict, match="is another"):
        await store.commit(0, epoch, [a_part(5), other], [(mark(2), 1)])
    with pytest.raises(Conflict, match="is another"):
        await store.commit(0, epoch, [a_part(6), replace(other, part=1), replace(a_part(), part=1)], [])
    assert await read(store) == [a_part()]
    assert await store.marks("r") == [mark(1)]


async def test_of_two_who_move_one_mark_at_once_one_has_its_way(open_results: OpenResults) -> None:
    stores = [await open_results() for _ in range(4)]
    await stores[0].open_run(RunOpening("r", "{}", STARTED))
    epochs = [await each.own(number, "a") for number, each in enumerate(stores)]
    for turn in range(4):
        told = await asyncio.gather(
            *(
                each.commit(number, epochs[number], [a_part(turn, region=f"{number}")], [(mark(turn + 1), turn)])
                for number, each in enumerate(stores)
            ),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in told) == ["Conflict", "Conflict", "Conflict", "NoneType"]
        assert len(await read(stores[0])) == turn + 1
        assert await stores[0].marks("r") == [mark(turn + 1)]


async def test_marks_of_several_runs_each_move_as_far_as_they_are_told(store: ResultStore, epoch: int) -> None:
    await store.open_run(RunOpening("q", "{}", STARTED))
    here = [mark(segment + 1, segment) for segment in range(9)]
    there = [replace(mark(9 - segment, segment), run_id="q") for segment in range(5)]
    await store.commit(0, epoch, [], [(each, 0) for each in (*here, *there)])
    steps = {run_id: [number * number % 4 + 1 for number in range(9)] for run_id in ("r", "q")}
    moves = [
        (replace(each, durable=each.durable + steps[each.run_id][each.segment]), each.durable)
        for each in (*here, *there)
        if each.segment % 3
    ]
    await store.commit(0, epoch, [], moves)
    moved = {(each.run_id, each.segment): each for each, _ in moves}
    for run_id, before in (("r", here), ("q", there)):
        assert await store.marks(run_id) == [moved.get((run_id, each.segment), each) for each in before]


async def test_a_thousand_marks_at_once(store: ResultStore, epoch: int) -> None:
    moves = [(mark(1, segment, f"w{segment}"), 0) for segment in range(1_000)]
    await store.commit(0, epoch, [], moves)
    await store.commit(0, epoch, [], [(replace(each, durable=2), 1) for each, _ in moves])
    assert [each.durable for each in await store.marks("r")] == [2] * 1_000


async def test_nothing_to_write_is_still_refused_to_a_stale_owner(store: ResultStore, epoch: int) -> None:
    await store.commit(0, epoch, [], [])
    await store.own(0, "two")
    with pytest.raises(StaleTerm):
        await store.commit(0, epoch, [], [])


# Parts.


async def test_a_part_comes_back_as_it_went_in(store: ResultStore, epoch: int) -> None:
    large = bytes(range(256)) * 8_192
    parts = [
        a_part(counts=large, region=ODD, worker_id="", host=ODD),
        a_part(counts=b"", region="", part=2**31 - 1, workers=30_000, workers_expected=40_000),
        a_part(start_ns=2**53, end_ns=2**53 + 1),
    ]
    await store.commit(0, epoch, parts, [])
    assert await read(store) == sorted(parts, key=lambda part: (part.start_ns, part.region))


async def test_parts_come_by_start_region_worker_and_part(store: ResultStore, epoch: int) -> None:
    regions, workers = ["", "B", "a", "b", "é"], ["-", "U", "_", "u"]
    parts = [
        a_part(second, region=region, worker_id=worker, part=part)
        for second in (3, 1)
        for region in regions
        for worker in workers
        for part in (10, 2, 0)
    ]
    await store.commit(0, epoch, parts, [])
    wanted = sorted(parts, key=lambda part: (part.start_ns, part.region, part.worker_id, part.part))
    assert await read(store, PartQuery("r", 1, workers=())) == wanted


async def test_more_parts_than_a_page_come_once_each(store: ResultStore, epoch: int) -> None:
    parts = [a_part(second, region=region) for second in range(200) for region in ("eu", "us")]
    await store.commit(0, epoch, parts, [])
    assert await read(store) == parts


async def test_parts_are_found_by_tier_time_region_and_worker(store: ResultStore, epoch: int) -> None:
    await store.open_run(RunOpening("q", "{}", STARTED))
    parts = [
        replace(a_part(second), run_id=run_id, tier_s=tier, region=region, worker_id=worker)
        for run_id in ("r", "q")
        for tier in (0, 1, 10, 60)
        for second in (0, 1, 2, 86_400)
        for region in ("eu", "us")
        for worker in ("", "w1", "w2")
    ]
    await store.commit(0, epoch, parts, [])
    for query in (
        PartQuery("r", 10),
        PartQuery("q", 0, workers=()),
        PartQuery("r", 1, from_ns=SECOND),
        PartQuery("r", 1, from_ns=SECOND + 1, to_ns=2 * SECOND + 1),
        PartQuery("r", 60, to_ns=2 * SECOND),
        PartQuery("r", 1, regions=("us",), workers=("w2", "w3")),
        PartQuery("r", 1, regions=("us", "eu"), from_ns=3 * SECOND, to_ns=2 * DAY),
        PartQuery("r", 2),
        PartQuery("r", 1, workers=("",)),
    ):
        fits = [part for part in parts if fitting(part, query)]
        assert await read(store, query) == sorted(fits, key=lambda part: (part.start_ns, part.region, part.worker_id))


async def test_parts_are_told_without_what_was_counted(store: ResultStore, epoch: int) -> None:
    parts = [replace(a_part(second), tier_s=tier) for tier in (0, 1) for second in range(3)]
    await store.commit(0, epoch, parts, [])
    for tier in (0, 1):
        wanted = [replace(part, counts=b"") for part in parts if part.tier_s == tier]
        assert await read(store, PartQuery("r", tier, counts=False)) == wanted


def fitting(part: MetricPart, query: PartQuery) -> bool:
    """The contract's words, one by one."""
    return (
        (part.run_id, part.tier_s) == (query.run_id, query.tier_s)
        and part.start_ns >= query.from_ns
        and (query.to_ns is None or part.start_ns < query.to_ns)
        and (part.region in query.regions or not query.regions)
        and (part.worker_id in query.workers if query.workers else (part.worker_id == "") == (query.workers is None))
    )


async def test_a_reader_that_stops_half_way_is_in_nobody_s_way(store: ResultStore, epoch: int) -> None:
    await store.commit(0, epoch, [a_part(second) for second in range(300)], [])
    reader = aiter(store.parts(PartQuery("r", 1)))
    assert await anext(reader) == a_part(0)
    await store.commit(0, epoch, [a_part(300)], [(mark(1), 0)])
    assert len([part async for part in reader]) in (299, 300)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
async def test_a_text_that_some_database_can_t_keep_is_refused_by_all(
    store: ResultStore, epoch: int, text: str
) -> None:
    with pytest.raises(StoreFailed, match="a text holds"):
        await store.commit(0, epoch, [a_part(), a_part(1, region=text)], [(mark(1), 0)])
    with pytest.raises(StoreFailed, match="a text holds"):
        await store.commit(0, epoch, [a_part()], [(mark(1, worker=text), 0)])
    assert (await read(store), await store.marks("r")) == ([], [])


# Days.


async def test_whole_days_are_forgotten_and_whole_runs_are_not(store: ResultStore, epoch: int) -> None:
    # The run began on the 20th, 1.75 s before midnight.
    stretches = [a_part(second) for second in (0, 1, 2, 3, 86_401, 86_402, 2 * 86_400, 3 * 86_400)]
    whole = a_part(tier_s=0, end_ns=4 * DAY)
    await store.commit(0, epoch, [*stretches, whole, a_part(1, tier_s=10), a_part(2, worker_id="w")], [(mark(1), 0)])
    await store.put_result("r", "{}")
    noon_of_the_23rd = float(STARTED_S + 2.5 * 86_400)
    assert KEEP_DAYS == 2
    assert await store.maintain(noon_of_the_23rd) == ["2026-11-20"]
    assert await read(store) == stretches[2:]
    assert await read(store, PartQuery("r", 10)) == []
    assert await read(store, PartQuery("r", 0)) == [whole]
    assert await store.maintain(noon_of_the_23rd) == []
    assert await store.maintain(noon_of_the_23rd + 86_400) == ["2026-11-21"]
    assert await read(store) == stretches[5:]
    assert (await store.marks("r"), await store.result("r")) == ([mark(1)], "{}")


async def test_a_run_that_goes_on_loses_nothing_however_long_it_takes(store: ResultStore, epoch: int) -> None:
    stretches = [a_part(second) for second in (0, 3, 2 * 86_400, 4 * 86_400)]
    await store.commit(0, epoch, stretches, [])
    noon_of_the_24th = float(STARTED_S + 3.5 * 86_400)
    assert await store.maintain(noon_of_the_24th) == []
    assert await read(store) == stretches
    await store.put_result("r", "{}")
    assert await store.maintain(noon_of_the_24th) == ["2026-11-20", "2026-11-21"]
    assert await read(store) == stretches[2:]


async def test_late_parts_of_a_forgotten_day_are_taken_and_forgotten_again(store: ResultStore, epoch: int) -> None:
    later = float(STARTED_S + 10 * 86_400)
    await store.commit(0, epoch, [a_part(0)], [])
    await store.maintain(later)
    await store.commit(0, epoch, [a_part(0), a_part(1)], [])
    assert await read(store) == [a_part(0), a_part(1)]
    assert await store.maintain(later) == ["2026-11-20"]
    assert await read(store) == []
