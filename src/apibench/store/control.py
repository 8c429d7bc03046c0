"""
What the controller keeps: tests, runs, tokens, deeds, and who leads.

Whatever a run depends on names the term of the controller that writes it; one whose term is over can write nothing of
it (StaleTerm). Tokens and the audit log are what people did, whoever leads. Each method is one transaction. All raise
StoreFailed where the database does not answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from apibench.model.installation import AuditRow, BundleRow, Leadership, RunRow, TestRow, TestVersionRow, TokenRow


class ControlStore(Protocol):
    """The controller's memory."""

    async def lead(self, holder: str, now_s: float, lease_s: float) -> Leadership:
        """
        Become or stay the leader, if nobody else is: the result says who leads.

        `now_s` is the wall clock's, for a leadership outlives a machine. Another holder gets a term that is one higher.
        """
        ...

    async def resign(self, holder: str) -> None:
        """Lead no more, so that another need not wait for the end of the lease."""
        ...

    async def put_setting(self, term: int, name: str, value: str) -> None:
        """Have something hold for the whole installation."""
        ...

    async def setting(self, name: str) -> str:
        """It; empty where it was never put."""
        ...

    async def add_test(self, term: int, row: TestRow) -> None:
        """A new test. Raises Conflict where its name is taken."""
        ...

    async def add_test_version(self, term: int, row: TestVersionRow) -> TestVersionRow:
        """
        A new version of a test, numbered by the store; the newest one where that has the same plan and bundle.

        Raises NotFound for a test that was never added.
        """
        ...

    async def tests(self) -> list[TestRow]:
        """All, by name."""
        ...

    async def test_versions(self, test_id: str) -> list[TestVersionRow]:
        """All of a test, in order; none for an unknown test."""
        ...

    async def add_bundle(self, term: int, row: BundleRow) -> None:
        """Code that runs or versions are to name; what is there under that name stays."""
        ...

    async def bundle(self, sha256: str) -> BundleRow | None:
        """It, by its name."""
        ...

    async def add_run(self, term: int, row: RunRow) -> RunRow:
        """A new run; the one that is there where its idempotency key has been used by the same creator."""
        ...

    async def run_of_key(self, created_by: str, idempotency_key: str) -> RunRow | None:
        """The run that its creator has started with that key."""
        ...

    async def save_run(self, term: int, row: RunRow, event: Mapping[str, Any]) -> RunRow:
        """
        Write a run, with the event that changed it; returns it with its next `rev`.

        What was settled when it was added stays: its id, plan, creator and idempotency key. Raises Conflict if somebody
        has written it since it was read, NotFound for a run that was never added.
        """
        ...

    async def run(self, run_id: str) -> RunRow | None:
        """One run."""
        ...

    async def runs(self, *, limit: int, before: str | None = None, states: Sequence[str] = ()) -> list[RunRow]:
        """The newest runs, those before the one of that id; of those states only, where any are named."""
        ...

    async def events(self, run_id: str) -> list[Mapping[str, Any]]:
        """What changed a run, in order: `rev`, `at` and what was told of it."""
        ...

    async def add_token(self, row: TokenRow) -> None:
        """A new token."""
        ...

    async def tokens(self) -> list[TokenRow]:
        """All, also those that are revoked or have expired."""
        ...

    async def revoke_token(self, token_id: str, at: str) -> bool:
        """Have a token be good for nothing; whether there is one."""
        ...

    async def add_audit(self, at: str, actor: str, action: str, subject: str, detail: Mapping[str, Any]) -> AuditRow:
        """Write a deed down, chained to the one before."""
        ...

    async def audit(self, *, after: int = 0, limit: int = 1_000) -> list[AuditRow]:
        """Deeds with a higher number, in order."""
        ...

    async def close(self) -> None:
        """Let go of the database."""
        ...
