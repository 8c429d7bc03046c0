"""The live stream: every update once and in order, resumed where it was cut, and never queued for ever."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.types import Message
from tests.unit.controller.rest.conftest import World

from apibench.controller.rest.stream import MAX_QUEUED, EventStream, event_text
from apibench.model.aggregation import RunUpdate
from apibench.model.errors import LinkLost
from apibench.model.installation import RunState

SCOPE: dict[str, Any] = {"type": "http"}


def window(number: int) -> RunUpdate:
    return RunUpdate(number, "window", {"start_s": number, "state": "sealed", "text": "a\nb"})


def events(text: str) -> list[tuple[int, str]]:
    found = []
    for piece in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in piece.splitlines() if not line.startswith(":"))
        if "event" in lines:
            found.append((int(lines["id"]), lines["event"]))
    return found


class Client:
    """Who reads a stream, as fast as it is told to."""

    def __init__(self, *, stuck_after: int | None = None) -> None:
        self.text = ""
        self.pieces = 0
        self.finished = False
        self.gone = asyncio.Event()
        self._stuck_after = stuck_after

    async def send(self, message: Message) -> None:
        self.pieces += 1
        if self._stuck_after is not None and self.pieces > self._stuck_after:
            await asyncio.Event().wait()
        if message["type"] == "http.response.body":
            self.text += message["body"].decode()
            self.finished = not message["more_body"]

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}


@pytest.mark.asyncio
async def test_a_run_that_is_over_is_told_from_its_beginning_and_then_no_more(
    world: World, document: dict[str, Any]
) -> None:
    run_id = await world.running(document)
    world.operations.updates = [window(1), window(2), RunUpdate(3, "ended", {"verdict": "passed"})]
    answer = await world.ask("GET", f"/v1/runs/{run_id}/stream")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert events(answer.text) == [(1, "window"), (2, "window"), (3, "ended")]


@pytest.mark.asyncio
async def test_last_event_id_goes_on_after_it(world: World, document: dict[str, Any]) -> None:
    run_id = await world.running(document)
    world.operations.updates = [window(1), window(2), RunUpdate(3, "abort", {}), RunUpdate(4, "ended", {})]
    answer = await world.ask("GET", f"/v1/runs/{run_id}/stream", headers={"Last-Event-ID": "2"})
    assert events(answer.text) == [(3, "abort"), (4, "ended")]
    await world.operations.move(run_id, RunState.FINISHED)
    over = await world.ask("GET", f"/v1/runs/{run_id}/stream", headers={"Last-Event-ID": "3"})
    assert events(over.text) == [(4, "ended")]
    nothing = await world.ask("GET", f"/v1/runs/{run_id}/stream", headers={"Last-Event-ID": "4"})
    assert (nothing.status_code, nothing.text) == (204, "")
    odd = await world.ask("GET", f"/v1/runs/{run_id}/stream", headers={"Last-Event-ID": "four"})
    assert odd.status_code == 422


def test_an_event_is_one_line_of_data_whatever_is_in_it() -> None:
    text = event_text(window(7))
    assert text == 'id: 7\nevent: window\ndata: {"start_s":7,"state":"sealed","text":"a\\nb"}\n\n'


async def silence() -> AsyncIterator[RunUpdate]:
    await asyncio.Event().wait()
    yield window(0)


async def many() -> AsyncIterator[RunUpdate]:
    for number in range(1, 10 * MAX_QUEUED):
        yield window(number)
        await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_a_silent_stream_says_that_it_is_there_until_its_watcher_is_gone() -> None:
    client = Client()
    stream = EventStream(silence(), None, keep_alive_s=0.001, send_s=10)
    serving = asyncio.create_task(stream(SCOPE, client.receive, client.send))
    while client.text.count(": still here\n\n") < 3:  # noqa: ASYNC110 - nothing tells what was written
        await asyncio.sleep(0)
    client.gone.set()
    await serving
    assert not client.finished


@pytest.mark.asyncio
async def test_a_watcher_that_takes_nothing_is_cut_off_and_not_queued_for() -> None:
    client = Client(stuck_after=3)
    # Longer than the test may take: what cuts it off is the full queue.
    await EventStream(many(), None, keep_alive_s=1_000, send_s=1_000)(SCOPE, client.receive, client.send)
    assert not client.finished
    assert len(events(client.text)) == 1


@pytest.mark.asyncio
async def test_a_watcher_that_is_stuck_is_cut_off_in_time_even_where_nothing_comes() -> None:
    client = Client(stuck_after=2)
    await EventStream(silence(), window(1), keep_alive_s=1_000, send_s=0.01)(SCOPE, client.receive, client.send)
    assert not client.finished


@pytest.mark.asyncio
async def test_a_watcher_that_keeps_up_gets_everything() -> None:
    client = Client()
    await EventStream(many(), None, keep_alive_s=1_000, send_s=1_000)(SCOPE, client.receive, client.send)
    assert [number for number, _ in events(client.text)] == list(range(1, 10 * MAX_QUEUED))
    assert client.finished


@pytest.mark.asyncio
async def test_an_aggregator_that_is_lost_ends_the_stream_so_that_the_watcher_comes_back() -> None:
    async def lost() -> AsyncIterator[RunUpdate]:
        yield window(1)
        raise LinkLost("the aggregator is gone", "Wait.")

    client = Client()
    await EventStream(lost(), None, keep_alive_s=1_000, send_s=1_000)(SCOPE, client.receive, client.send)
    assert events(client.text) == [(1, "window")]
    assert client.finished
