"""
The agents that the controller knows: who stands in which region, and how far they are with what is wanted of them.

Pure: time is told. Of a region there is one agent at a time, for two would make all of its workers twice; another one
gets its place when the first has been silent for `GONE_NS`. That holds for one that is started again, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apibench.model.provision import AgentFacts, AgentOrders, AgentReport, AgentView, Provision, ProvisionStatus
from apibench.model.units import NS_PER_S
from apibench.model.worker import PROTOCOL

GONE_NS = 10 * NS_PER_S
"""An agent that has not been heard of for so long is not counted on: it reports every second."""
FORGOTTEN_NS = 600 * NS_PER_S
"""How long one that is gone is still shown."""
MAX_AGENTS = 200
MAX_NAME = 200


@dataclass
class KnownAgent:
    """An agent that was heard of."""

    facts: AgentFacts
    heard_ns: int
    provisions: Mapping[str, ProvisionStatus]
    """By run."""


class Agents:
    """All agents, by region."""

    def __init__(self, term: int) -> None:
        self._term = term
        self._known: dict[str, KnownAgent] = {}

    def heard(self, report: AgentReport, wanted: Mapping[str, Sequence[Provision]], now_ns: int) -> AgentOrders:
        """An agent reports: what it is to do. `wanted`: of each region."""
        facts = report.agent
        if not PROTOCOL - 1 <= facts.protocol <= PROTOCOL + 1:
            refused = f"it speaks protocol {facts.protocol}; this controller speaks {PROTOCOL}"
            return AgentOrders(self._term, refused=refused)
        if not 1 <= len(facts.name) <= MAX_NAME or len(facts.region) > MAX_NAME:
            return AgentOrders(self._term, refused=f"its name and its region have up to {MAX_NAME} characters")
        self._forget(now_ns)
        if facts.region not in self._known and len(self._known) >= MAX_AGENTS:
            return AgentOrders(self._term, refused=f"there are {MAX_AGENTS} agents already")
        holder = self._known.get(facts.region)
        if holder is not None and holder.facts.instance_id != facts.instance_id and self._is_there(holder, now_ns):
            where = f"region `{facts.region}`" if facts.region else "where no region is named"
            return AgentOrders(self._term, refused=f"{where} is served by the agent {holder.facts.name} already")
        provisions = {status.run_id: status for status in report.provisions}
        self._known[facts.region] = KnownAgent(facts, now_ns, provisions)
        return AgentOrders(self._term, tuple(wanted.get(facts.region, ())))

    def regions(self, now_ns: int) -> dict[str, AgentFacts]:
        """Those in which an agent is there."""
        return {region: known.facts for region, known in self._known.items() if self._is_there(known, now_ns)}

    def hopeless(self, run_id: str) -> str:
        """Why no more workers of a run will come, in words; empty: they may."""
        return "; ".join(said for status, said in self._said_of(run_id) if status.failed)

    def lacking(self, run_id: str, regions: Mapping[str, int], now_ns: int) -> str:
        """What stands in the way of a run's workers, region by region, in words."""
        there = self.regions(now_ns)
        gone = [f"the agent{_of(region)} is not there" for region in regions if region not in there]
        return "; ".join([*gone, *(said for status, said in self._said_of(run_id) if status.reason)])

    def view(self, wanted: Mapping[str, Sequence[Provision]], now_ns: int) -> list[AgentView]:
        """As they are shown, those of a short while ago too."""
        return [
            AgentView(
                known.facts,
                (now_ns - known.heard_ns) / NS_PER_S,
                {each.run_id: each.count for each in wanted.get(region, ())},
                tuple(known.provisions.values()),
            )
            for region, known in sorted(self._known.items())
        ]

    def _said_of(self, run_id: str) -> list[tuple[ProvisionStatus, str]]:
        """Of each region that has something of the run: what is known, and what is said of it."""
        found = []
        for region, known in sorted(self._known.items()):
            status = known.provisions.get(run_id)
            if status is not None:
                head = f"{region}: " if region else ""
                found.append((status, f"{head}{status.reason or 'its workers have ended'}"))
        return found

    def _forget(self, now_ns: int) -> None:
        long_gone = [region for region, known in self._known.items() if now_ns > known.heard_ns + FORGOTTEN_NS]
        for region in long_gone:
            del self._known[region]

    @staticmethod
    def _is_there(known: KnownAgent, now_ns: int) -> bool:
        return now_ns < known.heard_ns + GONE_NS


def _of(region: str) -> str:
    return f" of region `{region}`" if region else ""
