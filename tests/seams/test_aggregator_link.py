"""What an AggregatorLink must do, run over an aggregator in this process, which is its own, and one over gRPC."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from apibench.model.aggregation import Fate, ResultQuery, RunFacts, RunOpening, RunUpdate, SegmentFacts
from apibench.model.batch import IntervalAck, Pushed
from apibench.model.errors import LinkLost, NotFound, Refused
from apibench.model.ledger import Ledger, Revision
from apibench.model.load import Rate
from apibench.model.rate_change import RateChange
from apibench.model.share import WHOLE
from apibench.model.worker import WorkerFacts
from apibench.wire.grpc_aggregation import GrpcAggregatorLink
from apibench.wire.grpc_results import serve_results
from apibench.wire.seam import AggregatorLink
from apibench.wire.security import Security

pytestmark = pytest.mark.asyncio

OPENING = RunOpening("r1", '{"name":"ü"}', "2026-11-24T10:00:00+00:00", {"team": "a"})
FACTS = RunFacts(
    "r1",
    3,
    Ledger(
        (
            Revision(0, 0, {0: WHOLE}),
            Revision(
                1, 2_000_000_000, {1: WHOLE}, (RateChange(0, 2_000_000_000, Rate(count=9, per_ns=1_000_000)),), "a"
            ),
        )
    ),
    (
        SegmentFacts(0, WorkerFacts("w1", "i1", "1.2", region="eu"), Fate.LOST, 5, None),
        SegmentFacts(1, WorkerFacts("w2", "i2", "1.2", protocols=(), cpus=0), Fate.FINISHED, -5, 0),
    ),
)


class Aggregator:
    """One that remembers what it is told, and has as many updates as the test wants."""

    def __init__(self) -> None:
        self.opened: list[RunOpening] = []
        self.told: list[RunFacts] = []
        self.updates: list[RunUpdate] = []
        self.more = asyncio.Event()
        self.watchers = 0

    def update(self, kind: str = "window") -> None:
        self.updates.append(RunUpdate(len(self.updates) + 1, kind, {"at": [1, None, {"ü": 2**60}], "kind": kind}))
        self.more.set()

    async def take(self, pushed: Pushed) -> IntervalAck:
        raise AssertionError(pushed)

    async def open_run(self, opening: RunOpening) -> None:
        self.opened.append(opening)

    async def tell(self, facts: RunFacts) -> None:
        self.told.append(facts)

    async def watch(self, run_id: str, after: int) -> AsyncIterator[RunUpdate]:
        self._find(run_id)
        self.watchers += 1
        try:
            while True:
                for update in self.updates[after:]:
                    yield update
                    after = update.number
                    if update.kind == "ended":
                        return
                self.more.clear()
                await self.more.wait()
        finally:
            self.watchers -= 1

    async def missing(self, run_id: str) -> tuple[int, ...]:
        self._find(run_id)
        return (0, 7)

    async def result(self, run_id: str, query: ResultQuery) -> dict[str, Any]:
        self._find(run_id)
        return {"run": run_id, "steps": list(query.steps), "from": query.from_ns, "big": "ü" * 3_000_000}

    def _find(self, run_id: str) -> None:
        if run_id not in {opening.run_id for opening in self.opened}:
            raise NotFound(f"there is no run {run_id}", "See the list.")


async def admit_controllers(token: str, role: str) -> None:
    assert (token, role) == ("of a controller", "admin")


@asynccontextmanager
async def itself(aggregator: Aggregator) -> AsyncIterator[AggregatorLink]:
    yield aggregator


@asynccontextmanager
async def over_grpc(aggregator: Aggregator) -> AsyncIterator[AggregatorLink]:
    server = await serve_results(aggregator, aggregator, "127.0.0.1:0", Security(), admit_controllers)
    link = GrpcAggregatorLink(server.address, Security(token="of a controller"))
    yield link
    await link.close()
    await server.stop(1.0)


Links = Callable[[Aggregator], AbstractAsyncContextManager[AggregatorLink]]


@pytest.fixture(params=[itself, over_grpc], ids=["in process", "grpc"])
def links(request: pytest.FixtureRequest) -> Links:
    made: Links = request.param
    return made


async def test_what_the_controller_tells_arrives_as_it_is(links: Links) -> None:
    aggregator = Aggregator()
    async with links(aggregator) as link:
        await link.open_run(OPENING)
        await link.open_run(OPENING)
        await link.tell(FACTS)
    assert aggregator.opened == [OPENING, OPENING]
    assert aggregator.told == [FACTS]


async def test_a_watcher_hears_every_update_once_and_goes_on_where_it_was_cut_off(links: Links) -> None:
    aggregator = Aggregator()
    async with links(aggregator) as link:
        await link.open_run(OPENING)
        aggregator.update()
        aggregator.update()
        first = link.watch("r1", 0)
        assert [await anext(first), await anext(first)] == aggregator.updates
        await first.aclose()  # type: ignore[attr-defined] # both are generators
        aggregator.update()

        async def end() -> None:
            await asyncio.sleep(0.02)
            aggregator.update("abort")
            await asyncio.sleep(0.02)
            aggregator.update("ended")

        ending = asyncio.create_task(end())
        assert [update async for update in link.watch("r1", 2)] == aggregator.updates[2:]
        assert len(aggregator.updates) == 5
        assert [update async for update in link.watch("r1", -1)][-1].kind == "ended"
        await ending
    assert aggregator.watchers == 0


async def test_several_watch_at_once(links: Links) -> None:
    aggregator = Aggregator()
    async with links(aggregator) as link:
        await link.open_run(OPENING)

        async def numbers() -> list[int]:
            return [update.number async for update in link.watch("r1", 0)]

        watching = [asyncio.create_task(numbers()) for _ in range(5)]
        for _ in range(3):
            await asyncio.sleep(0)
            aggregator.update()
        aggregator.update("ended")
        assert await asyncio.gather(*watching) == [[1, 2, 3, 4]] * 5


async def test_a_result_may_be_larger_than_a_message(links: Links) -> None:
    async with links(Aggregator()) as link:
        await link.open_run(OPENING)
        result = await link.result("r1", ResultQuery(from_ns=0, steps=("GET /", "b")))
        assert (result["steps"], result["from"], len(result["big"])) == (["GET /", "b"], 0, 3_000_000)
        assert (await link.result("r1", ResultQuery()))["from"] is None


async def test_what_is_still_to_come(links: Links) -> None:
    async with links(Aggregator()) as link:
        await link.open_run(OPENING)
        assert await link.missing("r1") == (0, 7)


async def test_a_run_that_nobody_opened_is_not_found(links: Links) -> None:
    async with links(Aggregator()) as link:
        with pytest.raises(NotFound, match="there is no run r2"):
            await link.result("r2", ResultQuery())
        with pytest.raises(NotFound, match="there is no run r2"):
            await link.missing("r2")
        with pytest.raises(NotFound, match="there is no run r2"):
            await anext(aiter(link.watch("r2", 0)))


async def test_a_link_that_is_closed_loses_whoever_waits_on_it() -> None:
    aggregator = Aggregator()
    await aggregator.open_run(OPENING)
    server = await serve_results(aggregator, aggregator, "127.0.0.1:0", Security(), admit_controllers)
    link = GrpcAggregatorLink(server.address, Security(token="of a controller"))
    waiting = asyncio.ensure_future(anext(link.watch("r1", 0)))
    while not aggregator.watchers:  # noqa: ASYNC110 -- nothing on this side tells when it is heard
        await asyncio.sleep(0.01)
    await link.close()
    with pytest.raises(LinkLost):
        await waiting
    with pytest.raises(LinkLost):
        await link.missing("r1")
    await server.stop(1.0)
    assert aggregator.watchers == 0


async def test_a_plan_and_facts_that_no_message_has_room_for_are_refused() -> None:
    aggregator = Aggregator()
    async with over_grpc(aggregator) as link:
        with pytest.raises(Refused, match="too large"):
            await link.open_run(RunOpening("r1", "x" * (5 << 20), ""))
        with pytest.raises(Refused, match="too large"):
            await link.tell(RunFacts("r1", 1, Ledger((Revision(0, 0, {}, reason="x" * (5 << 20)),)), ()))
    assert aggregator.opened == []
    assert aggregator.told == []
