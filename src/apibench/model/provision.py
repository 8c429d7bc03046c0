"""
Workers that are made for one run: what the controller asks of whoever makes them, and what is answered.

An agent stands in a region, makes workers there and ends them. It is told all that is wanted at the moment, again and
again, and makes it so: nothing depends on a message that came once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from apibench.model.worker import PROTOCOL


@dataclass(frozen=True, slots=True)
class Provision:
    """Workers that are to be there for a run in one region."""

    run_id: str
    count: int
    """How many, at least 1."""
    life_s: int
    """After so many seconds the run is over, whatever happens: they are to be gone, even if nobody says so."""


@dataclass(frozen=True, slots=True)
class ProvisionStatus:
    """How far a provision is."""

    run_id: str
    started: int = 0
    """How many of its workers run."""
    reason: str = ""
    """What stands in the way of the others, in words; empty: nothing that is known."""
    failed: bool = False
    """No more of them will come, so nobody need wait."""


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """An agent, as it introduces itself."""

    name: str
    """Its own, by which it finds again what it has made: no other agent of the installation has it."""
    instance_id: str
    """Of this process: another one each time it starts."""
    region: str
    """Where it makes workers; empty: nowhere in particular."""
    provider: str
    """By what means: `k8s-job` or `local`."""
    engine_version: str
    protocol: int = PROTOCOL
    max_workers: int = 0
    """How many it makes at once, at most; 0: it does not say."""


@dataclass(frozen=True, slots=True)
class AgentReport:
    """An agent is there, and has done so much."""

    agent: AgentFacts
    provisions: tuple[ProvisionStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentOrders:
    """All that is wanted of an agent now. What it has made beside it is to be ended."""

    term: int
    """Of the controller; it only grows. Those of an earlier one are not obeyed."""
    wanted: tuple[Provision, ...] = ()
    refused: str = ""
    """Why it gets none: then nothing is to change."""


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent, as it is shown."""

    facts: AgentFacts
    last_heard_s: float
    """How long ago."""
    wanted: Mapping[str, int] = field(default_factory=dict)
    """How many workers of which run."""
    provisions: tuple[ProvisionStatus, ...] = ()
