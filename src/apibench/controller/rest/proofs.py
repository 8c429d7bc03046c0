"""`/v1/proofs/{host}`: what a target that is not allowed is to serve, so that it may be loaded."""

from typing import Annotated

from fastapi import APIRouter, Path

from apibench.controller.rest.documents import ProofDocument
from apibench.controller.rest.refusals import RequestRefused, responses
from apibench.controller.rest.services import NO_QUERY, VIEWER, Parts
from apibench.model.proof import PATH

router = APIRouter(prefix="/v1/proofs", tags=["fleet"], dependencies=[NO_QUERY])

HostName = Annotated[str, Path(pattern="^[0-9A-Za-z._:-]{1,253}$", description="As in the target's URL, without port")]


@router.get("/{host}", dependencies=[VIEWER], responses=responses(409))
async def show_proof(host: HostName, parts: Parts) -> ProofDocument:
    """The line that is to stand in a file of the target. It is asked for at each run."""
    if parts.ownership is None:
        message = "nothing can be proven to this installation"
        raise RequestRefused(409, "proof.off", message, "Start its controller with --allow-proven.")
    return ProofDocument(host=host.lower(), path=PATH, line=await parts.ownership.line(host))
