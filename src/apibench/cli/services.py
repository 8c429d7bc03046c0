"""`apibench serve`, `controller`, `aggregator` and `worker`: an installation in one process, and its parts."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from apibench.assembly import service_settings as told
from apibench.authoring.python_words import PythonWords
from apibench.authoring.reading import Reading
from apibench.cli.flag_values import pairs, whole_days, whole_number
from apibench.model.errors import WordsInvalid
from apibench.model.submission import WorkersFrom
from apibench.store.paths import installation_path

_python = Group("Functions of Python that plans have called", sort_key=8)
_links = Group("Links between services", sort_key=9)

Http = Annotated[str, Parameter(env_var="APIBENCH_HTTP")]
Grpc = Annotated[str, Parameter(env_var="APIBENCH_GRPC")]
Advertise = Annotated[str, Parameter(env_var="APIBENCH_ADVERTISE", show_default=False)]
Store = Annotated[str | None, Parameter(env_var="APIBENCH_STORE")]
Keep = Annotated[str | None, Parameter(env_var="APIBENCH_KEEP")]
Allow = Annotated[tuple[str, ...], Parameter(env_var="APIBENCH_ALLOW", negative="", show_default=False)]
AllowProven = Annotated[bool, Parameter(env_var="APIBENCH_ALLOW_PROVEN", negative="", show_default=False)]
AllowPython = Annotated[bool, Parameter(env_var="APIBENCH_ALLOW_PYTHON", negative="", show_default=False)]
From = Annotated[WorkersFrom, Parameter(env_var="APIBENCH_WORKERS_FROM")]
Controllers = Annotated[tuple[str, ...], Parameter(env_var="APIBENCH_CONTROLLER", negative="", show_default=False)]
Otlp = Annotated[str | None, Parameter(env_var="APIBENCH_OTLP")]
Spool = Annotated[Path | None, Parameter(env_var="APIBENCH_SPOOL")]
Data = Annotated[Path | None, Parameter(env_var="APIBENCH_DATA")]
PythonKeys = Annotated[Path | None, Parameter(env_var="APIBENCH_PYTHON_KEYS", group=_python)]
PythonProcesses = Annotated[
    int | None, Parameter(env_var="APIBENCH_PYTHON_PROCESSES", group=_python, converter=whole_number)
]
PythonTimeout = Annotated[str | None, Parameter(env_var="APIBENCH_PYTHON_TIMEOUT", group=_python)]
PythonMemory = Annotated[str | None, Parameter(env_var="APIBENCH_PYTHON_MEMORY", group=_python)]
CaFile = Annotated[Path | None, Parameter(env_var="APIBENCH_CA_FILE", group=_links)]
CertificateFile = Annotated[Path | None, Parameter(env_var="APIBENCH_CERTIFICATE_FILE", group=_links)]
KeyFile = Annotated[Path | None, Parameter(env_var="APIBENCH_KEY_FILE", group=_links)]
Insecure = Annotated[bool, Parameter(env_var="APIBENCH_INSECURE", group=_links, negative="", show_default=False)]


def serve(  # noqa: PLR0913 - the flags of a command line are its parameters
    *,
    http: Http = told.HTTP,
    grpc: Annotated[str | None, Parameter(env_var="APIBENCH_GRPC")] = None,
    advertise: Advertise = "",
    store: Store = None,
    keep: Keep = None,
    allow: Allow = (),
    allow_proven: AllowProven = False,
    allow_python: AllowPython = False,
    otlp: Otlp = None,
    spool: Spool = None,
    data: Data = None,
    python_keys: PythonKeys = None,
    python_processes: PythonProcesses = None,
    python_timeout: PythonTimeout = None,
    python_memory: PythonMemory = None,
    ca_file: CaFile = None,
    certificate_file: CertificateFile = None,
    key_file: KeyFile = None,
    insecure: Insecure = False,
) -> int:
    """
    Serve a whole installation in one process: controller, aggregator and one worker, until Ctrl-C.

    Parameters
    ----------
    http
        HOST:PORT of the REST face.
    grpc
        HOST:PORT for workers elsewhere. [none: only the one within]
    advertise
        HOST:PORT at which they reach it, if that is another.
    store
        sqlite:///FILE or postgresql://… [a file under the user's data]
    keep
        How many days the seconds of runs are kept, like 90d; results stay. [for ever]
    allow
        Address range that runs may send to, like 203.0.113.0/24. Repeatable. [this machine and private networks]
    allow_proven
        Also targets beyond them that show to be the tester's, by a file: GET /v1/proofs/HOST says which.
    allow_python
        Plans may have functions of Python called, which somebody has signed whom workers trust.
    otlp
        URL of an OpenTelemetry collector that is sent each second of every run, like http://127.0.0.1:4318. [nobody]
    spool
        Folder of the worker's name and unsent results. [under the user's data]
    data
        Folder of files that plans may take rows from. [none: only rows that stand in plans]
    python_keys
        File of public keys, one a line: functions that one of them has signed are run. [none: nobody's]
    python_processes
        Processes that functions of Python are called by. [as many as processors]
    python_timeout
        A call that takes longer has its process ended. [10s]
    python_memory
        A process that has more is replaced. [1GiB]
    ca_file
        PEM: who signs the certificates of the others.
    certificate_file
        PEM: ours.
    key_file
        PEM: its key.
    insecure
        Plain text to other machines too.
    """
    from apibench.assembly.all_in_one import all_in_one  # noqa: PLC0415 - only a service pays for what it takes
    from apibench.assembly.service_process import run_service  # noqa: PLC0415

    files = told.LinkFiles(ca_file, certificate_file, key_file, insecure)
    settings = told.ServeSettings(
        http,
        grpc,
        advertise,
        store or _default_store(),
        _days(keep),
        allow or told.ALLOWED,
        allow_proven,
        allow_python,
        token(),
        spool,
        data,
        _code(python_keys, PythonWords(python_processes, python_timeout, python_memory)),
        files,
        otlp,
    )
    return run_service(lambda ended: all_in_one(settings, ended))


def controller(  # noqa: PLR0913 - the flags of a command line are its parameters
    *,
    http: Http = told.HTTP,
    grpc: Grpc = told.GRPC,
    store: Store = None,
    allow: Allow = (),
    allow_proven: AllowProven = False,
    allow_python: AllowPython = False,
    workers_from: From = "pool",
    otlp: Otlp = None,
    ca_file: CaFile = None,
    certificate_file: CertificateFile = None,
    key_file: KeyFile = None,
    insecure: Insecure = False,
) -> int:
    """
    Serve the controller: takes tests and runs over REST, and tells workers what to do.

    Parameters
    ----------
    http
        HOST:PORT of the REST face.
    grpc
        HOST:PORT for workers and aggregators.
    store
        sqlite:///FILE or postgresql://… [a file under the user's data]
    allow
        Address range that runs may send to, like 203.0.113.0/24. Repeatable. [this machine and private networks]
    allow_proven
        Also targets beyond them that show to be the tester's, by a file: GET /v1/proofs/HOST says which.
    allow_python
        Plans may have functions of Python called, which somebody has signed whom workers trust.
    workers_from
        Where workers come from of runs that do not say: those that wait, or made for each by an `apibench agent`.
    otlp
        URL of an OpenTelemetry collector that is sent each second of every run, like http://127.0.0.1:4318. [nobody]
    ca_file
        PEM: who signs the certificates of the others.
    certificate_file
        PEM: ours.
    key_file
        PEM: its key.
    insecure
        Plain text to other machines too.
    """
    from apibench.assembly.controller_service import controller_service  # noqa: PLC0415
    from apibench.assembly.service_process import run_service  # noqa: PLC0415

    files = told.LinkFiles(ca_file, certificate_file, key_file, insecure)
    settings = told.ControllerSettings(
        http,
        grpc,
        store or _default_store(),
        allow or told.ALLOWED,
        allow_proven,
        allow_python,
        workers_from,
        token(),
        files,
        otlp,
    )
    return run_service(lambda ended: controller_service(settings, ended))


def aggregator(  # noqa: PLR0913 - the flags of a command line are its parameters
    *,
    controller: Controllers = (),
    grpc: Grpc = told.AGGREGATOR_GRPC,
    advertise: Advertise = "",
    store: Store = None,
    keep: Keep = None,
    http: Annotated[str | None, Parameter(env_var="APIBENCH_HTTP")] = None,
    ca_file: CaFile = None,
    certificate_file: CertificateFile = None,
    key_file: KeyFile = None,
    insecure: Insecure = False,
) -> int:
    """
    Serve an aggregator: merges what all workers measure, judges it, and stores it.

    Parameters
    ----------
    controller
        HOST:PORT of a controller's gRPC; of several each. [127.0.0.1:8091]
    grpc
        HOST:PORT for workers and the controller.
    advertise
        HOST:PORT at which they reach it, if that is another.
    store
        The controller's store. [a file under the user's data]
    keep
        How many days the seconds of runs are kept, like 90d; results stay. [for ever]
    http
        HOST:PORT of /healthz, /readyz and /metrics. [none]
    ca_file
        PEM: who signs the certificates of the others.
    certificate_file
        PEM: ours.
    key_file
        PEM: its key.
    insecure
        Plain text to other machines too.
    """
    from apibench.assembly.aggregator_service import aggregator_service  # noqa: PLC0415
    from apibench.assembly.service_process import run_service  # noqa: PLC0415

    files = told.LinkFiles(ca_file, certificate_file, key_file, insecure)
    settings = told.AggregatorSettings(
        controller or (told.GRPC,), grpc, advertise, http, store or _default_store(), _days(keep), token(), files
    )
    return run_service(lambda ended: aggregator_service(settings, ended))


def worker(  # noqa: PLR0913 - the flags of a command line are its parameters
    *,
    controller: Controllers = (),
    region: Annotated[str, Parameter(env_var="APIBENCH_REGION", show_default=False)] = "",
    label: Annotated[tuple[str, ...], Parameter(env_var="APIBENCH_LABEL", negative="", show_default=False)] = (),
    run: Annotated[str, Parameter(env_var="APIBENCH_RUN", show_default=False)] = "",
    spool: Spool = None,
    data: Data = None,
    python_keys: PythonKeys = None,
    python_processes: PythonProcesses = None,
    python_timeout: PythonTimeout = None,
    python_memory: PythonMemory = None,
    http: Annotated[str | None, Parameter(env_var="APIBENCH_HTTP")] = None,
    ca_file: CaFile = None,
    certificate_file: CertificateFile = None,
    key_file: KeyFile = None,
    insecure: Insecure = False,
) -> int:
    """
    Be a worker: dial the controller, and make the load that it asks for.

    Parameters
    ----------
    controller
        HOST:PORT of its gRPC; of several controllers each. [127.0.0.1:8091]
    region
        Where this worker is, like eu.
    label
        KEY=VALUE. Repeatable.
    run
        Id of a run that it takes part in alone, and ends with. [none: it waits for any]
    spool
        Folder of its name and its unsent results. [under the user's data]
    data
        Folder of files that plans may take rows from. [none: only rows that stand in plans]
    python_keys
        File of public keys, one a line: functions that one of them has signed are run. [none: nobody's]
    python_processes
        Processes that functions of Python are called by. [as many as processors]
    python_timeout
        A call that takes longer has its process ended. [10s]
    python_memory
        A process that has more is replaced. [1GiB]
    http
        HOST:PORT of /healthz, /readyz and /metrics. [none]
    ca_file
        PEM: who signs the certificates of the others.
    certificate_file
        PEM: ours.
    key_file
        PEM: its key.
    insecure
        Plain text to other machines too.
    """
    from apibench.assembly.service_process import run_service  # noqa: PLC0415
    from apibench.assembly.worker_service import worker_service  # noqa: PLC0415

    files = told.LinkFiles(ca_file, certificate_file, key_file, insecure)
    settings = told.WorkerSettings(
        controller or (told.GRPC,),
        region,
        pairs("--label", label),
        spool,
        data,
        _code(python_keys, PythonWords(python_processes, python_timeout, python_memory)),
        run,
        http,
        token(),
        files,
    )
    return run_service(lambda ended: worker_service(settings, ended))


def token() -> str | None:
    """What a service shows the others."""
    return os.environ.get("APIBENCH_TOKEN") or None


def _code(keys: Path | None, words: PythonWords) -> told.CodeSettings:
    """Raises WordsInvalid with all that is wrong with them."""
    reading = Reading()
    options = words.read(reading, calls=keys is not None)
    if reading.refused:
        flags = [replace(fault, place=f"--{str(fault.path[0]).replace('_', '-')}") for fault in reading.refused]
        raise WordsInvalid(flags)
    return told.CodeSettings(keys, options)


def _days(keep: str | None) -> int | None:
    return None if keep is None else whole_days("--keep", keep)


def _default_store() -> str:
    path = installation_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return f"sqlite:///{path}"
