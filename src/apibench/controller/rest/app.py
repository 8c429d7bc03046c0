"""The REST face, put together. Nothing of it is global: two applications in one process know nothing of each other."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from structlog.typing import FilteringBoundLogger

from apibench.controller.access import Access
from apibench.controller.audit import Audit
from apibench.controller.bundles import Bundles
from apibench.controller.catalogue import Catalogue
from apibench.controller.operations import RunOperations
from apibench.controller.ownership import Ownership
from apibench.controller.quotas import Quotas
from apibench.controller.rest import (
    changes,
    deeds,
    fleet,
    health,
    metrics,
    proofs,
    quotas,
    results,
    runs,
    stream,
    tests,
    tokens,
)
from apibench.controller.rest.envelope import Envelope
from apibench.controller.rest.follower import RunFollower
from apibench.controller.rest.log import json_log
from apibench.controller.rest.outlet import WindowOutlet
from apibench.controller.rest.refusals import add_handlers
from apibench.controller.rest.services import Services
from apibench.store.control import ControlStore

KEEP_ALIVE_S = 15.0
SEND_S = 10.0
_ROUTERS = (tests, runs, changes, results, stream, fleet, proofs, tokens, quotas, deeds, health, metrics)
_DESCRIPTION = "Tests, runs and results of an installation of API Benchmark. Additive changes only under /v1."


def create_app(  # noqa: PLR0913, PLR0917 - the parts of a service, each once
    operations: RunOperations,
    store: ControlStore,
    access: Access,
    audit: Audit,
    catalogue: Catalogue,
    bundles: Bundles,
    quotas: Quotas,
    ownership: Ownership | None,
    version: str,
    *,
    log: FilteringBoundLogger | None = None,
    outlet: WindowOutlet | None = None,
    keep_alive_s: float = KEEP_ALIVE_S,
    send_s: float = SEND_S,
) -> FastAPI:
    """
    The application. It writes to `log` (unless told: JSON lines on standard error); sealed windows go to `outlet`.

    `keep_alive_s` is how often a silent stream says that it is alive, `send_s` how long a watcher may take over one
    piece of a stream before it is cut off.
    """
    log = log if log is not None else json_log(sys.stderr)
    app = bare_app(version)
    app.state.services = Services(
        operations, store, access, audit, catalogue, bundles, quotas, ownership, version, log, keep_alive_s, send_s
    )
    app.state.follower = RunFollower(operations, store, outlet)
    app.add_middleware(Envelope, log=log)
    return app


def bare_app(version: str) -> FastAPI:
    """The resources without anything behind them: enough to publish their document."""
    app = FastAPI(
        title="API Benchmark",
        version=version,
        description=_DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        lifespan=_lifespan,
    )
    for each in _ROUTERS:
        app.include_router(each.router)
    add_handlers(app)
    return app


def openapi_document(version: str) -> dict[str, Any]:
    """The published document of all resources."""
    return bare_app(version).openapi()


def _operation_id(route: APIRoute) -> str:
    return route.name


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    following = asyncio.create_task(app.state.follower.follow())
    try:
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
