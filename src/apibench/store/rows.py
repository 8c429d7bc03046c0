"""Rows of the controller's tables as the model has them, and back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from apibench.model.errors import Conflict, NotFound, StaleTerm
from apibench.model.installation import (
    AuditRow,
    BundleRow,
    Desired,
    Role,
    RunRow,
    RunState,
    TestRow,
    TestVersionRow,
    TokenRow,
)

UNCHANGING = ("run_id", "plan", "plan_sha256", "bundle_sha256", "created_at", "created_by", "idempotency_key")
"""Of a run: settled when it is added; writing it again does not change them."""


def from_run(row: RunRow) -> dict[str, Any]:
    """All columns but the number, which the database gives."""
    return {
        name: getattr(row, name)
        for name in RunRow.__dataclass_fields__
        if name not in ("state", "desired", "tags", "notes", "options", "machine")
    } | {
        "state": row.state.value,
        "desired": row.desired.value,
        "tags": dict(row.tags),
        "notes": [dict(note) for note in row.notes],
        "options": dict(row.options),
        "machine": dict(row.machine),
    }


def to_run(row: Row[Any]) -> RunRow:
    """A run as it is kept."""
    columns = row._asdict()
    columns.pop("number", None)
    columns["state"] = RunState(columns["state"])
    columns["desired"] = Desired(columns["desired"])
    columns["notes"] = tuple(columns["notes"])
    return RunRow(**columns)


def to_test(row: Row[Any]) -> TestRow:
    """A test."""
    return TestRow(**row._asdict())


def to_version(row: Row[Any]) -> TestVersionRow:
    """A version of a test."""
    return TestVersionRow(**row._asdict())


def to_bundle(row: Row[Any]) -> BundleRow:
    """Code that plans have called."""
    return BundleRow(**row._asdict())


def to_token(row: Row[Any]) -> TokenRow:
    """A token."""
    columns = row._asdict()
    return TokenRow(**columns | {"role": Role(columns["role"])})


def to_audit(row: Row[Any]) -> AuditRow:
    """A deed."""
    return AuditRow(**row._asdict())


def utc_text(moment_s: float) -> str:
    """That many seconds after 1970, as all times of rows are written."""
    return datetime.fromtimestamp(moment_s, UTC).isoformat()


def event_of(rev: int, event: Mapping[str, Any], now_s: float) -> tuple[str, dict[str, Any]]:
    """When an event was, and what it shows: its own `at` holds, if it has one."""
    at = str(event.get("at") or utc_text(now_s))
    return at, {**event, "rev": rev, "at": at}


def is_same(newest: TestVersionRow | Row[Any], row: TestVersionRow) -> bool:
    """Whether a test's newest version does what another would."""
    same: bool = (newest.plan_sha256, newest.bundle_sha256) == (row.plan_sha256, row.bundle_sha256)
    return same


def term_is_over(term: int) -> StaleTerm:
    """The refusal of a controller that leads no more."""
    return StaleTerm(f"term {term} is over", "Another controller leads, or none: lead again before writing.")


def shard_is_taken(shard: int) -> StaleTerm:
    """The refusal of an aggregator whose shard has another owner."""
    return StaleTerm(f"shard {shard} has another owner by now", "Own it again before writing.")


def run_was_written(run_id: str) -> Conflict:
    """The refusal of a write to a run that somebody else has written."""
    return Conflict(f"run {run_id} has been changed meanwhile", "Read it again.")


def name_is_taken(name: str) -> Conflict:
    """The refusal of a second test of one name."""
    return Conflict(f"there is a test called {name!r} already", "Choose another name, or add a version to that test.")


def already_there() -> Conflict:
    """The refusal of a row whose key is there."""
    return Conflict("what was to be written is there already", "Read it again.")


def no_test(test_id: str) -> NotFound:
    """The refusal of a version of a test that was never added."""
    return NotFound(f"there is no test {test_id}", "Add it first.")


def no_run(run_id: str) -> NotFound:
    """The refusal of a write to a run that was never added."""
    return NotFound(f"there is no run {run_id}", "Add it first.")
