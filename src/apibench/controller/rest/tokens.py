"""`/v1/tokens`: who may do what."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Request

from apibench.controller.rest.bodies import NewToken, life_s_of
from apibench.controller.rest.body import read_body, read_nothing, takes
from apibench.controller.rest.documents import NewTokenDocument, TokenList, new_token_document, token_document
from apibench.controller.rest.refusals import responses
from apibench.controller.rest.services import ADMIN, NO_QUERY, Admin, Parts

router = APIRouter(prefix="/v1/tokens", tags=["tokens"], dependencies=[NO_QUERY])

TokenId = Annotated[str, Path(pattern="^[0-9a-z]{1,32}$", description="A token's id")]


@router.post("", status_code=201, responses=responses(400, 409, 413, 415), openapi_extra=takes(NewToken))
async def create_token(request: Request, parts: Parts, who: Admin) -> NewTokenDocument:
    """Make a token. It is told in this answer and never again."""
    body = await read_body(request, NewToken)
    expires_at = None
    if body.expires_in is not None:
        expires_at = datetime.now(UTC) + timedelta(seconds=life_s_of(body.expires_in))
    row, token = await parts.access.make(body.role, body.name, expires_at)
    detail = {"name": row.name, "role": row.role.value, "expires_at": row.expires_at}
    await parts.audit.record(who.actor, "token.create", row.token_id, detail)
    return new_token_document(row, token)


@router.get("", dependencies=[ADMIN], responses=responses())
async def list_tokens(parts: Parts) -> TokenList:
    """All tokens, also those that are good for nothing any more."""
    return TokenList(tokens=[token_document(row) for row in await parts.access.tokens()])


@router.delete("/{token_id}", status_code=204, responses=responses(400, 404, 409, 413))
async def revoke_token(token_id: TokenId, request: Request, parts: Parts, who: Admin) -> None:
    """Have a token be good for nothing, at once here and within seconds at other controllers."""
    await read_nothing(request)
    await parts.access.revoke(token_id)
    await parts.audit.record(who.actor, "token.revoke", token_id)
