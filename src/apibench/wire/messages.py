"""Every message of the wire: the envelopes of the streams, and what single calls ask."""

import typing
from dataclasses import dataclass

from apibench.model.aggregation import ResultQuery, RunFacts, RunOpening, RunUpdate
from apibench.model.batch import IntervalAck, Pushed
from apibench.model.control import ControllerMessage, WorkerMessage
from apibench.model.provision import AgentOrders, AgentReport
from apibench.wire.codec import Envelope

WORKER_SAYS: Envelope[WorkerMessage] = Envelope("AttachRequest", *typing.get_args(WorkerMessage))
CONTROLLER_SAYS: Envelope[ControllerMessage] = Envelope("AttachResponse", *typing.get_args(ControllerMessage))
PUSHED: Envelope[Pushed] = Envelope("PushRequest", *typing.get_args(Pushed))
ACKNOWLEDGED: Envelope[IntervalAck] = Envelope("PushResponse", IntervalAck)


@dataclass(frozen=True, slots=True)
class OpenRunRequest:
    """Results of a run are going to come."""

    opening: RunOpening


@dataclass(frozen=True, slots=True)
class OpenRunResponse:
    """They may."""


@dataclass(frozen=True, slots=True)
class TellRequest:
    """Everything that is known of a run now."""

    facts: RunFacts


@dataclass(frozen=True, slots=True)
class TellResponse:
    """It is heard."""


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """Every update with a higher number than `after`."""

    run_id: str
    after: int


@dataclass(frozen=True, slots=True)
class WatchResponse:
    """The next update."""

    update: RunUpdate


@dataclass(frozen=True, slots=True)
class MissingRequest:
    """Which segments' results are still to come."""

    run_id: str


@dataclass(frozen=True, slots=True)
class MissingResponse:
    """These."""

    segments: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ResultRequest:
    """The result document of a run or of a part of it."""

    run_id: str
    query: ResultQuery


@dataclass(frozen=True, slots=True)
class ResultResponse:
    """A piece of its JSON, in order."""

    document: bytes


@dataclass(frozen=True, slots=True)
class AnnounceRequest:
    """An aggregator is there."""

    address: str
    """HOST:PORT, as workers and the controller can reach it."""
    shard: int = 0


@dataclass(frozen=True, slots=True)
class AnnounceResponse:
    """It is known."""

    term: int
    """The controller's."""


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """An agent is there."""

    report: AgentReport


@dataclass(frozen=True, slots=True)
class ReportResponse:
    """All that is wanted of it."""

    orders: AgentOrders
