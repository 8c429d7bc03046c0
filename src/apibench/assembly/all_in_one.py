"""
`apibench serve`: controller, aggregator and one worker in one process, joined by links that are no network.

Where it is told to listen for gRPC, workers elsewhere join as they join a controller: one port has both conversations,
with the controller and with the aggregator. An aggregator elsewhere can't: this one has its own.
"""

import asyncio
from pathlib import Path

from apibench.aggregator.service import Aggregator
from apibench.assembly.aggregator_service import reachable
from apibench.assembly.controller_service import GRACE_S, authorizing, rest_face, secured, shown
from apibench.assembly.outlets import outlet_to, put_away
from apibench.assembly.service_process import holder, is_gone, say, together
from apibench.assembly.service_settings import ANNOUNCE_S, ServeSettings, WorkerSettings
from apibench.assembly.worker_identity import own_folder
from apibench.assembly.worker_service import new_worker, work, worker_facts
from apibench.controller.access import Access
from apibench.controller.ownership import Ownership
from apibench.controller.service import Controller
from apibench.model.errors import UsageError
from apibench.store.database import open_stores
from apibench.store.paths import worker_path
from apibench.wire.grpc_agents import add_agent_control
from apibench.wire.grpc_control import add_worker_control
from apibench.wire.grpc_results import add_ingest
from apibench.wire.grpc_server import GrpcServer
from apibench.wire.in_process import InProcessControllerLink, InProcessIntervalSink
from apibench.wire.security import host_of

HERE = ""
"""The address of the aggregator, where nobody elsewhere has to reach it."""


async def all_in_one(settings: ServeSettings, told: asyncio.Event) -> None:
    """Be a whole installation until told."""
    folder: Path = settings.folder or worker_path()
    outlet = outlet_to(settings.otlp)
    stores = await open_stores(settings.store, keep_days=settings.keep_days)
    try:
        access = Access(stores.control)
        shown(await access.first_token(settings.token))
        aggregator = Aggregator(stores.results, holder())
        controller = Controller(
            stores.control,
            holder(),
            lambda _: aggregator,
            allowed=settings.allowed,
            ownership=Ownership(stores.control, lambda: controller.term, settings.allowed)
            if settings.allow_proven
            else None,
            is_gone=is_gone,
        )
        rest = rest_face(
            controller,
            stores.control,
            access,
            settings.http,
            secured(settings.files),
            outlet,
            allow_python=settings.allow_python,
        )
        control, results = InProcessControllerLink(controller), InProcessIntervalSink(aggregator)
        with own_folder(folder) as name:
            facts = worker_facts(name, WorkerSettings(controllers=()))
            worker = new_worker(facts, [control], lambda _: results, folder, settings.data, settings.code)
            elsewhere = await _for_workers_elsewhere(settings, controller, aggregator, access)
            address = HERE if elsewhere is None else settings.advertise or reachable(elsewhere.address)
            say(f"API Benchmark is ready: {rest.url}")
            if elsewhere is not None:
                say(f"workers elsewhere: apibench worker --controller {address}")
            # The worker leaves first, so that its results are taken while the others are still there.
            left = asyncio.Event()
            working = asyncio.create_task(work(worker, told))
            working.add_done_callback(lambda _: left.set())
            try:
                await together(left, controller.run(), aggregator.run(), rest.run(), _announce(controller, address))
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
                if elsewhere is not None:
                    await elsewhere.stop(GRACE_S)
                await control.close()
                await results.close()
    finally:
        await put_away(outlet)
        await stores.close()


async def _for_workers_elsewhere(
    settings: ServeSettings, controller: Controller, aggregator: Aggregator, access: Access
) -> GrpcServer | None:
    """
    The port at which they join and bring their results, if there is to be one.

    Raises UsageError, CertificatesUnusable.
    """
    if settings.grpc is None:
        if settings.advertise:
            raise UsageError("--advertise says where --grpc is reached, and there is none", "Give --grpc HOST:PORT.")
        return None
    if settings.advertise:
        host_of(settings.advertise)
    server = GrpcServer(authorizing(access))
    add_worker_control(server, controller)
    add_ingest(server, aggregator)
    add_agent_control(server, controller)
    await server.start(settings.grpc, secured(settings.files))
    return server


async def _announce(controller: Controller, address: str) -> None:
    while True:
        await controller.announced(address)
        await asyncio.sleep(ANNOUNCE_S)
