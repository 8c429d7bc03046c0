"""
An agent's process: once a second it tells the controller what is there, hears what is wanted, and has it be so.

It decides nothing. While no controller answers, what was wanted last is kept as it is: a run does not end because a
network is cut. What the controller has never confirmed is never ended either.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from apibench.model.errors import CertificatesUnusable, LinkLost, Refused
from apibench.model.provision import AgentFacts, AgentOrders, AgentReport, Provision, ProvisionStatus
from apibench.provider.seam import WorkerProvider
from apibench.wire.seam import AgentLink

logger = logging.getLogger(__name__)
REPORT_S = 1.0
ATTACHED_S = 5.0
"""How long it counts as attached after a controller has answered."""


class Agent:
    """One agent."""

    def __init__(self, facts: AgentFacts, provider: WorkerProvider, controllers: Sequence[AgentLink]) -> None:
        self._facts = facts
        self._provider = provider
        self._controllers = controllers
        self._wanted: tuple[Provision, ...] | None = None
        """None: nobody has said."""
        self._provisions: tuple[ProvisionStatus, ...] = ()
        self._term = 0
        self._turn = 0
        self._answered_s: float | None = None
        self._said = ""

    @property
    def attached(self) -> bool:
        """Whether a controller has answered lately."""
        return self._answered_s is not None and time.monotonic() < self._answered_s + ATTACHED_S

    def figures(self) -> dict[str, float]:
        """For whoever watches over it."""
        return {
            "apibench_agent_attached": int(self.attached),
            "apibench_agent_runs": len(self._wanted or ()),
            "apibench_agent_workers_wanted": sum(each.count for each in self._wanted or ()),
            "apibench_agent_workers_started": sum(each.started for each in self._provisions),
        }

    async def run(self) -> None:
        """Work until it is cancelled; then let go of what lives without it."""
        try:
            while True:
                await self.round()
                await asyncio.sleep(REPORT_S)
        finally:
            await self._provider.close()

    async def round(self) -> None:
        """Report once, and do what is wanted by now."""
        orders = await self._orders()
        if orders is not None:
            self._wanted, self._term, self._answered_s = orders.wanted, orders.term, time.monotonic()
            if self._said:
                logger.info("a controller answers")
            self._said = ""
        if self._wanted is not None:
            self._provisions = await self._provider.provide(self._wanted)

    async def _orders(self) -> AgentOrders | None:
        """Of the controller that leads; None where none does."""
        report = AgentReport(self._facts, self._provisions)
        said: list[str] = []
        for _ in self._controllers:
            link = self._controllers[self._turn % len(self._controllers)]
            try:
                orders = await link.report(report)
            except (LinkLost, Refused, CertificatesUnusable) as error:
                said.append(str(error))
            else:
                if not orders.refused and orders.term >= self._term:
                    return orders
                said.append(orders.refused or "it is a controller of before")
            self._turn += 1
        self._complain(said)
        return None

    def _complain(self, said: Sequence[str]) -> None:
        """Once for each reason: a controller that is away for an hour is one line, not thousands."""
        words = "; ".join(said)
        if words != self._said:
            self._said = words
            logger.warning("no controller has orders: %s", words)
