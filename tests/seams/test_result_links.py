"""What every way of a worker to an aggregator must do, run over those within a process and those over gRPC."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any
from zlib import crc32

import pytest
from tests.seams.links import admit_all, soon

from apibench.model.batch import BatchRange, IntervalAck, IntervalBatch, IntervalSum, Pushed
from apibench.model.errors import LinkLost, Refused, StoreFailed
from apibench.wire.grpc_results import GrpcIntervalSink, serve_results
from apibench.wire.in_process import InProcessIntervalSink
from apibench.wire.limits import BATCHES_IN_FLIGHT, BYTES_IN_FLIGHT, MAX_PAYLOAD_BYTES
from apibench.wire.seam import AggregatorLink, IntervalSink
from apibench.wire.security import Security

pytestmark = pytest.mark.asyncio

Take = Callable[[Any], Awaitable[IntervalAck]]
Aggregators = Callable[[Take], AbstractAsyncContextManager[IntervalSink]]


class Aggregator:
    """An IntervalHost made of a function."""

    def __init__(self, take: Take) -> None:
        self._take = take

    async def take(self, pushed: Pushed) -> IntervalAck:
        return await self._take(pushed)


class NoAggregator:
    """The other face of an aggregator, which these tests leave alone."""

    def __getattr__(self, name: str) -> AggregatorLink:
        raise AssertionError(name)


@asynccontextmanager
async def sink_in_process(take: Take) -> AsyncIterator[IntervalSink]:
    sink = InProcessIntervalSink(Aggregator(take))
    yield sink
    await sink.close()


@asynccontextmanager
async def sink_over_grpc(take: Take) -> AsyncIterator[IntervalSink]:
    aggregator: AggregatorLink = NoAggregator()  # type: ignore[assignment] # it is never called
    server = await serve_results(Aggregator(take), aggregator, "127.0.0.1:0", Security(), admit_all)
    yield GrpcIntervalSink(server.address, Security(token="of a worker"))
    await server.stop(1.0)


@pytest.fixture(params=[sink_in_process, sink_over_grpc], ids=["in process", "grpc"])
def aggregators(request: pytest.FixtureRequest) -> Aggregators:
    made: Aggregators = request.param
    return made


def batch(number: int, counts: bytes = b"counts") -> IntervalBatch:
    return IntervalBatch("r1", 3, "w1", number, counts, crc32(counts))


async def test_batches_are_begun_in_order_without_waiting_for_one_another(aggregators: Aggregators) -> None:
    begun: list[IntervalBatch] = []
    done = [asyncio.Event() for _ in range(200)]

    async def take(taken: IntervalBatch) -> IntervalAck:
        begun.append(taken)
        if len(begun) == len(done):
            done[-1].set()
        await done[taken.number].wait()
        done[taken.number - 1].set()
        return IntervalAck(taken.run_id, taken.segment, taken.number)

    async with aggregators(take) as sink:
        session = await sink.open()
        for number in range(200):
            await session.push(batch(number))
        acks = [await session.acknowledged() for _ in range(200)]
        assert begun == [batch(number) for number in range(200)]
        assert acks == [IntervalAck("r1", 3, number) for number in reversed(range(200))]
        await session.close()


async def test_sums_that_are_wanted_pass_beside_batches(aggregators: Aggregators) -> None:
    wanted = BatchRange(0, 60)
    summed = IntervalSum("r1", 3, "w1", wanted, b"counts", crc32(b"counts"))
    taken: list[Pushed] = []

    async def take(pushed: Pushed) -> IntervalAck:
        taken.append(pushed)
        return IntervalAck("r1", 3, 61, "", 0, (wanted,) if isinstance(pushed, IntervalBatch) else ())

    async with aggregators(take) as sink:
        session = await sink.open()
        await session.push(batch(60))
        assert (await session.acknowledged()).wanted == (wanted,)
        await session.push(summed)
        assert await session.acknowledged() == IntervalAck("r1", 3, 61, "", 0)
        assert taken == [batch(60), summed]
        with pytest.raises(Refused, match="too large"):
            await session.push(replace(summed, counts=bytes(5 << 20)))
        await session.close()


async def test_whoever_pushes_faster_than_the_store_writes_waits(aggregators: Aggregators) -> None:
    begun = 0
    full, go = asyncio.Event(), asyncio.Event()

    async def take(taken: IntervalBatch) -> IntervalAck:
        nonlocal begun
        begun += 1
        if begun == BATCHES_IN_FLIGHT:
            full.set()
        await go.wait()
        return IntervalAck("r1", 3, taken.number + 1)

    async with aggregators(take) as sink:
        session = await sink.open()

        async def push_all() -> None:
            for number in range(2_000):
                await session.push(batch(number))

        pushing = asyncio.create_task(push_all())
        await soon(full)
        await asyncio.sleep(0.1)  # more would come by now
        assert begun == BATCHES_IN_FLIGHT
        go.set()
        assert [(await session.acknowledged()).durable for _ in range(2_000)] == list(range(1, 2_001))
        await pushing
        await session.close()


async def test_large_batches_wait_before_they_fill_the_memory(aggregators: Aggregators) -> None:
    begun = 0
    full, go = asyncio.Event(), asyncio.Event()
    large, few = b"x" * (BYTES_IN_FLIGHT // 4), 4

    async def take(taken: IntervalBatch) -> IntervalAck:
        nonlocal begun
        begun += 1
        if begun == few:
            full.set()
        await go.wait()
        return IntervalAck("r1", 3, taken.number + 1)

    async with aggregators(take) as sink:
        session = await sink.open()

        async def push_all() -> None:
            for number in range(20):
                await session.push(replace(batch(number), counts=large))

        pushing = asyncio.create_task(push_all())
        await soon(full)
        await asyncio.sleep(0.1)  # more would come by now
        assert begun == few
        go.set()
        assert [(await session.acknowledged()).durable for _ in range(20)] == list(range(1, 21))
        await pushing
        await session.close()


async def test_a_refusal_of_a_batch_passes_by_its_name(aggregators: Aggregators) -> None:
    async def take(taken: IntervalBatch) -> IntervalAck:
        assert taken.counts == b"x" * MAX_PAYLOAD_BYTES
        return IntervalAck("r1", 3, 4, refused="bad_checksum")

    async with aggregators(take) as sink:
        session = await sink.open()
        with pytest.raises(Refused, match=r"batch 8 of segment 3 .* too large"):
            await session.push(batch(8, b"x" * (MAX_PAYLOAD_BYTES + 1)))
        await session.push(batch(9, b"x" * MAX_PAYLOAD_BYTES))
        assert await session.acknowledged() == IntervalAck("r1", 3, 4, refused="bad_checksum")
        await session.close()


@pytest.mark.parametrize("error", [StoreFailed("the disk is full", ""), ZeroDivisionError()])
async def test_a_batch_that_can_t_be_taken_ends_the_stream_so_that_it_comes_again(
    aggregators: Aggregators, error: Exception
) -> None:
    async def take(taken: IntervalBatch) -> IntervalAck:
        if taken.number:
            raise error
        return IntervalAck("r1", 3, 1)

    async with aggregators(take) as sink:
        session = await sink.open()
        await session.push(batch(0))
        assert (await session.acknowledged()).durable == 1
        await session.push(batch(1))
        for _ in range(2):
            with pytest.raises(LinkLost):
                await session.acknowledged()
        with pytest.raises(LinkLost):
            await session.push(batch(1))
        await session.close()


async def test_what_was_pushed_before_the_end_is_taken(aggregators: Aggregators) -> None:
    taken: list[int] = []
    all_taken = asyncio.Event()

    async def take(each: IntervalBatch) -> IntervalAck:
        await asyncio.sleep(0)
        taken.append(each.number)
        if each.number == 99:
            all_taken.set()
        return IntervalAck("r1", 3, each.number + 1)

    async with aggregators(take) as sink:
        session = await sink.open()
        for number in range(100):
            await session.push(batch(number))
        await session.close()
        await session.close()
        await soon(all_taken)
        assert taken == list(range(100))
        with pytest.raises(LinkLost):
            await session.acknowledged()
        with pytest.raises(LinkLost):
            await session.push(batch(100))


async def test_a_slow_stream_of_results_holds_no_other_up(aggregators: Aggregators) -> None:
    go = asyncio.Event()

    async def take(taken: IntervalBatch) -> IntervalAck:
        if taken.number == 0:
            await go.wait()
        return IntervalAck("r1", 3, taken.number)

    async with aggregators(take) as sink:
        slow, quick = await sink.open(), await sink.open()
        await slow.push(batch(0))
        await quick.push(batch(1))
        assert (await quick.acknowledged()).durable == 1
        go.set()
        assert (await slow.acknowledged()).durable == 0
        await slow.close()
        await quick.close()


async def test_a_cut_sink_loses_what_goes_on_and_a_mended_one_begins_anew() -> None:
    async def take(taken: IntervalBatch) -> IntervalAck:
        return IntervalAck("r1", 3, taken.number)

    sink = InProcessIntervalSink(Aggregator(take))
    session = await sink.open()
    sink.cut()
    with pytest.raises(LinkLost):
        await session.push(batch(0))
    with pytest.raises(LinkLost):
        await session.acknowledged()
    with pytest.raises(LinkLost):
        await sink.open()
    sink.mend()
    session = await sink.open()
    await session.push(batch(5))
    assert (await session.acknowledged()).durable == 5
    await sink.close()
