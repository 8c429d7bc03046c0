"""`/healthz` and `/readyz`: for whoever restarts processes and whoever sends requests to them. They need no token."""

import asyncio

from fastapi import APIRouter

from apibench.controller.rest.documents import ReadyDocument
from apibench.controller.rest.refusals import RequestRefused, responses
from apibench.controller.rest.services import NO_QUERY, Parts, Services
from apibench.model.errors import StoreFailed
from apibench.model.fault import Fault

STORE_ANSWERS_S = 2.0

router = APIRouter(tags=["health"], dependencies=[NO_QUERY])


@router.get("/healthz", responses={422: responses()[422]})
async def is_alive() -> dict[str, bool]:
    """The process answers. Restart it only where this fails."""
    return {"alive": True}


@router.get("/readyz", responses={each: responses()[each] for each in (422, 503)})
async def is_ready(parts: Parts) -> ReadyDocument:
    """Runs can be started here: it leads, has an aggregator, and its store answers."""
    faults = []
    if not parts.operations.leads:
        faults.append(Fault("not_leading", "leads", "it does not lead, or has no aggregator", "Ask the other one."))
    if not await store_answers(parts):
        faults.append(Fault("store", "store", "the store does not answer", "Look after the database."))
    if faults:
        raise RequestRefused(503, "not_ready", "runs can't be started here", "Try again in some seconds.", faults)
    return ReadyDocument(ready=True, version=parts.version)


async def store_answers(parts: Services) -> bool:
    """Whether the store answers a small question in time."""
    try:
        async with asyncio.timeout(STORE_ANSWERS_S):
            await parts.store.runs(limit=1)
    except (StoreFailed, TimeoutError):
        return False
    return True
