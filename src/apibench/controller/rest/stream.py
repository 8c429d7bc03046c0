"""
`/v1/runs/{run_id}/stream`: a run as it goes on, by server-sent events.

An event's id is the number of its update, so `Last-Event-ID` resumes where a watcher was cut off. A watcher that does
not keep up is cut off rather than queued for: it comes back by itself and loses nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from apibench.controller.rest.refusals import responses
from apibench.controller.rest.runs import RunId
from apibench.controller.rest.services import NO_QUERY, VIEWER, Parts
from apibench.model.aggregation import RunUpdate
from apibench.model.errors import ApibenchError, LinkLost

MAX_QUEUED = 64
"""Updates that may wait for a watcher: a minute of windows."""
RETRY_MS = 2_000
_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]

router = APIRouter(prefix="/v1/runs/{run_id}", tags=["results"], dependencies=[VIEWER, NO_QUERY])

LastEventId = Annotated[
    int | None, Header(ge=0, le=2**53 - 1, description="The `id` of the last event that was seen: go on after it")
]


class EventStream(Response):
    """An answer that goes on until the run has ended, the watcher is gone, or it is cut off."""

    media_type = "text/event-stream"

    def __init__(
        self, updates: AsyncIterator[RunUpdate], first: RunUpdate | None, *, keep_alive_s: float, send_s: float
    ) -> None:
        super().__init__()
        self._updates = updates
        self._first = first
        self._keep_alive_s = keep_alive_s
        self._send_s = send_s
        self._queue: asyncio.Queue[RunUpdate | None] = asyncio.Queue(MAX_QUEUED)
        self._full = asyncio.Event()

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Write until one of the three has happened."""
        fetching = asyncio.create_task(self._fetch())
        ends = [
            asyncio.create_task(self._write(send)),
            asyncio.create_task(_until_gone(receive)),
            asyncio.create_task(_until(self._full)),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (fetching, *ends):
                task.cancel()
            results = await asyncio.gather(fetching, ends[0], return_exceptions=True)
        for result in results:
            # A watcher who is slow or gone is no fault of ours; anything else is.
            if isinstance(result, Exception) and not isinstance(result, TimeoutError | OSError):
                raise result

    async def _fetch(self) -> None:
        if self._first is not None:
            self._queue.put_nowait(self._first)
        try:
            async for update in self._updates:
                if self._queue.full():
                    self._full.set()
                    return
                self._queue.put_nowait(update)
        except ApibenchError:
            pass  # the watcher comes back and hears why
        except BaseException:
            self._full.set()
            raise
        await self._queue.put(None)

    async def _write(self, send: Send) -> None:
        await self._send(send, {"type": "http.response.start", "status": 200, "headers": [*_HEADERS]})
        await self._piece(send, f"retry: {RETRY_MS}\n\n")
        while True:
            try:
                # Not `wait_for`, which can swallow the cancellation that ends this.
                async with asyncio.timeout(self._keep_alive_s):
                    update = await self._queue.get()
            except TimeoutError:
                await self._piece(send, ": still here\n\n")
                continue
            if update is None:
                break
            await self._piece(send, event_text(update))
        await self._send(send, {"type": "http.response.body", "body": b"", "more_body": False})

    async def _piece(self, send: Send, text: str) -> None:
        await self._send(send, {"type": "http.response.body", "body": text.encode("utf-8"), "more_body": True})

    async def _send(self, send: Send, message: dict[str, object]) -> None:
        async with asyncio.timeout(self._send_s):
            await send(message)


def event_text(update: RunUpdate) -> str:
    """An update on the wire. JSON has no line breaks, so `data` is one line."""
    data = json.dumps(update.document, ensure_ascii=False, separators=(",", ":"))
    return f"id: {update.number}\nevent: {update.kind}\ndata: {data}\n\n"


@router.get(
    "/stream",
    response_class=Response,
    responses={
        **responses(404, 409),
        200: {
            "description": "Events `window`, `abort` and `ended`; `data` is JSON",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "The run is over and everything was seen: nothing will ever come"},
    },
)
async def stream_run(run_id: RunId, parts: Parts, last_event_id: LastEventId = None) -> Response:
    """A run as it goes on, from its beginning or after `Last-Event-ID`."""
    row = await parts.run(run_id)
    updates = parts.operations.watch(run_id, last_event_id or 0)
    first = None
    if row.state.is_over:
        try:
            async with asyncio.timeout(parts.send_s):
                first = await anext(updates, None)
        except TimeoutError as error:
            raise LinkLost("the aggregator does not answer", "Try again.") from error
        if first is None:
            return Response(status_code=204)  # which tells a browser not to come back
    return EventStream(updates, first, keep_alive_s=parts.keep_alive_s, send_s=parts.send_s)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _until(event: asyncio.Event) -> None:
    await event.wait()
