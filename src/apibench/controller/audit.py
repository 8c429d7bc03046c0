"""
The audit log: who did what to what, appended and chained.

A deed is written down once it is done. Where the database does not answer just then, the deed stands (an abort must not
wait for a log); it goes to the service's own log at once, and into the chain before the next deed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apibench.model.errors import StoreFailed
from apibench.model.installation import AuditRow
from apibench.model.plain_detail import clean_detail
from apibench.store.audit_chain import first_broken
from apibench.store.control import ControlStore

PAGE = 1_000
MAX_PENDING = 10_000
"""Deeds that are kept in memory while the database is away."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What is written down; `detail` is clean already."""

    at: str
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """What a walk along the whole chain found."""

    deeds: int
    """That hold."""
    last_hash: str
    """To be kept elsewhere by whoever must rule out that the end was cut off."""
    broken_at: int | None
    """The number of the first deed that is not what was written, or does not follow; None for a whole chain."""


def verify(rows: Iterable[AuditRow], previous: AuditRow | None = None) -> int | None:
    """The number of the first row that is not what was written, or does not follow; None for a whole chain."""
    return first_broken(rows, previous)


class Audit:
    """Writes deeds through the store, one after the other."""

    def __init__(
        self,
        store: ControlStore,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        unwritten: Callable[[Deed], None] = lambda _: None,
    ) -> None:
        """`unwritten` is told of each deed that could not be written at once."""
        self._store = store
        self._now = now
        self._unwritten = unwritten
        self._pending: deque[Deed] = deque(maxlen=MAX_PENDING)
        self._writing = asyncio.Lock()

    async def record(self, actor: str, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
        """Write a deed down, after all that are still to be written. Never raises StoreFailed."""
        at = self._now().astimezone(UTC).isoformat(timespec="milliseconds")
        deed = Deed(at, actor, action, subject, clean_detail(detail or {}))
        self._pending.append(deed)
        if not await self._write():
            self._unwritten(deed)

    async def _write(self) -> bool:
        async with self._writing:
            while self._pending:
                deed = self._pending[0]
                try:
                    await self._store.add_audit(deed.at, deed.actor, deed.action, deed.subject, deed.detail)
                except StoreFailed:
                    return False
                if self._pending and self._pending[0] is deed:  # else it was pushed out meanwhile
                    self._pending.popleft()
        return True

    async def deeds(self, *, after: int, limit: int) -> list[AuditRow]:
        """Deeds with a higher number, in order."""
        return await self._store.audit(after=after, limit=limit)

    async def check(self) -> AuditCheck:
        """Walk along the whole chain."""
        last: AuditRow | None = None
        while rows := await self._store.audit(after=last.number if last else 0, limit=PAGE):
            broken_at = verify(rows, last)
            if broken_at is not None:
                for row in rows:
                    if row.number == broken_at:
                        break
                    last = row
                return AuditCheck(last.number if last else 0, last.hash if last else "", broken_at)
            last = rows[-1]
        return AuditCheck(last.number if last else 0, last.hash if last else "", None)
