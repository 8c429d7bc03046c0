"""An agent between its controllers and its provider: what it obeys, what it keeps, and whom it asks."""

from collections.abc import Sequence

import pytest

from apibench.agent.service import Agent
from apibench.model.errors import LinkLost
from apibench.model.provision import AgentFacts, AgentOrders, AgentReport, Provision, ProvisionStatus

pytestmark = pytest.mark.asyncio
FACTS = AgentFacts("a", "a1", "eu", "local", "1.0")
ONE, TWO = Provision("r1", 1, 60), Provision("r2", 2, 60)


class Provider:
    """Remembers what was wanted of it; everything is there at once."""

    def __init__(self) -> None:
        self.wanted: list[tuple[Provision, ...]] = []
        self.closed = False

    async def provide(self, wanted: Sequence[Provision]) -> tuple[ProvisionStatus, ...]:
        self.wanted.append(tuple(wanted))
        return tuple(ProvisionStatus(each.run_id, each.count) for each in wanted)

    async def close(self) -> None:
        self.closed = True


class Controller:
    """An AgentLink that says what it is told to."""

    def __init__(self, *answers: AgentOrders | LinkLost) -> None:
        self.answers = list(answers)
        self.heard: list[AgentReport] = []

    async def report(self, report: AgentReport) -> AgentOrders:
        self.heard.append(report)
        answer = self.answers.pop(0)
        if isinstance(answer, LinkLost):
            raise answer
        return answer


def gone() -> LinkLost:
    return LinkLost("nobody answers", "Try again.")


async def test_it_makes_what_is_wanted_and_reports_it_with_the_next_word() -> None:
    provider, controller = Provider(), Controller(AgentOrders(1, (ONE,)), AgentOrders(1, (ONE, TWO)), AgentOrders(1))
    agent = Agent(FACTS, provider, [controller])
    attached = [agent.attached]
    for _ in range(3):
        await agent.round()
        attached.append(agent.attached)
    assert attached == [False, True, True, True]
    assert provider.wanted == [(ONE,), (ONE, TWO), ()]
    done = [report.provisions for report in controller.heard]
    assert done == [(), (ProvisionStatus("r1", 1),), (ProvisionStatus("r1", 1), ProvisionStatus("r2", 2))]


async def test_before_anybody_has_said_what_is_wanted_nothing_is_ended() -> None:
    provider = Provider()
    agent = Agent(FACTS, provider, [Controller(gone(), AgentOrders(3, refused="this controller does not lead"))])
    await agent.round()
    await agent.round()
    assert provider.wanted == []
    assert not agent.attached


async def test_what_was_wanted_last_stays_while_no_controller_has_orders() -> None:
    provider = Provider()
    controller = Controller(AgentOrders(2, (ONE,)), gone(), AgentOrders(2, refused="it does not lead"), AgentOrders(2))
    agent = Agent(FACTS, provider, [controller])
    for _ in range(4):
        await agent.round()
    assert provider.wanted == [(ONE,), (ONE,), (ONE,), ()]


async def test_orders_of_a_controller_of_before_are_not_obeyed() -> None:
    provider = Provider()
    agent = Agent(FACTS, provider, [Controller(AgentOrders(5, (ONE,)), AgentOrders(4), AgentOrders(5, (TWO,)))])
    for _ in range(3):
        await agent.round()
    assert provider.wanted == [(ONE,), (ONE,), (TWO,)]


async def test_of_two_controllers_the_one_that_leads_is_asked_first_from_then_on() -> None:
    standing_by = Controller(AgentOrders(1, refused="this controller does not lead"))
    leading = Controller(AgentOrders(1, (ONE,)), AgentOrders(1, (ONE,)))
    provider = Provider()
    agent = Agent(FACTS, provider, [standing_by, leading])
    await agent.round()
    await agent.round()
    assert (len(standing_by.heard), len(leading.heard)) == (1, 2)
    assert provider.wanted == [(ONE,), (ONE,)]
