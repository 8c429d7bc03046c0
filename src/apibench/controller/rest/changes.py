"""`/v1/runs/{run_id}/stop`, `abort`, `rates`, `notes`: what may be done to a run."""

import json
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request

from apibench.controller.rest.bodies import NewNote, NewRates, RateOfScenario, rate_of
from apibench.controller.rest.body import read_body, read_nothing, takes
from apibench.controller.rest.documents import RateAnswer, RunDocument, run_document
from apibench.controller.rest.refusals import RequestRefused, responses, unprocessable
from apibench.controller.rest.runs import RunId
from apibench.controller.rest.services import NO_QUERY, Parts, Runner
from apibench.model.fault import Fault
from apibench.model.installation import RunState
from apibench.model.suggestion import did_you_mean

router = APIRouter(prefix="/v1/runs/{run_id}", tags=["runs"], dependencies=[NO_QUERY])


@router.post("/stop", status_code=202, responses=responses(400, 404, 409, 413))
async def stop_run(run_id: RunId, request: Request, parts: Parts, who: Runner) -> RunDocument:
    """Send nothing more, wait for what is in flight, and judge what there is. Again: nothing changes."""
    await read_nothing(request)
    row = await parts.operations.stop(run_id, who.actor)
    await parts.audit.record(who.actor, "run.stop", run_id)
    return run_document(row)


@router.post("/abort", status_code=202, responses=responses(400, 404, 409, 413))
async def abort_run(run_id: RunId, request: Request, parts: Parts, who: Runner) -> RunDocument:
    """Send nothing more and wait for nothing."""
    await read_nothing(request)
    row = await parts.operations.abort(run_id, who.actor)
    await parts.audit.record(who.actor, "run.abort", run_id)
    return run_document(row)


@router.patch("/rates", responses=responses(400, 404, 409, 413, 415), openapi_extra=takes(NewRates))
async def change_rates(run_id: RunId, request: Request, parts: Parts, who: Runner) -> RateAnswer:
    """Other rates for open scenarios, on all workers at one moment of the run."""
    body = await read_body(request, NewRates)
    row = await parts.run(run_id)
    if row.state is not RunState.RUNNING:
        message = f"the run is {row.state}, and rates change only while it is running"
        raise RequestRefused(409, "run.state", message, "Start another run with other rates.")
    faults = _faults(body.rates, json.loads(row.plan)["scenarios"])
    if faults:
        raise unprocessable(faults)
    rates = [(each.scenario, rate_of(each.rate)) for each in body.rates]
    answer = await parts.operations.change_rates(run_id, rates, who.actor)
    detail = {"rates": [{"scenario": each.scenario, "rate": each.rate} for each in body.rates]}
    await parts.audit.record(who.actor, "run.rates", run_id, detail)
    return RateAnswer(revision=answer["revision"], effective_ns=answer["effective_ns"])


@router.post("/notes", status_code=201, responses=responses(400, 404, 409, 413, 415), openapi_extra=takes(NewNote))
async def annotate_run(run_id: RunId, request: Request, parts: Parts, who: Runner) -> RunDocument:
    """Write something beside a run."""
    body = await read_body(request, NewNote)
    row = await parts.operations.annotate(run_id, body.text, who.actor)
    await parts.audit.record(who.actor, "run.note", run_id)
    return run_document(row)


def _faults(rates: Sequence[RateOfScenario], scenarios: Sequence[dict[str, Any]]) -> list[Fault]:
    models = {each["name"]: each["load"]["model"] for each in scenarios}
    found: list[Fault] = []
    for at, each in enumerate(rates):
        place = f"rates[{at}].scenario"
        if each.scenario not in models:
            remedy = did_you_mean(each.scenario, models)
            found.append(Fault("unknown", place, "the run has no such scenario", remedy))
        elif models[each.scenario] != "open":
            found.append(Fault("rate.closed", place, "its load is closed and has no rate", "Leave it out."))
    return found
