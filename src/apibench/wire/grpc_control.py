"""Workers' conversations with the controller over gRPC, and the ear that the controller has for aggregators."""

from collections.abc import AsyncIterator, Awaitable, Callable

import grpc

from apibench.model.control import ControllerMessage, WorkerMessage
from apibench.model.errors import UsageError
from apibench.model.installation import Role
from apibench.wire.codec import codec_of
from apibench.wire.grpc_client_stream import ClientStream
from apibench.wire.grpc_server import Context, GrpcServer, errors_told
from apibench.wire.grpc_server_stream import ServerStream
from apibench.wire.limits import UNHEARD_MESSAGES
from apibench.wire.messages import CONTROLLER_SAYS, WORKER_SAYS, AnnounceRequest, AnnounceResponse
from apibench.wire.seam import WorkerHost
from apibench.wire.security import Authorize, Security, host_of

Announced = Callable[[str, int], Awaitable[int]]
"""Hears that an aggregator is at HOST:PORT for a shard; returns the controller's term. May raise Refused."""

MAX_ADDRESS = 300
"""A host name has 253 characters at most."""


class GrpcControllerLink:
    """A ControllerLink. Each conversation is a connection of its own, which its end closes."""

    def __init__(self, address: str, security: Security) -> None:
        self._address = address
        self._security = security

    async def attach(self) -> ClientStream[WorkerMessage, ControllerMessage]:
        """Begin a conversation. Raises LinkLost where nobody answers, Refused where the token does not do."""
        stream = ClientStream(self._address, WORKER_SAYS, CONTROLLER_SAYS, UNHEARD_MESSAGES)
        await stream.open("WorkerControl/Attach", self._security)
        return stream


class _WorkerSession:
    """A WorkerSession."""

    def __init__(self, stream: ServerStream[ControllerMessage, WorkerMessage]) -> None:
        self._stream = stream

    async def send(self, message: ControllerMessage) -> None:
        """Say something. Raises LinkLost, also where the worker has not listened for long."""
        self._stream.post(message)

    async def receive(self) -> WorkerMessage:
        """Hear the next thing. Raises LinkLost."""
        return await self._stream.receive()


class _WorkerControl:
    """The call that workers make."""

    def __init__(self, server: GrpcServer, host: WorkerHost) -> None:
        self._server = server
        self._host = host

    async def attach(self, requests: AsyncIterator[bytes], context: Context) -> None:
        """A worker's conversation."""
        async with errors_told(context):
            await self._server.accept(context, Role.WORKER)
            stream = ServerStream(CONTROLLER_SAYS, WORKER_SAYS, UNHEARD_MESSAGES)
            await stream.carry(self._server, requests, context, self._host.converse(_WorkerSession(stream)))


class _Directory:
    """The call that aggregators make."""

    def __init__(self, server: GrpcServer, announced: Announced) -> None:
        self._server = server
        self._announced = announced

    async def announce(self, request: bytes, context: Context) -> bytes:
        """An aggregator is there."""
        async with errors_told(context):
            # The controller will show its own token to whoever is at that address: a worker may not say where.
            await self._server.admit(context, Role.ADMIN)
            said = codec_of(AnnounceRequest).from_bytes(request)
            if len(said.address) > MAX_ADDRESS:
                raise UsageError(f"an address of {len(said.address)} characters is none", "Say HOST:PORT.")
            host_of(said.address)
            term = await self._announced(said.address, said.shard)
            return codec_of(AnnounceResponse).to_bytes(AnnounceResponse(term))


def add_worker_control(server: GrpcServer, host: WorkerHost) -> None:
    """Let workers reach a controller at that server."""
    server.add("WorkerControl", {"Attach": grpc.stream_stream_rpc_method_handler(_WorkerControl(server, host).attach)})


def add_directory(server: GrpcServer, announced: Announced) -> None:
    """Let aggregators make themselves known to a controller at that server."""
    server.add("Directory", {"Announce": grpc.unary_unary_rpc_method_handler(_Directory(server, announced).announce)})


async def serve_worker_control(
    host: WorkerHost, announced: Announced, address: str, security: Security, authorize: Authorize
) -> GrpcServer:
    """Be a controller for workers and aggregators at HOST:PORT. Raises UsageError, CertificatesUnusable."""
    server = GrpcServer(authorize)
    add_worker_control(server, host)
    add_directory(server, announced)
    await server.start(address, security)
    return server
