"""`/v1/tests`: what an installation runs again and again."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from apibench.controller.rest.bodies import NewTest, NewVersion
from apibench.controller.rest.body import Planned, code_detail, read_body_with_plan, takes
from apibench.controller.rest.documents import (
    NewTestDocument,
    TestDocument,
    TestList,
    VersionList,
    VersionWithPlan,
    test_document,
    version_document,
    version_with_plan,
)
from apibench.controller.rest.refusals import responses
from apibench.controller.rest.services import NO_QUERY, VIEWER, Parts, Runner, Services
from apibench.model.installation import TestVersionRow

router = APIRouter(prefix="/v1/tests", tags=["tests"], dependencies=[NO_QUERY])

TestId = Annotated[str, Path(pattern="^[0-9A-Za-z_-]{1,64}$", description="A test's id")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="A version's number")]


@router.post("", status_code=201, responses=responses(400, 409, 413, 415), openapi_extra=takes(NewTest))
async def create_test(request: Request, parts: Parts, who: Runner) -> NewTestDocument:
    """Make a test, and its first version where a plan is with it."""
    body, planned = await read_body_with_plan(request, NewTest, parts.bundles)
    row = await parts.catalogue.add(body.name)
    version = None if planned is None else await _add_version(parts, row.test_id, planned, who.actor)
    detail = {"name": row.name, "plan_sha256": None if version is None else version.plan_sha256, **code_detail(planned)}
    await parts.audit.record(who.actor, "test.create", row.test_id, detail)
    shown = None if version is None else version_document(version)
    return NewTestDocument(**test_document(row).model_dump(), version=shown)


@router.get("", dependencies=[VIEWER], responses=responses())
async def list_tests(parts: Parts) -> TestList:
    """All tests, by name."""
    return TestList(tests=[test_document(row) for row in await parts.catalogue.tests()])


@router.get("/{test_id}", dependencies=[VIEWER], responses=responses(404))
async def show_test(test_id: TestId, parts: Parts) -> TestDocument:
    """One test."""
    return test_document(await parts.catalogue.test(test_id))


@router.post(
    "/{test_id}/versions",
    status_code=201,
    responses=responses(400, 404, 409, 413, 415),
    openapi_extra=takes(NewVersion),
)
async def create_version(test_id: TestId, request: Request, parts: Parts, who: Runner) -> VersionWithPlan:
    """Add a version; where the newest has the same plan, that one is the answer and nothing is added."""
    _, planned = await read_body_with_plan(request, NewVersion, parts.bundles)
    assert planned is not None  # noqa: S101 - a body without one was refused
    row = await _add_version(parts, test_id, planned, who.actor)
    detail = {"version": row.version, "plan_sha256": row.plan_sha256, **code_detail(planned)}
    await parts.audit.record(who.actor, "test.version", test_id, detail)
    return version_with_plan(row)


@router.get("/{test_id}/versions", dependencies=[VIEWER], responses=responses(404))
async def list_versions(test_id: TestId, parts: Parts) -> VersionList:
    """All versions of a test, in order."""
    return VersionList(versions=[version_document(row) for row in await parts.catalogue.versions(test_id)])


@router.get("/{test_id}/versions/{version}", dependencies=[VIEWER], responses=responses(404))
async def show_version(test_id: TestId, version: Number, parts: Parts) -> VersionWithPlan:
    """A version, with its plan."""
    return version_with_plan(await parts.catalogue.version(test_id, version))


async def _add_version(parts: Services, test_id: str, planned: Planned, actor: str) -> TestVersionRow:
    plan, code = planned
    if code is not None:
        await parts.bundles.keep(code, actor)
    return await parts.catalogue.add_version(test_id, plan, actor, None if code is None else code.sha256)
