"""`/v1/workers`, `/v1/agents`, `/v1/kill`: who makes the load, who makes them, and the switch that stops them all."""

from fastapi import APIRouter, Request

from apibench.controller.rest.bodies import NewKill
from apibench.controller.rest.body import read_body, read_nothing, takes
from apibench.controller.rest.documents import (
    AgentList,
    KillAnswer,
    KillDocument,
    WorkerList,
    agent_document,
    worker_document,
)
from apibench.controller.rest.refusals import responses
from apibench.controller.rest.services import NO_QUERY, VIEWER, Admin, Parts, Runner

router = APIRouter(prefix="/v1", tags=["fleet"], dependencies=[NO_QUERY])


@router.get("/workers", dependencies=[VIEWER], responses=responses())
async def list_workers(parts: Parts) -> WorkerList:
    """All workers that are attached, or have been a short while ago."""
    return WorkerList(workers=[worker_document(view) for view in parts.operations.workers()])


@router.get("/agents", dependencies=[VIEWER], responses=responses())
async def list_agents(parts: Parts) -> AgentList:
    """All agents that are there, or have been, and how far they are with the workers of which run."""
    return AgentList(agents=[agent_document(view) for view in parts.operations.agents()])


@router.get("/kill", dependencies=[VIEWER], responses=responses())
async def show_kill(parts: Parts) -> KillDocument:
    """Whether the kill switch is on, and why."""
    return KillDocument(killed=bool(parts.operations.killed), reason=parts.operations.killed)


@router.post("/kill", responses=responses(400, 409, 413, 415), openapi_extra=takes(NewKill))
async def kill(request: Request, parts: Parts, who: Runner) -> KillAnswer:
    """Abort every run, and start none until the switch is taken back."""
    body = await read_body(request, NewKill)
    aborted = await parts.operations.kill(body.reason, who.actor)
    await parts.audit.record(who.actor, "kill", "installation", {"reason": body.reason, "aborted": aborted})
    return KillAnswer(killed=True, reason=parts.operations.killed or body.reason, aborted=aborted)


@router.delete("/kill", status_code=204, responses=responses(400, 409, 413))
async def revive(request: Request, parts: Parts, who: Admin) -> None:
    """Take the kill switch back: runs may be started again."""
    await read_nothing(request)
    await parts.operations.revive(who.actor)
    await parts.audit.record(who.actor, "revive", "installation")
