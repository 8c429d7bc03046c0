"""Tests by name, and their versions, which never change."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from apibench.authoring.plan_file import parse_plan_document
from apibench.model.errors import NotFound
from apibench.model.installation import TestRow, TestVersionRow
from apibench.model.plan import Plan
from apibench.store.control import ControlStore


class Catalogue:
    """What an installation can run again and again."""

    def __init__(
        self,
        store: ControlStore,
        term: Callable[[], int],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`term` tells the controller's own, and raises StaleTerm where it does not lead."""
        self._store = store
        self._term = term
        self._now = now

    @staticmethod
    def plan(document: object) -> Plan:
        """
        A plan in the words of a plan file, read and validated.

        Raises PlanInvalid with all its faults, each with its place in those words.
        """
        return parse_plan_document(document)

    async def add(self, name: str) -> TestRow:
        """A new test, without a version. Raises Conflict where its name is taken."""
        row = TestRow(secrets.token_hex(6), name, self._moment())
        await self._store.add_test(self._term(), row)
        return row

    async def add_version(
        self, test_id: str, plan: Plan, actor: str, bundle_sha256: str | None = None
    ) -> TestVersionRow:
        """A new version; the newest one where that has the same plan and bundle. Raises NotFound."""
        await self.test(test_id)
        text, sha256 = plan.canonical().decode("utf-8"), plan.sha256()
        row = TestVersionRow(test_id, 0, text, sha256, self._moment(), actor, bundle_sha256)
        return await self._store.add_test_version(self._term(), row)

    async def tests(self) -> list[TestRow]:
        """All, by name."""
        return await self._store.tests()

    async def test(self, test_id: str) -> TestRow:
        """One test. Raises NotFound."""
        for row in await self._store.tests():
            if row.test_id == test_id:
                return row
        raise NotFound("there is no such test", "List the tests to see their ids.")

    async def versions(self, test_id: str) -> list[TestVersionRow]:
        """All versions of a test, in order. Raises NotFound."""
        await self.test(test_id)
        return await self._store.test_versions(test_id)

    async def version(self, test_id: str, number: int | None = None) -> TestVersionRow:
        """A version of a test; the newest where no number is given. Raises NotFound."""
        rows = await self.versions(test_id)
        if number is None and rows:
            return rows[-1]
        for row in rows:
            if row.version == number:
                return row
        raise NotFound("the test has no such version", "List its versions to see their numbers.")

    def _moment(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="milliseconds")
