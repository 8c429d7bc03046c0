"""Single questions over gRPC, and those with many answers."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TypeVar

import grpc.aio

from apibench.model.errors import Refused
from apibench.wire.codec import Malformed, codec_of
from apibench.wire.grpc_channel import PACKAGE, connect, credentials_of, failures
from apibench.wire.limits import MAX_MESSAGE_BYTES
from apibench.wire.mailbox import lost
from apibench.wire.security import Security

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class GrpcCalls:
    """One connection to ask over. All raise LinkLost, Refused, NotFound."""

    def __init__(self, address: str, security: Security) -> None:
        self._address = address
        self._security = security
        self._channel: grpc.aio.Channel | None = None
        self._closed = False

    async def ask(self, method: str, question: Question, answer: type[Answer], timeout_s: float) -> Answer:
        """The answer."""
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._open().unary_unary(f"/{PACKAGE}.{method}")
        with self._failures():
            data = await call(_bytes(question), metadata=credentials_of(self._security), timeout=timeout_s)
        return self._read(answer, data)

    async def hear(
        self, method: str, question: Question, answer: type[Answer], timeout_s: float | None
    ) -> AsyncIterator[Answer]:
        """All answers; to leave off earlier ends the call."""
        start: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = self._open().unary_stream(f"/{PACKAGE}.{method}")
        call = start(_bytes(question), metadata=credentials_of(self._security), timeout=timeout_s)
        try:
            with self._failures():
                async for data in call:
                    yield self._read(answer, data)
        finally:
            call.cancel()

    async def close(self) -> None:
        """Ask nothing more. Whoever waits for an answer loses it."""
        self._closed = True
        if self._channel is not None:
            await self._channel.close()

    def _open(self) -> grpc.aio.Channel:
        # Only now, because a channel belongs to the loop that runs when it is made.
        if self._closed:
            raise lost(f"the link to {self._address} is closed")
        if self._channel is None:
            self._channel = connect(self._address, self._security)
        return self._channel

    @contextmanager
    def _failures(self) -> Iterator[None]:
        with failures(self._address):
            try:
                yield
            except asyncio.CancelledError:
                if not self._closed:
                    raise
                # The closed channel has cancelled its calls, and nobody the task that waits here.
                raise lost(f"the link to {self._address} is closed") from None

    def _read(self, kind: type[Answer], data: bytes) -> Answer:
        try:
            return codec_of(kind).from_bytes(data)
        except Malformed as error:
            raise Refused(f"{self._address}: {error}", "Are both sides of the same version?") from error


def _bytes(question: Question) -> bytes:
    data = codec_of(type(question)).to_bytes(question)
    if len(data) > MAX_MESSAGE_BYTES:
        raise Refused(f"a message of {len(data):,} bytes is too large to be sent", "Make it smaller.")
    return data
