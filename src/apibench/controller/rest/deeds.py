"""`/v1/audit`: who did what to what."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from apibench.controller.rest.documents import ChainDocument, DeedPage, deed_document
from apibench.controller.rest.refusals import responses
from apibench.controller.rest.services import ADMIN, NO_QUERY, Parts
from apibench.model.part import Part

router = APIRouter(prefix="/v1/audit", tags=["audit"], dependencies=[ADMIN])


class DeedsQuery(Part):
    """Which deeds."""

    after: int = Field(default=0, ge=0, le=2**53 - 1, description="Only those with a higher number")
    limit: int = Field(default=100, ge=1, le=1_000, description="How many at most")


@router.get("", responses=responses())
async def list_deeds(parts: Parts, query: Annotated[DeedsQuery, Query()]) -> DeedPage:
    """Deeds, in order."""
    rows = await parts.audit.deeds(after=query.after, limit=query.limit + 1)
    shown = rows[: query.limit]
    following = shown[-1].number if len(rows) > query.limit else None
    return DeedPage(deeds=[deed_document(row) for row in shown], next=following)


@router.get("/chain", dependencies=[NO_QUERY], responses=responses())
async def check_chain(parts: Parts) -> ChainDocument:
    """Walk along the whole log and see whether each deed is what was written."""
    found = await parts.audit.check()
    return ChainDocument(
        intact=found.broken_at is None, deeds=found.deeds, last_hash=found.last_hash, broken_at=found.broken_at
    )
