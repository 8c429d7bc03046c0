"""How an aggregator makes itself known to the controller over gRPC."""

from apibench.wire.grpc_call import GrpcCalls
from apibench.wire.grpc_channel import CALL_TIMEOUT_S
from apibench.wire.messages import AnnounceRequest, AnnounceResponse
from apibench.wire.security import Security


class GrpcDirectoryLink:
    """A way to the controller's ear for aggregators, until `close`."""

    def __init__(self, address: str, security: Security) -> None:
        self._calls = GrpcCalls(address, security)

    async def announce(self, address: str, shard: int = 0) -> int:
        """Say that an aggregator is at HOST:PORT; returns the controller's term. Raises LinkLost, Refused."""
        request = AnnounceRequest(address, shard)
        return (await self._calls.ask("Directory/Announce", request, AnnounceResponse, CALL_TIMEOUT_S)).term

    async def close(self) -> None:
        """Let go of the connection."""
        await self._calls.close()
