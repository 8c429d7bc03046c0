"""The client's end of a stream both ways, which is over for both ways at once."""

import asyncio
from typing import Generic, TypeVar

import grpc.aio

from apibench.model.errors import ApibenchError, Refused
from apibench.wire.codec import Envelope, Malformed
from apibench.wire.grpc_channel import CONNECT_TIMEOUT_S, PACKAGE, connect, credentials_of, failures
from apibench.wire.limits import MAX_MESSAGE_BYTES
from apibench.wire.mailbox import Mailbox, lost
from apibench.wire.security import Security

Say = TypeVar("Say")
Hear = TypeVar("Hear")

LAST_WORDS_S = 1.0
"""How long a stream that is closed may take to bring what was said to the other end."""


class ClientStream(Generic[Say, Hear]):
    """
    Reads and writes in tasks of its own: whoever waits for a message and is cancelled loses neither it nor the stream,
    as would happen on the call itself.
    """

    def __init__(self, address: str, say: Envelope[Say], hear: Envelope[Hear], room: int) -> None:
        self._address = address
        self._say = say
        self._hear = hear
        self._outbox: Mailbox[bytes] = Mailbox(room)
        self._inbox: Mailbox[Hear] = Mailbox(room)
        self._carrying: asyncio.Task[None] | None = None

    async def open(self, method: str, security: Security) -> None:
        """Begin: returns once the other end has accepted. Raises LinkLost, Refused, UsageError."""
        metadata = credentials_of(security)
        channel = connect(self._address, security)
        try:
            start: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(f"/{PACKAGE}.{method}")
            call = start(metadata=metadata)
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                with failures(self._address):
                    await call.initial_metadata()
                    if call.done() and await call.code() is not grpc.StatusCode.OK:
                        await anext(aiter(call))  # raises why
        except TimeoutError as error:
            await channel.close()
            raise lost(f"{self._address} has not answered within {CONNECT_TIMEOUT_S:.0f} s") from error
        except BaseException:
            await channel.close()
            raise
        self._carrying = asyncio.create_task(self._carry(channel, call))

    async def send(self, value: Say) -> None:
        """Say something, as soon as there is room. Raises LinkLost, and Refused for what no message has room for."""
        data = self._say.to_bytes(value)
        if len(data) > MAX_MESSAGE_BYTES:
            raise Refused(f"a message of {len(data):,} bytes is too large to be sent", "Make it smaller.")
        await self._outbox.put(data)

    async def receive(self) -> Hear:
        """Hear the next thing. Raises LinkLost."""
        return await self._inbox.take()

    async def close(self) -> None:
        """Say nothing more; what was said still goes out, if the other end takes it at once."""
        self._end(lost("the conversation was ended here"))
        if self._carrying is not None:
            await asyncio.wait({self._carrying}, timeout=LAST_WORDS_S)
            self._carrying.cancel()
            await asyncio.gather(self._carrying, return_exceptions=True)

    def _end(self, reason: ApibenchError) -> None:
        self._outbox.close(reason)
        self._inbox.close(reason)

    async def _carry(self, channel: grpc.aio.Channel, call: "grpc.aio.StreamStreamCall[bytes, bytes]") -> None:
        writing = asyncio.create_task(self._write(call))
        try:
            with failures(self._address):
                await self._read(call)
            self._end(lost(f"{self._address} has ended the conversation"))
        except (ApibenchError, Malformed) as error:
            self._end(lost(str(error.message if isinstance(error, ApibenchError) else error)))
        finally:
            self._end(lost(f"the conversation with {self._address} broke off"))
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await channel.close()

    async def _read(self, call: "grpc.aio.StreamStreamCall[bytes, bytes]") -> None:
        async for data in call:  # `read` would leave unread what came together with the end
            said = self._hear.from_bytes(data)
            if said is not None and not self._inbox.closed:
                await self._inbox.put(said)

    async def _write(self, call: "grpc.aio.StreamStreamCall[bytes, bytes]") -> None:
        try:
            while True:
                await call.write(await self._outbox.take())
        except ApibenchError:
            await call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass  # who reads is told why
        except BaseException:
            call.cancel()
            raise
