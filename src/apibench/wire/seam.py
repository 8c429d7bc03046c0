"""
The ways between the services. Each has two kinds that one suite holds to the same behaviour: over gRPC, and within a
process, where the same messages pass from hand to hand.

A link that breaks raises LinkLost from whatever waits on it; nothing else of the network is to be seen here.
"""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from apibench.model.aggregation import ResultQuery, RunFacts, RunOpening, RunUpdate
from apibench.model.batch import IntervalAck, Pushed
from apibench.model.control import ControllerMessage, WorkerMessage
from apibench.model.provision import AgentOrders, AgentReport


class ControllerSession(Protocol):
    """A worker's conversation with the controller, from Hello on."""

    async def send(self, message: WorkerMessage) -> None:
        """Say something. Raises LinkLost."""
        ...

    async def receive(self) -> ControllerMessage:
        """Hear the next thing. Raises LinkLost once the conversation is over."""
        ...

    async def close(self) -> None:
        """Say nothing more. May be called again."""
        ...


class ControllerLink(Protocol):
    """A worker's way to the controller."""

    async def attach(self) -> ControllerSession:
        """Begin a conversation. Raises LinkLost where nobody answers, Refused where the token does not do."""
        ...


class WorkerSession(Protocol):
    """The controller's end of a conversation with a worker."""

    async def send(self, message: ControllerMessage) -> None:
        """Say something; never waits for the worker. Raises LinkLost."""
        ...

    async def receive(self) -> WorkerMessage:
        """Hear the next thing. Raises LinkLost once the conversation is over."""
        ...


class WorkerHost(Protocol):
    """Who takes the conversations that workers begin: the controller."""

    async def converse(self, session: WorkerSession) -> None:
        """Hold a conversation to its end."""
        ...


class AgentLink(Protocol):
    """An agent's way to the controller; the controller itself has the same face."""

    async def report(self, report: AgentReport) -> AgentOrders:
        """Say what is there; all that is wanted. Raises LinkLost, Refused."""
        ...


class IntervalSession(Protocol):
    """A stream of batches one way and of acknowledgements the other."""

    async def push(self, pushed: Pushed) -> None:
        """Hand it over. Raises LinkLost."""
        ...

    async def acknowledged(self) -> IntervalAck:
        """The next word on what is safe. Raises LinkLost once the stream is over."""
        ...

    async def close(self) -> None:
        """Push nothing more. May be called again."""
        ...


class IntervalSink(Protocol):
    """A worker's way to an aggregator."""

    async def open(self) -> IntervalSession:
        """Begin a stream. Raises LinkLost, Refused."""
        ...


class IntervalHost(Protocol):
    """Who takes batches: the aggregator."""

    async def take(self, pushed: Pushed) -> IntervalAck:
        """
        Returns once a batch is in the store, or is refused by name. The same batch again is acknowledged again.

        A sum is acknowledged before it is in the store: the batches in it are kept until `keep_from` says otherwise.
        """
        ...


class AggregatorLink(Protocol):
    """The controller's way to an aggregator; the aggregator itself has the same face."""

    async def open_run(self, opening: RunOpening) -> None:
        """Results of that run are going to come. Telling it again changes nothing. Raises LinkLost."""
        ...

    async def tell(self, facts: RunFacts) -> None:
        """Everything that is known of a run now. Raises LinkLost."""
        ...

    def watch(self, run_id: str, after: int) -> AsyncIterator[RunUpdate]:
        """Every update with a higher number, as it comes; ends with `ended`. Raises LinkLost, NotFound."""
        ...

    async def missing(self, run_id: str) -> tuple[int, ...]:
        """Segments of a run that are neither complete nor lost: their results are still to come. Raises LinkLost."""
        ...

    async def result(self, run_id: str, query: ResultQuery) -> dict[str, Any]:
        """The result document of a run or of a part of it, of all that has come. Raises LinkLost, NotFound."""
        ...
