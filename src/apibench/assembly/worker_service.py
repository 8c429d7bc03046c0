"""`apibench worker`: a worker as a process of its own. It listens nowhere: it dials out."""

import asyncio
import logging
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from apibench.assembly import host, preflight
from apibench.assembly.closed_process import close_to_others
from apibench.assembly.dialling import dialling
from apibench.assembly.engine_choice import engine_options
from apibench.assembly.health_port import health_port
from apibench.assembly.row_files import rows_within
from apibench.assembly.secrets import secret_of
from apibench.assembly.service_process import say
from apibench.assembly.service_settings import CodeSettings, WorkerSettings
from apibench.assembly.worker_code import TrustedCode
from apibench.assembly.worker_identity import own_folder
from apibench.engine.giving_way import GivingWay
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions, PreparedLoad
from apibench.model.control import Prepare
from apibench.model.log_fields import about
from apibench.model.plan import Plan
from apibench.model.share import RING
from apibench.model.worker import WorkerFacts
from apibench.report.unshown import Unshown
from apibench.store.paths import worker_path
from apibench.wire.grpc_control import GrpcControllerLink
from apibench.wire.grpc_results import GrpcIntervalSink
from apibench.wire.seam import ControllerLink
from apibench.worker.service import Sinks, Worker

logger = logging.getLogger(__name__)


async def worker_service(settings: WorkerSettings, told: asyncio.Event) -> None:
    """Be a worker until told, then hand everything over."""
    security = dialling("a worker", settings.controllers, settings.files, settings.token)
    links = [GrpcControllerLink(address, security) for address in settings.controllers]
    with own_folder(settings.folder or worker_path()) as name:
        say(f"worker {name}, for {', '.join(settings.controllers)}")
        facts = worker_facts(name, settings)
        sinks: Sinks = lambda address: GrpcIntervalSink(address, security)  # noqa: E731 - it is handed on
        worker = new_worker(facts, links, sinks, settings.folder, settings.data, settings.code)
        if settings.http is None:
            await work(worker, told)
            return
        port = health_port(settings.http, security, lambda: worker.attached, worker.figures)
        say(f"health on {port.url}")
        serving = asyncio.create_task(port.run())
        try:
            await work(worker, told)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


def new_worker(  # noqa: PLR0913, PLR0917 - what a worker is made of
    facts: WorkerFacts,
    links: Sequence[ControllerLink],
    sinks: Sinks,
    folder: Path | None,
    data: Path | None,
    code: CodeSettings,
) -> Worker:
    """
    A worker with this machine's engine, to which this process gives way. Its spool lies in `folder`, plans may take
    rows from files in `data`, and `code` says whose functions they may have called.

    Raises KeysUnusable, and UsageError where this process can't be closed to those that run code of others.
    """
    shown, own = Unshown(), folder or worker_path()
    engine = GivingWay(RustEngine(shown.noting(secret_of), rows_within(data)))
    trusted = None
    if code.keys is not None:
        trusted = TrustedCode(code.keys, code.options, own / "python", shown)
        close_to_others()
    return Worker(facts, engine, choose, links, sinks, own / "spool", trusted)


async def work(worker: Worker, told: asyncio.Event) -> None:
    """Have a worker work until told, and then leave politely."""
    working = asyncio.create_task(worker.run())
    waiting = asyncio.create_task(told.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        worker.leave()
        await working
    finally:
        waiting.cancel()
        working.cancel()
        await asyncio.gather(waiting, working, return_exceptions=True)


def worker_facts(name: str, settings: WorkerSettings) -> WorkerFacts:
    """Describe this machine, as the controller is to know it."""
    quota = host.quota()
    processors = len(host.processors())
    return WorkerFacts(
        worker_id=name,
        instance_id=secrets.token_hex(8),
        engine_version=RustEngine.version,
        region=settings.region,
        labels=settings.labels,
        cpus=processors if quota is None else max(1, min(processors, int(quota))),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        descriptors=host.raise_descriptor_limit(),
        local_ports=host.local_ports(),
        run_id=settings.run_id,
    )


def choose(asked: Prepare, plan: Plan, prepared: PreparedLoad) -> EngineOptions:
    """
    How this host runs its share. Connects once to every address, and sends nothing.

    Raises UsageError where its limits do not do, TargetUnreachable where nobody answers, or where it may not go.
    """
    chosen = engine_options(plan, prepared.hosts, threads=asked.threads or None)
    options = EngineOptions(
        threads=chosen.threads,
        pin=chosen.pin,
        spin_ns=chosen.spin_ns,
        guarded=True,
        segment=asked.segment,
        allowed=asked.allowed,
    )
    # A spare may get any share later, and is not asked again then.
    preflight.check_limits(plan, prepared.hosts, options.threads, asked.share.length / RING or 1.0)
    for warning in preflight.warnings(plan, prepared.hosts, options.threads):
        logger.warning("%s", warning, extra=about(asked.run_id, segment=asked.segment))
    preflight.check_target(prepared, preflight.Patience(0, _never, _nobody), options)
    return options


def _never() -> bool:
    return False


def _nobody(_: str) -> None:
    """No person is there to be told."""
