"""The controller's way to an aggregator over gRPC, both ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc

from apibench.model.aggregation import ResultQuery, RunFacts, RunOpening, RunUpdate
from apibench.model.installation import Role
from apibench.wire.codec import codec_of
from apibench.wire.grpc_call import GrpcCalls
from apibench.wire.grpc_channel import CALL_TIMEOUT_S
from apibench.wire.grpc_server import Context, GrpcServer, errors_told, until_stopped
from apibench.wire.limits import check_size
from apibench.wire.messages import (
    MissingRequest,
    MissingResponse,
    OpenRunRequest,
    OpenRunResponse,
    ResultRequest,
    ResultResponse,
    TellRequest,
    TellResponse,
    WatchRequest,
    WatchResponse,
)
from apibench.wire.seam import AggregatorLink
from apibench.wire.security import Security

PIECE_BYTES = 1 << 20
"""Of a result document that is larger than a message may be."""
RESULT_TIMEOUT_S = 120.0
"""A result is computed when it is asked for, from all that is stored of it."""


class GrpcAggregatorLink:
    """An AggregatorLink: one connection, made when it is first needed and again when it broke, until `close`."""

    def __init__(self, address: str, security: Security) -> None:
        self._calls = GrpcCalls(address, security)

    async def open_run(self, opening: RunOpening) -> None:
        """Results of that run are going to come. Raises LinkLost, Refused."""
        check_size("a plan", len(opening.plan.encode()))
        await self._calls.ask("Aggregation/OpenRun", OpenRunRequest(opening), OpenRunResponse, CALL_TIMEOUT_S)

    async def tell(self, facts: RunFacts) -> None:
        """Everything that is known of a run now. Raises LinkLost, Refused."""
        await self._calls.ask("Aggregation/Tell", TellRequest(facts), TellResponse, CALL_TIMEOUT_S)

    async def watch(self, run_id: str, after: int) -> AsyncIterator[RunUpdate]:
        """Every update with a higher number, as it comes; ends with `ended`. Raises LinkLost, NotFound, Refused."""
        request = WatchRequest(run_id, after)
        async for response in self._calls.hear("Aggregation/Watch", request, WatchResponse, None):
            yield response.update

    async def missing(self, run_id: str) -> tuple[int, ...]:
        """Segments of a run whose results are still to come. Raises LinkLost, NotFound, Refused."""
        request = MissingRequest(run_id)
        return (await self._calls.ask("Aggregation/Missing", request, MissingResponse, CALL_TIMEOUT_S)).segments

    async def result(self, run_id: str, query: ResultQuery) -> dict[str, Any]:
        """The result document of a run or of a part of it. Raises LinkLost, NotFound, Refused."""
        request = ResultRequest(run_id, query)
        pieces = self._calls.hear("Aggregation/Result", request, ResultResponse, RESULT_TIMEOUT_S)
        text = b"".join([piece.document async for piece in pieces])
        document: dict[str, Any] = await asyncio.to_thread(json.loads, text)
        return document

    async def close(self) -> None:
        """Let go of the connection."""
        await self._calls.close()


class _Aggregation:
    """The calls that the controller makes."""

    def __init__(self, server: GrpcServer, aggregator: AggregatorLink) -> None:
        self._server = server
        self._aggregator = aggregator

    async def open_run(self, request: bytes, context: Context) -> bytes:
        async with errors_told(context):
            await self._server.admit(context, Role.ADMIN)
            await self._aggregator.open_run(codec_of(OpenRunRequest).from_bytes(request).opening)
            return codec_of(OpenRunResponse).to_bytes(OpenRunResponse())

    async def tell(self, request: bytes, context: Context) -> bytes:
        async with errors_told(context):
            await self._server.admit(context, Role.ADMIN)
            await self._aggregator.tell(codec_of(TellRequest).from_bytes(request).facts)
            return codec_of(TellResponse).to_bytes(TellResponse())

    async def watch(self, request: bytes, context: Context) -> None:
        async with errors_told(context):
            await self._server.admit(context, Role.ADMIN)
            said = codec_of(WatchRequest).from_bytes(request)
            updates = self._aggregator.watch(said.run_id, said.after)
            async for update in until_stopped(self._server.stopping, updates):
                await context.write(codec_of(WatchResponse).to_bytes(WatchResponse(update)))

    async def missing(self, request: bytes, context: Context) -> bytes:
        async with errors_told(context):
            await self._server.admit(context, Role.ADMIN)
            said = codec_of(MissingRequest).from_bytes(request)
            segments = await self._aggregator.missing(said.run_id)
            return codec_of(MissingResponse).to_bytes(MissingResponse(segments))

    async def result(self, request: bytes, context: Context) -> None:
        async with errors_told(context):
            await self._server.admit(context, Role.ADMIN)
            said = codec_of(ResultRequest).from_bytes(request)
            document = await self._aggregator.result(said.run_id, said.query)
            text = await asyncio.to_thread(_encoded, document)
            for start in range(0, len(text), PIECE_BYTES):
                piece = ResultResponse(text[start : start + PIECE_BYTES])
                await context.write(codec_of(ResultResponse).to_bytes(piece))


def add_aggregation(server: GrpcServer, aggregator: AggregatorLink) -> None:
    """Let the controller reach an aggregator at that server."""
    calls = _Aggregation(server, aggregator)
    server.add(
        "Aggregation",
        {
            "OpenRun": grpc.unary_unary_rpc_method_handler(calls.open_run),
            "Tell": grpc.unary_unary_rpc_method_handler(calls.tell),
            "Watch": grpc.unary_stream_rpc_method_handler(calls.watch),
            "Missing": grpc.unary_unary_rpc_method_handler(calls.missing),
            "Result": grpc.unary_stream_rpc_method_handler(calls.result),
        },
    )


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
