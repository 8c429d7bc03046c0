"""The server's end of a stream both ways, which is over for both ways at once."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Generic, TypeVar

import grpc

from apibench.model.errors import ApibenchError, LinkLost, Refused
from apibench.wire.codec import Envelope, Malformed
from apibench.wire.grpc_server import Context, GrpcServer
from apibench.wire.limits import MAX_MESSAGE_BYTES
from apibench.wire.mailbox import Mailbox, lost

Say = TypeVar("Say")
Hear = TypeVar("Hear")

LAST_WORDS_S = 5.0
"""How long the other end may take to hear what was said before the end."""


class ServerStream(Generic[Say, Hear]):
    """One call, from its acceptance on."""

    def __init__(self, say: Envelope[Say], hear: Envelope[Hear], room: int) -> None:
        self._say = say
        self._hear = hear
        self._room = room
        self._outbox: Mailbox[bytes] = Mailbox(room)
        self._inbox: Mailbox[Hear] = Mailbox(room)
        self._fault: ApibenchError | Malformed | None = None

    async def receive(self) -> Hear:
        """Hear the next thing. Raises LinkLost."""
        return await self._inbox.take()

    async def send(self, value: Say) -> None:
        """Say something, as soon as there is room. Raises LinkLost, and Refused for what no message has room for."""
        await self._outbox.put(self._bytes(value))

    def post(self, value: Say) -> None:
        """Say something without waiting: who does not listen is left. Raises LinkLost, Refused."""
        if not self._outbox.post(self._bytes(value)):
            self._fault = lost(f"{self._room} messages were left unheard")
            self.end(self._fault)
            raise lost(f"the other end has left {self._room} messages unheard")

    def end(self, reason: LinkLost) -> None:
        """Whoever waits here hears it."""
        self._outbox.close(reason)
        self._inbox.close(reason)

    async def carry(
        self, server: GrpcServer, requests: AsyncIterator[bytes], context: Context, work: Coroutine[Any, Any, None]
    ) -> None:
        """Read and write until `work` has ended; it hears of the end of the stream, and is never cut off by it."""
        working = server.begin(work)
        reading = asyncio.create_task(self._read(requests))
        writing = asyncio.create_task(self._write(context))
        try:
            with server.ended_by(lambda: self.end(lost("the other service is stopping"))):
                await asyncio.wait({working})
            self.end(lost("the conversation was ended here"))
            await asyncio.wait({writing}, timeout=LAST_WORDS_S)
        finally:
            self.end(lost("the other end has gone"))
            reading.cancel()
            writing.cancel()
            await asyncio.gather(reading, writing, return_exceptions=True)
        if self._fault is not None:
            raise self._fault
        await working  # raises what it raised

    def _bytes(self, value: Say) -> bytes:
        data = self._say.to_bytes(value)
        if len(data) > MAX_MESSAGE_BYTES:
            raise Refused(f"a message of {len(data):,} bytes is too large to be sent", "Make it smaller.")
        return data

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        try:
            async for data in requests:
                said = self._hear.from_bytes(data)
                if said is not None:
                    await self._inbox.put(said)
        except Malformed as error:
            self._fault = error
        except (ApibenchError, grpc.RpcError):
            pass  # the stream has ended
        finally:
            self.end(lost("the other end has ended the conversation"))

    async def _write(self, context: Context) -> None:
        try:
            while True:
                await context.write(await self._outbox.take())
        except ApibenchError:
            pass  # the stream has ended, and everything is out
        finally:
            self.end(lost("the other end has gone"))
