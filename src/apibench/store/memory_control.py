"""The fake: keeps what a controller keeps for as long as it lives. No step of it waits, so each is one transaction."""

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from apibench.model.installation import AuditRow, BundleRow, Leadership, RunRow, TestRow, TestVersionRow, TokenRow
from apibench.store.audit_chain import chained
from apibench.store.column_types import refuse_unstorable
from apibench.store.rows import (
    UNCHANGING,
    already_there,
    event_of,
    is_same,
    name_is_taken,
    no_run,
    no_test,
    run_was_written,
    term_is_over,
    utc_text,
)


class MemoryControlStore:
    """A ControlStore in dictionaries."""

    def __init__(self) -> None:
        self._term = 0
        self._holder = ""
        self._expires_s = 0.0
        self._settings: dict[str, str] = {}
        self._tests: dict[str, TestRow] = {}
        self._versions: dict[str, list[TestVersionRow]] = {}
        self._bundles: dict[str, BundleRow] = {}
        self._runs: dict[str, RunRow] = {}
        self._events: dict[str, list[dict[str, Any]]] = {}
        self._tokens: dict[str, TokenRow] = {}
        self._audit: list[AuditRow] = []

    async def lead(self, holder: str, now_s: float, lease_s: float) -> Leadership:
        """Become or stay the leader."""
        refuse_unstorable(holder)
        before, before_s = "", 0.0
        if not self._holder or self._holder == holder or self._expires_s <= now_s:
            if self._holder != holder:
                before, before_s = self._holder, self._expires_s
            self._term += self._holder != holder
            self._holder, self._expires_s = holder, now_s + lease_s
        return Leadership(self._term, self._holder, utc_text(self._expires_s), before, before_s)

    async def resign(self, holder: str) -> None:
        """Lead no more."""
        if self._holder == holder:
            self._holder, self._expires_s = "", 0.0

    async def put_setting(self, term: int, name: str, value: str) -> None:
        """Have something hold for the whole installation."""
        self._check(term, value)
        self._settings[name] = value

    async def setting(self, name: str) -> str:
        """It; empty where it was never put."""
        return self._settings.get(name, "")

    async def add_test(self, term: int, row: TestRow) -> None:
        """A new test."""
        self._check(term, row)
        if row.test_id in self._tests or any(each.name == row.name for each in self._tests.values()):
            raise name_is_taken(row.name)
        self._tests[row.test_id] = row

    async def add_test_version(self, term: int, row: TestVersionRow) -> TestVersionRow:
        """A new version of a test."""
        self._check(term, row)
        if row.test_id not in self._tests:
            raise no_test(row.test_id)
        versions = self._versions.setdefault(row.test_id, [])
        if versions and is_same(versions[-1], row):
            return versions[-1]
        versions.append(replace(row, version=len(versions) + 1))
        return versions[-1]

    async def tests(self) -> list[TestRow]:
        """All, by name."""
        return sorted(self._tests.values(), key=lambda row: row.name)

    async def test_versions(self, test_id: str) -> list[TestVersionRow]:
        """All of a test, in order."""
        return list(self._versions.get(test_id, ()))

    async def add_bundle(self, term: int, row: BundleRow) -> None:
        """Code that runs or versions are to name."""
        self._check(term, row)
        self._bundles.setdefault(row.sha256, row)

    async def bundle(self, sha256: str) -> BundleRow | None:
        """It, by its name."""
        return self._bundles.get(sha256)

    async def add_run(self, term: int, row: RunRow) -> RunRow:
        """A new run, or the one of its idempotency key."""
        self._check(term, row)
        if row.idempotency_key is not None:
            known = await self.run_of_key(row.created_by, row.idempotency_key)
            if known is not None:
                return known
        if row.run_id in self._runs:
            raise already_there()
        self._runs[row.run_id] = copy.deepcopy(row)
        return copy.deepcopy(row)

    async def run_of_key(self, created_by: str, idempotency_key: str) -> RunRow | None:
        """The run of that key."""
        key = (created_by, idempotency_key)
        found = (row for row in self._runs.values() if key == (row.created_by, row.idempotency_key))
        return copy.deepcopy(next(found, None))

    async def save_run(self, term: int, row: RunRow, event: Mapping[str, Any]) -> RunRow:
        """Write a run, if it is still at the `rev` that was read."""
        self._check(term, row)
        found = self._runs.get(row.run_id)
        if found is None:
            raise no_run(row.run_id)
        if found.rev != row.rev:
            raise run_was_written(row.run_id)
        settled = {name: getattr(found, name) for name in UNCHANGING}
        self._runs[row.run_id] = replace(copy.deepcopy(row), rev=row.rev + 1, **settled)
        _, told = event_of(row.rev + 1, event, time.time())
        self._events.setdefault(row.run_id, []).append(copy.deepcopy(told))
        return copy.deepcopy(self._runs[row.run_id])

    async def run(self, run_id: str) -> RunRow | None:
        """One run."""
        return copy.deepcopy(self._runs.get(run_id))

    async def runs(self, *, limit: int, before: str | None = None, states: Sequence[str] = ()) -> list[RunRow]:
        """The newest runs."""
        rows = list(self._runs.values())
        if before is not None:
            names = list(self._runs)
            rows = rows[: names.index(before)] if before in names else []
        rows = [row for row in reversed(rows) if not states or row.state in states]
        return copy.deepcopy(rows[:limit])

    async def events(self, run_id: str) -> list[Mapping[str, Any]]:
        """What changed a run, in order."""
        return list(copy.deepcopy(self._events.get(run_id, [])))

    async def add_token(self, row: TokenRow) -> None:
        """A new token. Raises Conflict for an id that is there."""
        refuse_unstorable(row)
        if row.token_id in self._tokens:
            raise already_there()
        self._tokens[row.token_id] = row

    async def tokens(self) -> list[TokenRow]:
        """All, oldest first."""
        return sorted(self._tokens.values(), key=lambda row: (row.created_at, row.token_id))

    async def revoke_token(self, token_id: str, at: str) -> bool:
        """Have a token be good for nothing; the first time it was revoked stays."""
        found = self._tokens.get(token_id)
        if found is not None and found.revoked_at is None:
            self._tokens[token_id] = replace(found, revoked_at=at)
        return found is not None

    async def add_audit(self, at: str, actor: str, action: str, subject: str, detail: Mapping[str, Any]) -> AuditRow:
        """Write a deed down."""
        deed = AuditRow(0, at, actor, action, subject, detail, "", "")
        refuse_unstorable(deed)
        self._audit.append(chained(self._audit[-1] if self._audit else None, deed))
        return copy.deepcopy(self._audit[-1])

    async def audit(self, *, after: int = 0, limit: int = 1_000) -> list[AuditRow]:
        """Deeds with a higher number, in order."""
        return copy.deepcopy(self._audit[max(after, 0) :][:limit])

    async def close(self) -> None:
        """Nothing to let go of."""

    def _check(self, term: int, row: object) -> None:
        if not self._holder or term != self._term:
            raise term_is_over(term)
        refuse_unstorable(row)
