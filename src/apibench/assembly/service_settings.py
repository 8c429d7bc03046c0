"""What a service is told when it starts: by flags, and by the environment where no flag is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from apibench.model.python_options import PythonOptions
from apibench.model.submission import WorkersFrom

HTTP = "127.0.0.1:8090"
GRPC = "127.0.0.1:8091"
AGGREGATOR_GRPC = "127.0.0.1:8092"
ANNOUNCE_S = 3.0
"""How often an aggregator says that it is there: a controller that has just started is to know soon."""
ALLOWED = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""Where an installation sends that was told nothing: itself and private networks. Everybody else must be named."""


@dataclass(frozen=True, slots=True)
class LinkFiles:
    """How the links between services are protected: with all three files by mTLS, else plain text."""

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    insecure: bool = False
    """Plain text also to and from other machines."""


@dataclass(frozen=True, slots=True)
class CodeSettings:
    """Whose code a worker runs, and how."""

    keys: Path | None = None
    """File of the public keys that are trusted; None: nobody's is run."""
    options: PythonOptions = field(default_factory=PythonOptions)


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """A controller's. `store` is a URL; `token` the first admin's, which it shows aggregators too."""

    http: str = HTTP
    grpc: str = GRPC
    store: str = ""
    allowed: tuple[str, ...] = ALLOWED
    """Address ranges that runs may send to."""
    allow_proven: bool = False
    """Also targets beyond them that show to be the tester's."""
    allow_python: bool = False
    """Plans may have functions of Python called, by workers that trust whoever has signed them."""
    workers_from: WorkersFrom = "pool"
    """Where workers come from of runs that do not say."""
    token: str | None = field(default=None, repr=False)
    files: LinkFiles = LinkFiles()
    otlp: str | None = field(default=None, repr=False)
    """URL of an OpenTelemetry collector that gets each window; None: nobody does."""


@dataclass(frozen=True, slots=True)
class AggregatorSettings:
    """An aggregator's."""

    controllers: tuple[str, ...]
    """Of each that may lead, HOST:PORT of its gRPC."""
    grpc: str = AGGREGATOR_GRPC
    advertise: str = ""
    """HOST:PORT at which workers and the controller reach it; empty: where it listens."""
    http: str | None = None
    """Where it says that it is alive; None: nowhere."""
    store: str = ""
    keep_days: int | None = None
    """How many whole days of metrics are kept; None: all."""
    token: str | None = field(default=None, repr=False)
    files: LinkFiles = LinkFiles()


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """A worker's."""

    controllers: tuple[str, ...]
    region: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    """Where its name and its unsent results are kept; None: under the user's data."""
    data: Path | None = None
    """Where the files are that plans may take rows from; None: plans of others may take none."""
    code: CodeSettings = CodeSettings()
    run_id: str = ""
    """Of the run that it takes part in alone, and ends with; empty: it waits for any."""
    http: str | None = None
    token: str | None = field(default=None, repr=False)
    files: LinkFiles = LinkFiles()


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """An agent's."""

    controllers: tuple[str, ...]
    region: str = ""
    name: str = ""
    """Its own among all agents; empty: this host's."""
    provider: Literal["k8s-job", "local"] = "local"
    pod: Path | None = None
    """Of `k8s-job`: file of the pod that a worker is."""
    max_workers: int = 8
    folder: Path | None = None
    """Where workers on this host keep what they have not delivered; None: under the user's data."""
    http: str | None = None
    token: str | None = field(default=None, repr=False)
    files: LinkFiles = LinkFiles()


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Everything in one process."""

    http: str = HTTP
    grpc: str | None = None
    """Where workers elsewhere may join; None: nowhere."""
    advertise: str = ""
    """HOST:PORT at which they reach it; empty: where it listens."""
    store: str = ""
    keep_days: int | None = None
    allowed: tuple[str, ...] = ALLOWED
    allow_proven: bool = False
    allow_python: bool = False
    token: str | None = field(default=None, repr=False)
    folder: Path | None = None
    data: Path | None = None
    code: CodeSettings = CodeSettings()
    files: LinkFiles = LinkFiles()
    otlp: str | None = field(default=None, repr=False)
