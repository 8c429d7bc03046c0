"""`apibench agent`: makes workers where it stands, for the runs of a controller that it dials."""

import asyncio
import os
import secrets
import socket
import sys
from pathlib import Path

from apibench import __version__
from apibench.agent.service import Agent
from apibench.assembly.dialling import dialling
from apibench.assembly.health_port import health_port
from apibench.assembly.service_process import say, together
from apibench.assembly.service_settings import AgentSettings, LinkFiles
from apibench.model.errors import UsageError
from apibench.model.provision import AgentFacts, Provision
from apibench.provider.cluster_access import ClusterAccess
from apibench.provider.job_form import JobForm
from apibench.provider.kubernetes_jobs import KubernetesJobs
from apibench.provider.local_processes import Command, LocalProcesses
from apibench.provider.pod_template import read_pod_template
from apibench.provider.seam import WorkerProvider
from apibench.store.paths import worker_path
from apibench.wire.grpc_agents import GrpcAgentLink

OWN_VARIABLES = ("APIBENCH_HTTP", "APIBENCH_SPOOL", "APIBENCH_REGION", "APIBENCH_CONTROLLER")
"""What an agent is told for itself: its workers are told by flags."""


async def agent_service(settings: AgentSettings, told: asyncio.Event) -> None:
    """Be an agent until told."""
    security = dialling("an agent", settings.controllers, settings.files, settings.token)
    facts = AgentFacts(
        settings.name or socket.gethostname(),
        secrets.token_hex(8),
        settings.region,
        settings.provider,
        __version__,
        max_workers=settings.max_workers,
    )
    links = [GrpcAgentLink(address, security) for address in settings.controllers]
    agent = Agent(facts, await _provider(settings, facts.name), links)
    say(f"agent {facts.name} makes workers ({facts.provider}) for {', '.join(settings.controllers)}")
    parts = [agent.run()]
    if settings.http is not None:
        port = health_port(settings.http, security, lambda: agent.attached, agent.figures)
        say(f"health on {port.url}")
        parts.append(port.run())
    try:
        await together(told, *parts)
    finally:
        for link in links:
            await link.close()


async def _provider(settings: AgentSettings, name: str) -> WorkerProvider:
    """Raises UsageError for what its workers can't be made of."""
    if settings.provider == "k8s-job":
        if settings.pod is None:
            raise UsageError("nothing says of what pods the Jobs are made", "Name a file: --pod FILE.")
        form = JobForm(name, settings.region, read_pod_template(settings.pod))
        return KubernetesJobs(await ClusterAccess().open(), form, settings.max_workers)
    environment = {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES}
    folder = settings.folder or worker_path() / "made"
    return LocalProcesses(worker_command(settings), folder, settings.max_workers, environment)


def worker_command(settings: AgentSettings) -> Command:
    """What starts a worker of a run on this host."""
    files: LinkFiles = settings.files
    pairs = (("ca-file", files.ca_file), ("certificate-file", files.certificate_file), ("key-file", files.key_file))
    links = [f"--{flag}={path}" for flag, path in pairs if path is not None]
    if files.insecure:
        links.append("--insecure")
    controllers = [f"--controller={address}" for address in settings.controllers]
    region = [f"--region={settings.region}"] if settings.region else []

    def command(provision: Provision, folder: Path) -> list[str]:
        own = [f"--run={provision.run_id}", f"--spool={folder}"]
        return [sys.executable, "-m", "apibench", "worker", *controllers, *own, *region, *links]

    return command
