"""How agents reach the controller over gRPC."""

import grpc

from apibench.model.installation import Role
from apibench.model.provision import AgentOrders, AgentReport
from apibench.wire.codec import codec_of
from apibench.wire.grpc_call import GrpcCalls
from apibench.wire.grpc_channel import CALL_TIMEOUT_S
from apibench.wire.grpc_server import Context, GrpcServer, errors_told
from apibench.wire.messages import ReportRequest, ReportResponse
from apibench.wire.seam import AgentLink
from apibench.wire.security import Security


class GrpcAgentLink:
    """An AgentLink, until `close`."""

    def __init__(self, address: str, security: Security) -> None:
        self._calls = GrpcCalls(address, security)

    async def report(self, report: AgentReport) -> AgentOrders:
        """Say what is there; all that is wanted. Raises LinkLost, Refused."""
        asked = ReportRequest(report)
        return (await self._calls.ask("AgentControl/Report", asked, ReportResponse, CALL_TIMEOUT_S)).orders

    async def close(self) -> None:
        """Let go of the connection."""
        await self._calls.close()


class _AgentControl:
    """The call that agents make."""

    def __init__(self, server: GrpcServer, controller: AgentLink) -> None:
        self._server = server
        self._controller = controller

    async def report(self, request: bytes, context: Context) -> bytes:
        """An agent is there."""
        async with errors_told(context):
            # It hears the ids of runs and how many workers they want, and nothing that a worker may not know.
            await self._server.admit(context, Role.WORKER)
            said = codec_of(ReportRequest).from_bytes(request)
            return codec_of(ReportResponse).to_bytes(ReportResponse(await self._controller.report(said.report)))


def add_agent_control(server: GrpcServer, controller: AgentLink) -> None:
    """Let agents reach a controller at that server."""
    calls = _AgentControl(server, controller)
    server.add("AgentControl", {"Report": grpc.unary_unary_rpc_method_handler(calls.report)})
