"""What an AgentLink must do, run over a controller in this process, which is its own, and one over gRPC."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from tests.seams.links import admit_all

from apibench.model.errors import LinkLost, Refused
from apibench.model.provision import AgentFacts, AgentOrders, AgentReport, Provision, ProvisionStatus
from apibench.wire.grpc_agents import GrpcAgentLink, add_agent_control
from apibench.wire.grpc_server import GrpcServer
from apibench.wire.seam import AgentLink
from apibench.wire.security import Security

pytestmark = pytest.mark.asyncio
REPORT = AgentReport(
    AgentFacts("ü", "i", "eu", "k8s-job", "1.2", max_workers=7), (ProvisionStatus("r1", 2, "no room", failed=True),)
)
ORDERS = AgentOrders(3, (Provision("r1", 5, 900), Provision("r2", 10_000, 2**31)))


class Controller:
    """One that remembers, and answers with what the test says."""

    def __init__(self) -> None:
        self.heard: list[AgentReport] = []
        self.answer: AgentOrders | Exception = ORDERS

    async def report(self, report: AgentReport) -> AgentOrders:
        self.heard.append(report)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


Ways = Callable[[Controller], AbstractAsyncContextManager[AgentLink]]


@asynccontextmanager
async def in_process(controller: Controller) -> AsyncIterator[AgentLink]:
    yield controller


@asynccontextmanager
async def over_grpc(controller: Controller) -> AsyncIterator[AgentLink]:
    server = GrpcServer(admit_all)
    add_agent_control(server, controller)
    await server.start("127.0.0.1:0", Security())
    link = GrpcAgentLink(server.address, Security(token="of a worker"))
    yield link
    await link.close()
    await server.stop(1.0)


@pytest.fixture(params=[in_process, over_grpc], ids=["in process", "grpc"])
def ways(request: pytest.FixtureRequest) -> Ways:
    made: Ways = request.param
    return made


async def test_a_report_is_heard_whole_and_so_are_its_orders(ways: Ways) -> None:
    controller = Controller()
    async with ways(controller) as link:
        assert await link.report(REPORT) == ORDERS
        controller.answer = AgentOrders(4, refused="another is there")
        assert await link.report(AgentReport(REPORT.agent)) == controller.answer
    assert controller.heard == [REPORT, AgentReport(REPORT.agent)]


@pytest.mark.parametrize("error", [LinkLost("it is away", "Wait."), Refused("no such token", "Make one.")])
async def test_what_goes_wrong_there_is_raised_here(ways: Ways, error: Exception) -> None:
    controller = Controller()
    controller.answer = error
    async with ways(controller) as link:
        with pytest.raises(type(error), match=str(error).split(".", maxsplit=1)[0]):
            await link.report(REPORT)


async def test_over_a_network_nobody_comes_in_without_the_right_token() -> None:
    async def admit_nobody(token: str, role: str) -> None:
        raise Refused(f"{len(token)} characters are no token of the role {role}", "Make one.")

    server = GrpcServer(admit_nobody)
    controller = Controller()
    add_agent_control(server, controller)
    await server.start("127.0.0.1:0", Security())
    for token in ("", "wrong"):
        link = GrpcAgentLink(server.address, Security(token=token))
        with pytest.raises(Refused, match="token"):
            await link.report(REPORT)
        await link.close()
    await server.stop(1.0)
    assert controller.heard == []
