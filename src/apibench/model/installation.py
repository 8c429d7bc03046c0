"""What an installation keeps of its tests, runs, tokens and deeds: rows as everybody above the store sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    """Where a run stands. It only moves down this list; the last four are ends."""

    QUEUED = "queued"
    PREPARING = "preparing"
    """Workers compile the plan."""
    ARMED = "armed"
    """Workers know when to begin."""
    RUNNING = "running"
    DRAINING = "draining"
    """Nothing new is sent."""
    COLLECTING = "collecting"
    """Results are still on their way."""
    FINISHED = "finished"
    """It has a verdict."""
    FAILED = "failed"
    """It never began; `reason` says why."""

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self in (RunState.FINISHED, RunState.FAILED)


class Desired(StrEnum):
    """What is wanted of a run. It only grows stricter."""

    RUN = "run"
    STOP = "stop"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class TestRow:
    """A named test; what it does is in its versions."""

    __test__ = False  # not one of pytest's

    test_id: str
    name: str
    created_at: str
    """ISO 8601, in UTC, as all times of rows."""


@dataclass(frozen=True, slots=True)
class TestVersionRow:
    """What a test does. Never changed; another plan is another version."""

    __test__ = False

    test_id: str
    version: int
    """From 1."""
    plan: str
    """Canonical JSON."""
    plan_sha256: str
    created_at: str
    created_by: str
    bundle_sha256: str | None = None
    """Of the code that it has called; None where it calls none."""


@dataclass(frozen=True, slots=True)
class BundleRow:
    """Code that plans have called, as it was signed. Never changed."""

    sha256: str
    bundle: str
    """Canonical JSON."""
    created_at: str
    created_by: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run. `machine` is all that its orchestration must not forget."""

    run_id: str
    plan: str
    """Canonical JSON."""
    plan_sha256: str
    state: RunState
    created_at: str
    rev: int = 0
    """One more with each change: who writes says which one it has read."""
    desired: Desired = Desired.RUN
    name: str = ""
    test_id: str | None = None
    test_version: int | None = None
    started_at: str | None = None
    """When the load began."""
    ended_at: str | None = None
    ended: str | None = None
    """How, in the words of the result document."""
    verdict: str | None = None
    """`passed`, `failed` or `invalid`; None before its end."""
    exit_code: int | None = None
    reason: str = ""
    """Why it failed before it began."""
    created_by: str = ""
    idempotency_key: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Mapping[str, str], ...] = ()
    """What people wrote beside it: `at`, `by`, `text`."""
    bundle_sha256: str | None = None
    """As of a TestVersionRow."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """How many workers of which regions, and what to do when one is lost."""
    machine: Mapping[str, Any] = field(default_factory=dict)


class Role(StrEnum):
    """What a token may do."""

    VIEWER = "viewer"
    """Read."""
    RUNNER = "runner"
    """And start, stop and change runs."""
    ADMIN = "admin"
    """And everything else."""
    WORKER = "worker"
    """Join and report, as worker or aggregator. Nothing else."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token, of which only a hash is kept."""

    token_id: str
    """The part of the token that is no secret."""
    secret_hash: str
    role: Role
    name: str
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A deed. `hash` covers it and the hash before it, so that none can be taken out or changed unseen."""

    number: int
    at: str
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Leadership:
    """Who leads, and in which term. Only the leader of the present term may write."""

    term: int
    holder: str
    expires_at: str
    before: str = ""
    """Who led until this call took over because its lease had run out; empty where nobody did, or it had resigned."""
    before_until_s: float = 0.0
    """When that lease ran out, by the wall clock."""
