"""`/v1/runs`: start, list and show."""

import json
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request
from pydantic import Field

from apibench.controller.rest.bodies import NewRun
from apibench.controller.rest.body import Planned, code_detail, read_body_with_plan, takes
from apibench.controller.rest.documents import RunPage, RunWithPlan, run_document, run_with_plan
from apibench.controller.rest.refusals import RequestRefused, responses, unprocessable
from apibench.controller.rest.services import NO_QUERY, VIEWER, Parts, Runner, Services
from apibench.model.fault import Fault
from apibench.model.installation import RunState, TestVersionRow
from apibench.model.part import Part
from apibench.model.submission import PATIENCE_S, RunSubmission, WorkersFrom
from apibench.model.validation import parse_plan

router = APIRouter(prefix="/v1/runs", tags=["runs"])

ID_PATTERN = "^[0-9A-Za-z_-]{1,64}$"
RunId = Annotated[str, Path(pattern=ID_PATTERN, description="A run's id")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[!-~]{1,200}$",
        description="Of the caller's choice: the same key again, from the same token, starts no second run",
    ),
]


class RunsQuery(Part):
    """Which runs."""

    limit: int = Field(default=50, ge=1, le=200, description="How many at most")
    before: str | None = Field(default=None, pattern=ID_PATTERN, description="Only those older than this run")
    state: list[RunState] = Field(default=[], max_length=20, description="Only those in one of these states")


@router.post(
    "",
    status_code=201,
    dependencies=[NO_QUERY],
    responses=responses(400, 404, 409, 413, 415),
    openapi_extra=takes(NewRun),
)
async def start_run(request: Request, parts: Parts, who: Runner, idempotency_key: IdempotencyKey = None) -> RunWithPlan:
    """Start a run of a plan, or of a version of a test."""
    body, planned = await read_body_with_plan(request, NewRun, parts.bundles)
    planned, version = await _planned(parts, body, planned)
    workers_from = body.workers_from or parts.operations.workers_from
    submission = _submission(body, planned, version, idempotency_key, workers_from)
    _refuse_where_none_can_start(parts)
    if planned.code is not None:
        await parts.bundles.keep(planned.code, who.actor)
    row = await parts.operations.submit(submission, who.actor)
    request.scope["apibench.run_id"] = row.run_id  # for the log
    if (row.plan_sha256, row.bundle_sha256) != (submission.plan_sha256, submission.bundle_sha256):
        message = "this idempotency key has started a run of another plan"
        raise RequestRefused(409, "idempotency.other", message, "Choose another key.")
    detail = {
        "plan_sha256": row.plan_sha256,
        "test": row.test_id,
        "version": row.test_version,
        "workers": body.workers,
        "regions": body.regions,
        "workers_from": workers_from,
        "proven": row.options.get("proven", []),
        **code_detail(planned),
    }
    await parts.audit.record(who.actor, "run.start", row.run_id, detail)
    return run_with_plan(row)


@router.get("", dependencies=[VIEWER], responses=responses())
async def list_runs(parts: Parts, query: Annotated[RunsQuery, Query()]) -> RunPage:
    """Runs, the newest first."""
    if query.before is not None and await parts.store.run(query.before) is None:
        raise unprocessable([Fault("unknown", "query.before", "there is no such run", "Take `next` of the last page.")])
    rows = await parts.store.runs(limit=query.limit + 1, before=query.before, states=[*query.state])
    shown = rows[: query.limit]
    following = shown[-1].run_id if len(rows) > query.limit else None
    return RunPage(runs=[run_document(row) for row in shown], next=following)


@router.get("/{run_id}", dependencies=[VIEWER, NO_QUERY], responses=responses(404))
async def show_run(run_id: RunId, parts: Parts) -> RunWithPlan:
    """One run, with its plan."""
    return run_with_plan(await parts.run(run_id))


async def _planned(parts: Services, body: NewRun, planned: Planned | None) -> tuple[Planned, TestVersionRow | None]:
    """What is to be run: what has come, or a version of a test, whose code is looked at anew."""
    if planned is not None:
        return planned, None
    assert body.test is not None  # noqa: S101 - a body with neither was refused
    row = await parts.catalogue.version(body.test.id, body.test.version)
    plan = parse_plan(json.loads(row.plan))
    code, faults = await parts.bundles.kept_code(plan, row.bundle_sha256)
    if faults:
        raise unprocessable(faults)
    return Planned(plan, code), row


def _submission(
    body: NewRun, planned: Planned, version: TestVersionRow | None, key: str | None, workers_from: WorkersFrom
) -> RunSubmission:
    plan, code = planned
    return RunSubmission(
        plan=plan.canonical().decode("utf-8") if version is None else version.plan,
        plan_sha256=plan.sha256() if version is None else version.plan_sha256,
        name=body.name or plan.name,
        workers=body.workers,
        regions=body.regions,
        on_worker_loss=body.on_worker_loss,
        on_lost_control=body.on_lost_control,
        least_workers=body.least_workers,
        workers_from=workers_from,
        patience_s=body.patience_s or PATIENCE_S[workers_from],
        test_id=None if version is None else version.test_id,
        test_version=None if version is None else version.version,
        idempotency_key=key,
        tags=body.tags,
        bundle="" if code is None else code.text,
        bundle_sha256=None if code is None else code.sha256,
    )


def _refuse_where_none_can_start(parts: Services) -> None:
    if parts.operations.killed:
        message = f"the kill switch is on: {parts.operations.killed}"
        raise RequestRefused(409, "killed", message, "An admin can take it back: DELETE /v1/kill.")
    if not parts.operations.leads:
        message = "this controller does not lead, or has no aggregator"
        raise RequestRefused(503, "not_ready", message, "Ask the other one, or try again in some seconds.")
