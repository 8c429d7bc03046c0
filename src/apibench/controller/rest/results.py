"""`/v1/runs/{run_id}/result` and `events`: what came of a run, and what changed it."""

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, Field

from apibench.controller.rest.documents import EventList
from apibench.controller.rest.refusals import responses, unprocessable
from apibench.controller.rest.runs import RunId
from apibench.controller.rest.services import NO_QUERY, VIEWER, Parts
from apibench.model.aggregation import ResultQuery
from apibench.model.errors import UnitInvalid
from apibench.model.fault import Fault
from apibench.model.part import MAX_NAME, Part, Text, fault
from apibench.model.plain_detail import clean_detail
from apibench.model.redaction import redacted
from apibench.model.units import parse_duration

router = APIRouter(prefix="/v1/runs/{run_id}", tags=["results"], dependencies=[VIEWER])

_RESULT: dict[str, Any] = {
    "type": "object",
    "description": "`apibench.result/1`; its schema: `apibench show --schema`",
    "required": ["schema", "run", "verdict"],
    "properties": {"schema": {"const": "apibench.result/1"}},
}


def _moment(text: str) -> str:
    try:
        parse_duration(text)
    except UnitInvalid as error:
        raise fault("unit", error.message, error.hint) from error
    return text


_Moment = Annotated[str, Field(max_length=64, description="After the barrier, like 90s"), AfterValidator(_moment)]
_Named = Annotated[Text, Field(max_length=MAX_NAME)]


class PartOfRun(Part):
    """Which part of a run; all of it where nothing is said."""

    from_: _Moment | None = Field(default=None, alias="from")
    to: _Moment | None = None
    region: list[_Named] = Field(default=[], max_length=100)
    worker: list[_Named] = Field(default=[], max_length=100)
    step: list[_Named] = Field(default=[], max_length=100)
    rows: bool = Field(default=True, description="`false`: each part of the run as one, at once")


@router.get(
    "/result",
    response_class=Response,
    responses={
        **responses(404, 409),
        200: {"description": "The result document", "content": {"application/json": {"schema": _RESULT}}},
    },
)
async def show_result(run_id: RunId, parts: Parts, query: Annotated[PartOfRun, Query()]) -> Response:
    """The result document of a run or of a part of it, merged from what has come so far."""
    part = _query(query)
    await parts.run(run_id)
    document = await parts.operations.result(run_id, part)
    run = document.get("run")
    if isinstance(run, dict) and isinstance(run.get("plan"), dict):
        # It comes redacted; this wall stands where secrets would leave.
        document = {**document, "run": {**run, "plan": redacted(run["plan"])}}
    # A day's result has megabytes: not on the loop that others wait for.
    content = await asyncio.to_thread(json.dumps, document, ensure_ascii=False, separators=(",", ":"))
    return Response(content, media_type="application/json")


@router.get("/events", dependencies=[NO_QUERY], responses=responses(404))
async def list_events(run_id: RunId, parts: Parts) -> EventList:
    """What changed a run, in order."""
    await parts.run(run_id)
    return EventList(events=[clean_detail(event) for event in await parts.store.events(run_id)])


def _query(query: PartOfRun) -> ResultQuery:
    from_ns = None if query.from_ is None else parse_duration(query.from_)
    to_ns = None if query.to is None else parse_duration(query.to)
    if to_ns is not None and to_ns <= (from_ns or 0):
        raise unprocessable(
            [Fault("range", "query.to", "it ends before it begins", "Give a later moment than `from`.")]
        )
    return ResultQuery(from_ns, to_ns, tuple(query.region), tuple(query.worker), tuple(query.step), query.rows)
