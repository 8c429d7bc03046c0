"""`/v1/quota`, `/v1/tokens/{token_id}/quota`: how much everybody together, and who shows a token, may use at once."""

from typing import Any

from fastapi import APIRouter, Request

from apibench.controller.access import actor_of
from apibench.controller.quotas import EVERYBODY
from apibench.controller.rest.bodies import NewQuota
from apibench.controller.rest.body import read_body, takes
from apibench.controller.rest.documents import QuotaDocument, quota_document
from apibench.controller.rest.refusals import responses
from apibench.controller.rest.services import ADMIN, NO_QUERY, VIEWER, Admin, Parts, Services
from apibench.controller.rest.tokens import TokenId

router = APIRouter(prefix="/v1", tags=["quotas"], dependencies=[NO_QUERY])
_PUT: dict[str, Any] = {"responses": responses(400, 404, 409, 413, 415), "openapi_extra": takes(NewQuota)}


@router.get("/quota", dependencies=[VIEWER], responses=responses())
async def show_quota(parts: Parts) -> QuotaDocument:
    """What all runs together may use."""
    return quota_document(await parts.quotas.of())


@router.put("/quota", **_PUT)
async def put_quota(request: Request, parts: Parts, who: Admin) -> QuotaDocument:
    """Bound what all runs together may use, from the next run or change of a rate on."""
    return await _put(parts, who.actor, await read_body(request, NewQuota), "installation")


@router.get("/tokens/{token_id}/quota", dependencies=[ADMIN], responses=responses(404))
async def show_token_quota(token_id: TokenId, parts: Parts) -> QuotaDocument:
    """What the runs of a token may use."""
    return quota_document(await parts.quotas.of(actor_of(await parts.access.token(token_id))))


@router.put("/tokens/{token_id}/quota", **_PUT)
async def put_token_quota(token_id: TokenId, request: Request, parts: Parts, who: Admin) -> QuotaDocument:
    """Bound what the runs of a token may use, beside what holds for everybody."""
    body = await read_body(request, NewQuota)
    actor = actor_of(await parts.access.token(token_id))
    return await _put(parts, who.actor, body, token_id, actor)


async def _put(parts: Services, actor: str, body: NewQuota, subject: str, whose: str = EVERYBODY) -> QuotaDocument:
    quota = body.quota()
    await parts.quotas.put(quota, whose)
    await parts.audit.record(actor, "quota.put", subject, body.model_dump())
    return quota_document(quota)
