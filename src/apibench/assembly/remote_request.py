"""Where a run is to be carried out, if not in this process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from apibench.model.submission import OnLostControl, OnWorkerLoss


@dataclass(frozen=True, slots=True)
class RemoteRequest:
    """An installation, and which of its workers."""

    controller: str
    """The URL of its REST face."""
    token: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    insecure: bool = False
    workers: int | None = None
    """None: all that are idle."""
    regions: Mapping[str, int] = field(default_factory=dict)
    """How many of each, instead of `workers`."""
    on_worker_loss: OnWorkerLoss = "rebalance"
    on_lost_control: OnLostControl = "stop"
    signing_key: Path | None = None
    """File of the key that signs what a plan has called."""
