"""Results over gRPC: batches into an aggregator, and its acknowledgements; and the whole port of an aggregator."""

import asyncio
from collections.abc import AsyncIterator

import grpc

from apibench.model.batch import IntervalAck, Pushed
from apibench.model.errors import LinkLost
from apibench.model.installation import Role
from apibench.wire.grpc_aggregation import add_aggregation
from apibench.wire.grpc_client_stream import ClientStream
from apibench.wire.grpc_server import Context, GrpcServer, errors_told
from apibench.wire.grpc_server_stream import ServerStream
from apibench.wire.intake import Intake
from apibench.wire.limits import BATCHES_IN_FLIGHT, check_pushed
from apibench.wire.messages import ACKNOWLEDGED, PUSHED
from apibench.wire.seam import AggregatorLink, IntervalHost
from apibench.wire.security import Authorize, Security

READ_AHEAD = 4
"""Batches that a server has read and not begun to take. A few: each may have megabytes."""


class _IntervalSession:
    """An IntervalSession."""

    def __init__(self, stream: ClientStream[Pushed, IntervalAck]) -> None:
        self._stream = stream

    async def push(self, pushed: Pushed) -> None:
        """Hand it over. Raises LinkLost, and Refused for what is too large."""
        check_pushed(pushed)
        await self._stream.send(pushed)

    async def acknowledged(self) -> IntervalAck:
        """The next word on what is safe. Raises LinkLost."""
        return await self._stream.receive()

    async def close(self) -> None:
        """Push nothing more."""
        await self._stream.close()


class GrpcIntervalSink:
    """An IntervalSink. Each stream is a connection of its own, which its end closes."""

    def __init__(self, address: str, security: Security) -> None:
        self._address = address
        self._security = security

    async def open(self) -> _IntervalSession:
        """Begin a stream. Raises LinkLost, Refused."""
        stream = ClientStream(self._address, PUSHED, ACKNOWLEDGED, BATCHES_IN_FLIGHT)
        await stream.open("ResultIngest/Push", self._security)
        return _IntervalSession(stream)


class _Ingest:
    """The call that workers make."""

    def __init__(self, server: GrpcServer, host: IntervalHost) -> None:
        self._server = server
        self._host = host

    async def push(self, requests: AsyncIterator[bytes], context: Context) -> None:
        """A stream of batches."""
        async with errors_told(context):
            await self._server.accept(context, Role.WORKER)
            stream = ServerStream(ACKNOWLEDGED, PUSHED, READ_AHEAD)
            await stream.carry(self._server, requests, context, self._take_all(stream))

    async def _take_all(self, stream: ServerStream[IntervalAck, Pushed]) -> None:
        intake = Intake(self._host)
        answering = asyncio.create_task(_answer(intake, stream))
        try:
            while True:
                await intake.accept(await stream.receive())
        except LinkLost:
            pass  # the stream has ended, or a batch could not be taken
        finally:
            await intake.finish()
            await answering


async def _answer(intake: Intake, stream: ServerStream[IntervalAck, Pushed]) -> None:
    try:
        while True:
            await stream.send(await intake.next_answer())
    except LinkLost as error:
        stream.end(error)


def add_ingest(server: GrpcServer, host: IntervalHost) -> None:
    """Let workers bring their results to an aggregator at that server."""
    server.add("ResultIngest", {"Push": grpc.stream_stream_rpc_method_handler(_Ingest(server, host).push)})


async def serve_results(
    host: IntervalHost, aggregator: AggregatorLink, address: str, security: Security, authorize: Authorize
) -> GrpcServer:
    """Be an aggregator for workers and the controller at HOST:PORT. Raises UsageError, CertificatesUnusable."""
    server = GrpcServer(authorize)
    add_ingest(server, host)
    add_aggregation(server, aggregator)
    await server.start(address, security)
    return server
