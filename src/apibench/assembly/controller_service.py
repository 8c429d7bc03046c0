"""`apibench controller`: the controller as a process of its own, and the REST face that every installation has."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

from apibench import __version__
from apibench.assembly.outlets import outlet_to, put_away
from apibench.assembly.rest_server import RestServer
from apibench.assembly.service_process import holder, is_gone, say, together
from apibench.assembly.service_settings import ControllerSettings, LinkFiles
from apibench.controller.access import Access, FirstToken
from apibench.controller.audit import Audit
from apibench.controller.bundles import Bundles
from apibench.controller.catalogue import Catalogue
from apibench.controller.ownership import Ownership
from apibench.controller.quotas import Quotas
from apibench.controller.rest.app import create_app
from apibench.controller.rest.log import json_log, unwritten_deeds
from apibench.controller.rest.outlet import WindowOutlet
from apibench.controller.service import Controller
from apibench.model.errors import UsageError
from apibench.model.installation import Role
from apibench.store.control import ControlStore
from apibench.store.database import open_stores
from apibench.wire.grpc_agents import add_agent_control
from apibench.wire.grpc_aggregation import GrpcAggregatorLink
from apibench.wire.grpc_control import add_directory, add_worker_control
from apibench.wire.grpc_server import GrpcServer
from apibench.wire.security import Security

GRACE_S = 2.0
"""How long conversations may take to end politely."""


async def controller_service(settings: ControllerSettings, told: asyncio.Event) -> None:
    """Be a controller until told."""
    security, outlet = secured(settings.files), outlet_to(settings.otlp)
    stores = await open_stores(settings.store)
    try:
        access = Access(stores.control)
        token = shown(await access.first_token(settings.token)) or settings.token
        if not token:
            raise UsageError(
                "a controller shows its aggregators a token, and has none", "Set APIBENCH_TOKEN to one of an admin."
            )
        links = secured(settings.files, token)
        controller = Controller(
            stores.control,
            holder(),
            lambda address: GrpcAggregatorLink(address, links),
            allowed=settings.allowed,
            ownership=Ownership(stores.control, lambda: controller.term, settings.allowed)
            if settings.allow_proven
            else None,
            is_gone=is_gone,
            workers_from=settings.workers_from,
        )
        rest = rest_face(
            controller, stores.control, access, settings.http, security, outlet, allow_python=settings.allow_python
        )
        control = GrpcServer(authorizing(access))
        add_worker_control(control, controller)
        add_directory(control, controller.announced)
        add_agent_control(control, controller)
        await control.start(settings.grpc, security)
        say(f"REST on {rest.url}, gRPC on {control.address}")
        try:
            await together(told, controller.run(), rest.run())
        finally:
            await control.stop(GRACE_S)
    finally:
        await put_away(outlet)
        await stores.close()


def rest_face(  # noqa: PLR0913, PLR0917 - the parts of a service, each once
    controller: Controller,
    store: ControlStore,
    access: Access,
    http: str,
    security: Security,
    outlet: WindowOutlet | None = None,
    *,
    allow_python: bool = False,
) -> RestServer:
    """The REST face of a controller, listening. `allow_python`: plans may have functions of Python called."""
    log = json_log(sys.stderr)
    audit = Audit(store, unwritten=unwritten_deeds(log))
    catalogue, quotas = Catalogue(store, lambda: controller.term), Quotas(store, lambda: controller.term)
    bundles = Bundles(store, lambda: controller.term, allowed=allow_python)
    app = create_app(
        controller,
        store,
        access,
        audit,
        catalogue,
        bundles,
        quotas,
        controller.ownership,
        __version__,
        log=log,
        outlet=outlet,
    )
    return RestServer(app, http, security)


def authorizing(access: Access) -> Callable[[str, str], Awaitable[None]]:
    """How gRPC asks whether a token does."""

    async def authorize(token: str, role: str) -> None:
        await access.authorize(token, Role(role))

    return authorize


def secured(files: LinkFiles, token: str = "") -> Security:
    """One end of a link."""
    return Security(token, files.ca_file, files.certificate_file, files.key_file, files.insecure)


def shown(first: FirstToken) -> str:
    """Tell whoever has started the service what it has to know of its first token; returns it, if it is new."""
    if first.note:
        say(f"apibench: {first.note}")
    if first.printed is None:
        return ""
    say(f"The first admin's token, shown only now:\n  export APIBENCH_TOKEN={first.printed}")
    return first.printed
