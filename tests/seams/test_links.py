"""What every way of a worker to the controller must do, run over those within a process and those over gRPC."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from tests.seams.links import admit_all, soon

from apibench.model.control import Goodbye, Heartbeat, Lease, Prepare, Welcome
from apibench.model.errors import LinkLost, NotFound, Refused
from apibench.model.share import WHOLE
from apibench.wire.grpc_control import GrpcControllerLink, serve_worker_control
from apibench.wire.in_process import InProcessControllerLink
from apibench.wire.seam import ControllerLink, ControllerSession, WorkerSession
from apibench.wire.security import Security

pytestmark = pytest.mark.asyncio

Talk = Callable[[WorkerSession], Awaitable[None]]
Controllers = Callable[[Talk], AbstractAsyncContextManager[ControllerLink]]


class Controller:
    """A WorkerHost made of a function."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    async def converse(self, session: WorkerSession) -> None:
        await self._talk(session)


async def announced_by_nobody(address: str, shard: int) -> int:
    raise NotFound(f"{address} {shard}", "")


@asynccontextmanager
async def controller_in_process(talk: Talk) -> AsyncIterator[ControllerLink]:
    link = InProcessControllerLink(Controller(talk))
    yield link
    await link.close()


@asynccontextmanager
async def controller_over_grpc(talk: Talk) -> AsyncIterator[ControllerLink]:
    server = await serve_worker_control(Controller(talk), announced_by_nobody, "127.0.0.1:0", Security(), admit_all)
    yield GrpcControllerLink(server.address, Security(token="of a worker"))
    await server.stop(1.0)


@pytest.fixture(params=[controller_in_process, controller_over_grpc], ids=["in process", "grpc"])
def controllers(request: pytest.FixtureRequest) -> Controllers:
    made: Controllers = request.param
    return made


def prepare(plan: str) -> Prepare:
    return Prepare("r1", 3, plan, "sha", "", WHOLE)


async def answer_heartbeats(session: WorkerSession) -> None:
    try:
        while True:
            said = await session.receive()
            if isinstance(said, Heartbeat):
                await session.send(Lease(said.number, (("r1", said.number),)))
    except LinkLost:
        return


async def test_what_is_said_is_heard_in_order_both_ways(controllers: Controllers) -> None:
    async with controllers(answer_heartbeats) as link:
        session = await link.attach()

        async def speak() -> None:
            for number in range(3_000):
                await session.send(Heartbeat(number, number))

        speaking = asyncio.create_task(speak())
        heard = [await session.receive() for _ in range(3_000)]
        assert heard == [Lease(number, (("r1", number),)) for number in range(3_000)]
        await speaking
        await session.close()


async def test_the_last_words_before_a_worker_s_end_are_heard_and_then_the_end(controllers: Controllers) -> None:
    heard: list[object] = []
    over = asyncio.Event()

    async def talk(session: WorkerSession) -> None:
        try:
            while True:
                heard.append(await session.receive())
        except LinkLost:
            with pytest.raises(LinkLost):
                await session.send(Welcome(1, 1, 1))
            over.set()

    async with controllers(talk) as link:
        session = await link.attach()
        await session.send(Goodbye("the machine goes down"))
        await session.close()
        await session.close()
        await soon(over)
        assert heard == [Goodbye("the machine goes down")]
        with pytest.raises(LinkLost):
            await session.send(Goodbye("again"))
        with pytest.raises(LinkLost):
            await session.receive()


async def test_the_last_words_before_the_controller_s_end_are_heard_and_then_the_end(controllers: Controllers) -> None:
    async def talk(session: WorkerSession) -> None:
        for term in range(100):
            await session.send(Welcome(term, 1, 1))

    async with controllers(talk) as link:
        session = await link.attach()
        assert [await session.receive() for _ in range(100)] == [Welcome(term, 1, 1) for term in range(100)]
        for _ in range(2):
            with pytest.raises(LinkLost):
                await session.receive()
        with pytest.raises(LinkLost):
            await session.send(Goodbye("too late"))
        await session.close()


async def test_a_controller_that_breaks_ends_that_conversation_only(
    controllers: Controllers, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(session: WorkerSession) -> None:
        if isinstance(await session.receive(), Goodbye):
            raise ZeroDivisionError
        await answer_heartbeats(session)

    async with controllers(talk) as link:
        broken, whole = await link.attach(), await link.attach()
        await whole.send(Heartbeat(0, 0))
        await broken.send(Goodbye(""))
        with pytest.raises(LinkLost):
            await broken.receive()
        await whole.send(Heartbeat(1, 0))
        assert await whole.receive() == Lease(1, (("r1", 1),))
        await broken.close()
        await whole.close()
    assert "ZeroDivisionError" in caplog.text


async def test_a_wait_that_is_given_up_loses_nothing(controllers: Controllers) -> None:
    go = asyncio.Event()

    async def talk(session: WorkerSession) -> None:
        await go.wait()
        await session.send(Welcome(1, 1, 1))
        await answer_heartbeats(session)

    async with controllers(talk) as link:
        session = await link.attach()
        waiting = asyncio.create_task(session.receive())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        go.set()
        assert await session.receive() == Welcome(1, 1, 1)
        await session.send(Heartbeat(5, 0))
        assert await session.receive() == Lease(5, (("r1", 5),))
        await session.close()


async def test_a_plan_that_no_message_has_room_for_is_refused_and_the_conversation_goes_on(
    controllers: Controllers,
) -> None:
    refusals: list[str] = []

    async def talk(session: WorkerSession) -> None:
        try:
            await session.send(prepare("x" * (5 << 20)))
        except Refused as refusal:
            refusals.append(refusal.message)
        await session.send(prepare("ü" * 1_500_000))

    async with controllers(talk) as link:
        session = await link.attach()
        assert await session.receive() == prepare("ü" * 1_500_000)
        assert "too large" in refusals[0]
        await session.close()


async def test_a_worker_that_does_not_listen_is_left_and_holds_nobody_up(controllers: Controllers) -> None:
    """A controller that waited for it would give nobody a lease any more."""
    left = asyncio.Event()

    async def talk(session: WorkerSession) -> None:
        if isinstance(await session.receive(), Heartbeat):
            return await answer_heartbeats(session)
        try:
            for _ in range(30_000):
                await session.send(prepare("x" * 2_000))
                await asyncio.sleep(0)
        except LinkLost:
            left.set()

    async with controllers(talk) as link:
        deaf, other = await link.attach(), await link.attach()
        await other.send(Heartbeat(0, 0))
        await deaf.send(Goodbye("I do not listen any more"))
        await soon(left)
        await other.send(Heartbeat(7, 0))
        assert await other.receive() == Lease(7, (("r1", 7),))
        for _ in range(1_024):
            assert await deaf.receive() == prepare("x" * 2_000)
        assert await hear_the_rest(deaf)
        await deaf.close()
        await other.close()


async def hear_the_rest(session: ControllerSession) -> bool:
    try:
        while True:
            await session.receive()
    except LinkLost:
        return True


async def open_and_hear(link: ControllerLink) -> ControllerSession:
    session = await link.attach()
    await session.send(Heartbeat(0, 0))
    assert await session.receive() == Lease(0, (("r1", 0),))
    return session


async def test_a_cut_link_loses_what_goes_on_and_a_mended_one_begins_anew() -> None:
    link = InProcessControllerLink(Controller(answer_heartbeats))
    session = await open_and_hear(link)
    link.cut()
    with pytest.raises(LinkLost):
        await session.receive()
    with pytest.raises(LinkLost):
        await link.attach()
    link.mend()
    await open_and_hear(link)
    await link.close()
