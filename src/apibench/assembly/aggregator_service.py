"""`apibench aggregator`: the aggregator as a process of its own, that makes itself known to the controller."""

import asyncio
import logging
import socket

from apibench.aggregator.service import Aggregator
from apibench.assembly.controller_service import GRACE_S, authorizing, secured
from apibench.assembly.health_port import health_port
from apibench.assembly.returned_memory import return_memory
from apibench.assembly.service_process import holder, say, together
from apibench.assembly.service_settings import ANNOUNCE_S, AggregatorSettings
from apibench.controller.access import Access
from apibench.model.errors import CertificatesUnusable, LinkLost, Refused, UsageError
from apibench.store.database import open_stores
from apibench.wire.grpc_directory import GrpcDirectoryLink
from apibench.wire.grpc_results import serve_results

logger = logging.getLogger(__name__)


async def aggregator_service(settings: AggregatorSettings, told: asyncio.Event) -> None:
    """Be an aggregator until told."""
    if not settings.token:
        raise UsageError("an aggregator needs a token of an admin", "Set APIBENCH_TOKEN.")
    stores = await open_stores(settings.store, keep_days=settings.keep_days)
    try:
        aggregator = Aggregator(stores.results, holder())
        server = await serve_results(
            aggregator, aggregator, settings.grpc, secured(settings.files), authorizing(Access(stores.control))
        )
        address = settings.advertise or reachable(server.address)
        links = secured(settings.files, settings.token)
        directories = [GrpcDirectoryLink(controller, links) for controller in settings.controllers]
        say(f"gRPC on {server.address}")
        parts = [aggregator.run(), return_memory(), *(_announce(directory, address) for directory in directories)]
        if settings.http is not None:
            port = health_port(settings.http, secured(settings.files), lambda: aggregator.ready, aggregator.figures)
            say(f"health on {port.url}")
            parts.append(port.run())
        try:
            await together(told, *parts)
        finally:
            for directory in directories:
                await directory.close()
            await server.stop(GRACE_S)
    finally:
        await stores.close()


def reachable(address: str) -> str:
    """An address that others can use: one that stands for all of this host is replaced by the host's name."""
    host, _, port = address.rpartition(":")
    return f"{socket.gethostname()}:{port}" if host in ("0.0.0.0", "[::]") else address  # noqa: S104 - to avoid it


async def _announce(directory: GrpcDirectoryLink, address: str) -> None:
    """Say again and again where it is."""
    said = ""
    while True:
        try:
            await directory.announce(address)
        except (LinkLost, Refused, CertificatesUnusable) as error:
            if str(error) != said:
                said = str(error)
                logger.warning("the controller does not know of this aggregator: %s", error)
        else:
            if said:
                logger.info("the controller knows of this aggregator")
            said = ""
        await asyncio.sleep(ANNOUNCE_S)
