"""`apibench agent`: makes workers for the runs of a controller, where it stands."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from apibench.assembly import service_settings as told
from apibench.cli.flag_values import whole_number
from apibench.cli.services import CaFile, CertificateFile, Controllers, Insecure, KeyFile, Spool, token
from apibench.model.errors import UsageError

MAX_WORKERS = 10_000


def agent(  # noqa: PLR0913 - the flags of a command line are its parameters
    *,
    controller: Controllers = (),
    region: Annotated[str, Parameter(env_var="APIBENCH_REGION", show_default=False)] = "",
    name: Annotated[str, Parameter(env_var="APIBENCH_AGENT", show_default=False)] = "",
    provider: Annotated[Literal["k8s-job", "local"], Parameter(env_var="APIBENCH_PROVIDER")] = "local",
    pod: Annotated[Path | None, Parameter(env_var="APIBENCH_POD")] = None,
    max_workers: Annotated[int, Parameter(env_var="APIBENCH_MAX_WORKERS", converter=whole_number)] = 8,
    spool: Spool = None,
    http: Annotated[str | None, Parameter(env_var="APIBENCH_HTTP")] = None,
    ca_file: CaFile = None,
    certificate_file: CertificateFile = None,
    key_file: KeyFile = None,
    insecure: Insecure = False,
) -> int:
    """
    Be an agent: make workers for the runs that ask for some in this region, and end them when a run is over.

    Parameters
    ----------
    controller
        HOST:PORT of its gRPC; of several controllers each. [127.0.0.1:8091]
    region
        Where its workers are, like eu.
    name
        Its own among all agents. [this host's]
    provider
        What its workers are: processes of this host, or Jobs of Kubernetes, one for each run.
    pod
        With k8s-job: YAML file of a worker's pod, a PodTemplateSpec. [none]
    max_workers
        How many it makes at once, at most.
    spool
        Folder of what its workers have not delivered. [under the user's data]
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
    from apibench.assembly.agent_service import agent_service  # noqa: PLC0415 - only a service pays for what it takes
    from apibench.assembly.service_process import run_service  # noqa: PLC0415

    if not 1 <= max_workers <= MAX_WORKERS:
        raise UsageError(f"--max-workers {max_workers} is out of range", f"Use 1 to {MAX_WORKERS:,}.")
    if pod is not None and provider == "local":
        raise UsageError("--pod is for Jobs of Kubernetes", "Add --provider k8s-job, or leave it out.")
    files = told.LinkFiles(ca_file, certificate_file, key_file, insecure)
    settings = told.AgentSettings(
        controller or (told.GRPC,), region, name, provider, pod, max_workers, spool, http, token(), files
    )
    return run_service(lambda ended: agent_service(settings, ended))
