"""`apibench serve`: controller, aggregator and one worker in one process, joined by links that are no network."""

import asyncio
from pathlib import Path

from apibench.aggregator.service import Aggregator
from apibench.assembly.controller_service import rest_face, shown
from apibench.assembly.service_process import holder, is_gone, say, together
from apibench.assembly.service_settings import ANNOUNCE_S, ServeSettings, WorkerSettings
from apibench.assembly.worker_identity import own_folder
from apibench.assembly.worker_service import new_worker, work, worker_facts
from apibench.controller.access import Access
from apibench.controller.service import Controller
from apibench.store.database import open_stores
from apibench.store.paths import worker_path
from apibench.wire.in_process import InProcessControllerLink, InProcessIntervalSink
from apibench.wire.security import Security

HERE = ""
"""The address of the aggregator in this process."""


async def all_in_one(settings: ServeSettings, told: asyncio.Event) -> None:
    """Be a whole installation until told."""
    folder: Path = settings.folder or worker_path()
    stores = await open_stores(settings.store)
    try:
        access = Access(stores.control)
        shown(await access.first_token(settings.token))
        aggregator = Aggregator(stores.results, holder())
        controller = Controller(
            stores.control, holder(), lambda _: aggregator, allowed=settings.allowed, is_gone=is_gone
        )
        rest = rest_face(controller, stores.control, access, settings.http, Security())
        control, results = InProcessControllerLink(controller), InProcessIntervalSink(aggregator)
        with own_folder(folder) as name:
            facts = worker_facts(name, WorkerSettings(controllers=()))
            worker = new_worker(facts, [control], lambda _: results, folder)
            say(f"API Benchmark is ready: {rest.url}")
            # The worker leaves first, so that its results are taken while the others are still there.
            left = asyncio.Event()
            working = asyncio.create_task(work(worker, told))
            working.add_done_callback(lambda _: left.set())
            try:
                await together(left, controller.run(), aggregator.run(), rest.run(), _announce(controller))
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
                await control.close()
                await results.close()
    finally:
        await stores.close()


async def _announce(controller: Controller) -> None:
    while True:
        await controller.announced(HERE)
        await asyncio.sleep(ANNOUNCE_S)
