"""What answers carry: rows as the store has them, less hashes, secrets, and the state of the orchestration."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from apibench.model.installation import AuditRow, Role, RunRow, RunState, TestRow, TestVersionRow, TokenRow
from apibench.model.provision import AgentView, ProvisionStatus
from apibench.model.quota import Quota
from apibench.model.redaction import redacted
from apibench.model.submission import WorkerView
from apibench.model.units import RateParts, format_duration, format_rate


class TestDocument(BaseModel):
    """A test."""

    __test__ = False  # not one of pytest's

    id: str
    name: str
    created_at: str


class VersionDocument(BaseModel):
    """A version of a test."""

    test: str
    version: int
    plan_sha256: str
    bundle_sha256: str | None
    """Of the code that it has called; null where it calls none."""
    created_at: str
    created_by: str


class VersionWithPlan(VersionDocument):
    """The same with what it does; secrets in it are replaced."""

    plan: dict[str, Any]


class NewTestDocument(TestDocument):
    """A test that was just made."""

    version: VersionDocument | None


class TestList(BaseModel):
    """All tests, by name."""

    __test__ = False

    tests: list[TestDocument]


class VersionList(BaseModel):
    """All versions of a test, in order."""

    versions: list[VersionDocument]


class TestReference(BaseModel):
    """Which version of which test was run."""

    __test__ = False

    id: str
    version: int | None


class NoteDocument(BaseModel):
    """What somebody wrote beside a run."""

    at: str
    by: str
    text: str


class RunDocument(BaseModel):
    """A run."""

    id: str
    name: str
    state: RunState
    desired: str
    verdict: str | None
    exit_code: int | None
    ended: str | None
    reason: str
    created_at: str
    created_by: str
    started_at: str | None
    ended_at: str | None
    plan_sha256: str
    bundle_sha256: str | None
    """Of the code that it has called; null where it calls none."""
    test: TestReference | None
    tags: dict[str, str]
    notes: list[NoteDocument]
    options: dict[str, Any]
    rev: int


class RunWithPlan(RunDocument):
    """The same with what it does; secrets in it are replaced."""

    plan: dict[str, Any]


class RunPage(BaseModel):
    """Some runs, the newest first."""

    runs: list[RunDocument]
    next: str | None
    """To be sent as `before` for those that follow; null where there are none."""


class RateAnswer(BaseModel):
    """From when on the new rates hold."""

    revision: int
    effective_ns: int
    """After the barrier."""


class EventList(BaseModel):
    """What changed a run, in order."""

    events: list[dict[str, Any]]


class WorkerDocument(BaseModel):
    """A worker."""

    id: str
    region: str
    labels: dict[str, str]
    engine_version: str
    cpus: int
    state: str
    run: str | None
    last_heard_s: float
    clock_error_ns: int | None
    round_trip_ns: int | None


class WorkerList(BaseModel):
    """The fleet."""

    workers: list[WorkerDocument]


class ProvisionDocument(BaseModel):
    """Workers that an agent makes for a run."""

    run: str
    wanted: int
    started: int
    failed: bool
    reason: str
    """What stands in the way, in words."""


class AgentDocument(BaseModel):
    """Who makes workers in a region."""

    name: str
    region: str
    provider: str
    """`k8s-job` or `local`."""
    engine_version: str
    max_workers: int | None
    last_heard_s: float
    provisions: list[ProvisionDocument]


class AgentList(BaseModel):
    """All agents."""

    agents: list[AgentDocument]


class ProofDocument(BaseModel):
    """What a target serves to show that it is its tester's."""

    host: str
    path: str
    line: str
    """One of the file's."""


class KillDocument(BaseModel):
    """Whether runs may be started."""

    killed: bool
    reason: str


class KillAnswer(KillDocument):
    """What the kill switch did."""

    aborted: list[str]


class QuotaDocument(BaseModel):
    """What may be used at once; null where there is no bound."""

    rate: str | None
    """Iterations due, of all runs together."""
    vus: int | None
    """Virtual users, of all runs together."""
    duration: str | None
    """Of each run."""
    runs: int | None


class TokenDocument(BaseModel):
    """A token, without what makes it one."""

    id: str
    name: str
    role: Role
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class NewTokenDocument(TokenDocument):
    """A token that was just made. Nobody can be told it again."""

    token: str


class TokenList(BaseModel):
    """All tokens, also those that are good for nothing any more."""

    tokens: list[TokenDocument]


class DeedDocument(BaseModel):
    """A row of the audit log."""

    number: int
    at: str
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    previous_hash: str
    hash: str


class DeedPage(BaseModel):
    """Some deeds, in order."""

    deeds: list[DeedDocument]
    next: int | None
    """To be sent as `after` for those that follow; null where there are none."""


class ChainDocument(BaseModel):
    """Whether the audit log is what was written."""

    intact: bool
    deeds: int
    """That hold."""
    last_hash: str
    """To be kept elsewhere by whoever must rule out that the end was cut off."""
    broken_at: int | None


class ReadyDocument(BaseModel):
    """Runs can be started here."""

    ready: bool
    version: str


_BESIDE_OPTIONS = ("plan", "bundle", "bundle_sha256")


def test_document(row: TestRow) -> TestDocument:
    """A test as it is shown."""
    return TestDocument(id=row.test_id, name=row.name, created_at=row.created_at)


def version_document(row: TestVersionRow) -> VersionDocument:
    """A version as it is listed."""
    return VersionDocument(**_version(row))


def version_with_plan(row: TestVersionRow) -> VersionWithPlan:
    """A version as it is shown."""
    return VersionWithPlan(**_version(row), plan=shown_plan(row.plan))


def run_document(row: RunRow) -> RunDocument:
    """A run as it is listed."""
    return RunDocument(**_run(row))


def run_with_plan(row: RunRow) -> RunWithPlan:
    """A run as it is shown."""
    return RunWithPlan(**_run(row), plan=shown_plan(row.plan))


def worker_document(view: WorkerView) -> WorkerDocument:
    """A worker as it is shown."""
    return WorkerDocument(
        id=view.worker_id,
        region=view.region,
        labels=dict(view.labels),
        engine_version=view.engine_version,
        cpus=view.cpus,
        state=view.state,
        run=view.run_id or None,
        last_heard_s=view.last_heard_s,
        clock_error_ns=view.clock_error_ns,
        round_trip_ns=view.round_trip_ns,
    )


def agent_document(view: AgentView) -> AgentDocument:
    """An agent as it is shown."""
    status = {each.run_id: each for each in view.provisions}
    return AgentDocument(
        name=view.facts.name,
        region=view.facts.region,
        provider=view.facts.provider,
        engine_version=view.facts.engine_version,
        max_workers=view.facts.max_workers or None,
        last_heard_s=view.last_heard_s,
        provisions=[
            ProvisionDocument(
                run=run_id,
                wanted=view.wanted.get(run_id, 0),
                started=known.started,
                failed=known.failed,
                reason=known.reason,
            )
            for run_id in sorted({*view.wanted, *status})
            for known in [status.get(run_id, ProvisionStatus(run_id))]
        ],
    )


def quota_document(quota: Quota) -> QuotaDocument:
    """A quota in the words that make one."""
    rate, duration_ns = quota.rate, quota.duration_ns
    return QuotaDocument(
        rate=None if rate is None else format_rate(RateParts(rate.count, rate.per_ns)),
        vus=quota.vus,
        duration=None if duration_ns is None else format_duration(duration_ns),
        runs=quota.runs,
    )


def token_document(row: TokenRow) -> TokenDocument:
    """A token as it is shown."""
    return TokenDocument(**_token(row))


def new_token_document(row: TokenRow, token: str) -> NewTokenDocument:
    """A token as its first bearer sees it."""
    return NewTokenDocument(**_token(row), token=token)


def deed_document(row: AuditRow) -> DeedDocument:
    """A deed as it is shown."""
    return DeedDocument(
        number=row.number,
        at=row.at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail=dict(row.detail),
        previous_hash=row.previous_hash,
        hash=row.hash,
    )


def shown_plan(plan: str) -> dict[str, Any]:
    """A stored plan without its secrets."""
    document: dict[str, Any] = json.loads(plan)
    return redacted(document)


def _version(row: TestVersionRow) -> dict[str, Any]:
    return {
        "test": row.test_id,
        "version": row.version,
        "plan_sha256": row.plan_sha256,
        "bundle_sha256": row.bundle_sha256,
        "created_at": row.created_at,
        "created_by": row.created_by,
    }


def _run(row: RunRow) -> dict[str, Any]:
    test = None if row.test_id is None else TestReference(id=row.test_id, version=row.test_version)
    return {
        "id": row.run_id,
        "name": row.name,
        "state": row.state,
        "desired": row.desired.value,
        "verdict": row.verdict,
        "exit_code": row.exit_code,
        "ended": row.ended,
        "reason": row.reason,
        "created_at": row.created_at,
        "created_by": row.created_by,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "plan_sha256": row.plan_sha256,
        "bundle_sha256": row.bundle_sha256,
        "test": test,
        "tags": dict(row.tags),
        "notes": [_note(note) for note in row.notes],
        # What they hold of the plan is shown where it can be redacted; code is not shown.
        "options": {name: value for name, value in row.options.items() if name not in _BESIDE_OPTIONS},
        "rev": row.rev,
    }


def _note(note: Mapping[str, str]) -> NoteDocument:
    return NoteDocument(at=note["at"], by=note["by"], text=note["text"])


def _token(row: TokenRow) -> dict[str, Any]:
    return {
        "id": row.token_id,
        "name": row.name,
        "role": row.role,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
    }
