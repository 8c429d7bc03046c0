"""The controller's memory in a database."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import case, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from apibench.model.errors import Conflict
from apibench.model.installation import AuditRow, BundleRow, Leadership, RunRow, TestRow, TestVersionRow, TokenRow
from apibench.store import schema
from apibench.store.audit_chain import chained
from apibench.store.connection import Database
from apibench.store.rows import (
    UNCHANGING,
    event_of,
    from_run,
    is_same,
    name_is_taken,
    no_run,
    no_test,
    run_was_written,
    term_is_over,
    to_audit,
    to_bundle,
    to_run,
    to_test,
    to_token,
    to_version,
    utc_text,
)

_LEADER = "controller"


class DatabaseControlStore:
    """A ControlStore over SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = postgresql.insert if database.is_postgresql else sqlite.insert
        self._closed = False
        database.hold()

    async def lead(self, holder: str, now_s: float, lease_s: float) -> Leadership:
        """Become or stay the leader, in one statement: two that ask at once can't both be told yes."""
        leader = schema.leader.c
        wanted = self._insert(schema.leader).values(name=_LEADER, term=1, holder=holder, expires_s=now_s + lease_s)
        stays = leader.holder == wanted.excluded.holder
        statement = wanted.on_conflict_do_update(
            index_elements=[leader.name],
            set_={
                "term": case((stays, leader.term), else_=leader.term + 1),
                "holder": wanted.excluded.holder,
                "expires_s": wanted.excluded.expires_s,
            },
            where=or_(stays, leader.holder == "", leader.expires_s <= now_s),
        )
        query = select(schema.leader).where(leader.name == _LEADER)
        async with self._database.write() as connection:
            before = (await connection.execute(query)).first()
            await connection.execute(statement)
            found = (await connection.execute(query)).one()
        taken = before is not None and found.holder == holder != before.holder
        return Leadership(
            found.term,
            found.holder,
            utc_text(found.expires_s),
            before.holder if taken and before is not None else "",
            before.expires_s if taken and before is not None else 0.0,
        )

    async def resign(self, holder: str) -> None:
        """Lead no more."""
        leader = schema.leader.c
        statement = update(schema.leader).where(leader.name == _LEADER, leader.holder == holder)
        async with self._database.write() as connection:
            await connection.execute(statement.values(holder="", expires_s=0))

    async def put_setting(self, term: int, name: str, value: str) -> None:
        """Have something hold for the whole installation."""
        wanted = self._insert(schema.setting).values(name=name, value=value)
        statement = wanted.on_conflict_do_update(
            index_elements=[schema.setting.c.name], set_={"value": wanted.excluded.value}
        )
        async with self._led(term) as connection:
            await connection.execute(statement)

    async def setting(self, name: str) -> str:
        """It; empty where it was never put."""
        statement = select(schema.setting.c.value).where(schema.setting.c.name == name)
        async with self._database.read() as connection:
            return str(await connection.scalar(statement) or "")

    async def add_test(self, term: int, row: TestRow) -> None:
        """A new test."""
        try:
            async with self._led(term) as connection:
                await connection.execute(insert(schema.test).values(**_columns(row)))
        except Conflict as conflict:
            raise name_is_taken(row.name) from conflict

    async def add_test_version(self, term: int, row: TestVersionRow) -> TestVersionRow:
        """A new version of a test."""
        versions = schema.test_version.c
        async with self._led(term) as connection:
            # Whoever adds to the same test waits here, so that numbers have no gaps.
            test = select(schema.test).where(schema.test.c.test_id == row.test_id).with_for_update()
            if (await connection.execute(test)).first() is None:
                raise no_test(row.test_id)
            newest = select(schema.test_version).where(versions.test_id == row.test_id)
            found = (await connection.execute(newest.order_by(versions.version.desc()).limit(1))).first()
            if found is not None and is_same(found, row):
                return to_version(found)
            numbered = replace(row, version=found.version + 1 if found is not None else 1)
            await connection.execute(insert(schema.test_version).values(**_columns(numbered)))
        return numbered

    async def tests(self) -> list[TestRow]:
        """All, by name."""
        async with self._database.read() as connection:
            return [to_test(row) for row in await connection.execute(select(schema.test).order_by(schema.test.c.name))]

    async def test_versions(self, test_id: str) -> list[TestVersionRow]:
        """All of a test, in order."""
        versions = schema.test_version.c
        statement = select(schema.test_version).where(versions.test_id == test_id).order_by(versions.version)
        async with self._database.read() as connection:
            return [to_version(row) for row in await connection.execute(statement)]

    async def add_bundle(self, term: int, row: BundleRow) -> None:
        """Code that runs or versions are to name."""
        wanted = self._insert(schema.bundle).values(**_columns(row))
        async with self._led(term) as connection:
            await connection.execute(wanted.on_conflict_do_nothing(index_elements=[schema.bundle.c.sha256]))

    async def bundle(self, sha256: str) -> BundleRow | None:
        """It, by its name."""
        async with self._database.read() as connection:
            found = (await connection.execute(select(schema.bundle).where(schema.bundle.c.sha256 == sha256))).first()
        return None if found is None else to_bundle(found)

    async def add_run(self, term: int, row: RunRow) -> RunRow:
        """A new run, or the one of its idempotency key."""
        run = schema.run.c
        statement = self._insert(schema.run).values(**from_run(row))
        once = statement.on_conflict_do_nothing(index_elements=[run.created_by, run.idempotency_key])
        async with self._led(term) as connection:
            added = (await connection.execute(once.returning(*schema.run.c))).first()
            if added is None:
                same = (run.created_by == row.created_by, run.idempotency_key == row.idempotency_key)
                added = (await connection.execute(select(schema.run).where(*same))).one()
            return to_run(added)

    async def run_of_key(self, created_by: str, idempotency_key: str) -> RunRow | None:
        """The run of that key."""
        run = schema.run.c
        statement = select(schema.run).where(run.created_by == created_by, run.idempotency_key == idempotency_key)
        async with self._database.read() as connection:
            found = (await connection.execute(statement)).first()
        return None if found is None else to_run(found)

    async def save_run(self, term: int, row: RunRow, event: Mapping[str, Any]) -> RunRow:
        """Write a run, if it is still at the `rev` that was read."""
        run = schema.run.c
        changed = {name: value for name, value in from_run(row).items() if name not in UNCHANGING}
        statement = update(schema.run).where(run.run_id == row.run_id, run.rev == row.rev)
        async with self._led(term) as connection:
            written = (
                await connection.execute(statement.values(**changed | {"rev": row.rev + 1}).returning(*schema.run.c))
            ).first()
            if written is None:
                there = await connection.scalar(select(run.rev).where(run.run_id == row.run_id))
                raise no_run(row.run_id) if there is None else run_was_written(row.run_id)
            at, told = event_of(row.rev + 1, event, time.time())
            await connection.execute(
                insert(schema.run_event).values(run_id=row.run_id, rev=row.rev + 1, at=at, event=told)
            )
        return to_run(written)

    async def run(self, run_id: str) -> RunRow | None:
        """One run."""
        async with self._database.read() as connection:
            found = (await connection.execute(select(schema.run).where(schema.run.c.run_id == run_id))).first()
        return None if found is None else to_run(found)

    async def runs(self, *, limit: int, before: str | None = None, states: Sequence[str] = ()) -> list[RunRow]:
        """The newest runs."""
        run = schema.run.c
        statement = select(schema.run).order_by(run.number.desc()).limit(limit)
        if before is not None:
            earlier = schema.run.alias()
            statement = statement.where(
                run.number < select(earlier.c.number).where(earlier.c.run_id == before).scalar_subquery()
            )
        if states:
            statement = statement.where(run.state.in_([str(state) for state in states]))
        async with self._database.read() as connection:
            return [to_run(row) for row in await connection.execute(statement)]

    async def events(self, run_id: str) -> list[Mapping[str, Any]]:
        """What changed a run, in order."""
        events = schema.run_event.c
        statement = select(events.event).where(events.run_id == run_id).order_by(events.rev)
        async with self._database.read() as connection:
            return list(await connection.scalars(statement))

    async def add_token(self, row: TokenRow) -> None:
        """A new token. Raises Conflict for an id that is there."""
        async with self._database.write() as connection:
            await connection.execute(insert(schema.token).values(**_columns(row) | {"role": row.role.value}))

    async def tokens(self) -> list[TokenRow]:
        """All, oldest first."""
        token = schema.token.c
        statement = select(schema.token).order_by(token.created_at, token.token_id)
        async with self._database.read() as connection:
            return [to_token(row) for row in await connection.execute(statement)]

    async def revoke_token(self, token_id: str, at: str) -> bool:
        """Have a token be good for nothing; the first time it was revoked stays."""
        token = schema.token.c
        async with self._database.write() as connection:
            await connection.execute(
                update(schema.token).where(token.token_id == token_id, token.revoked_at.is_(None)).values(revoked_at=at)
            )
            there = await connection.scalar(select(token.token_id).where(token.token_id == token_id))
        return there is not None

    async def add_audit(self, at: str, actor: str, action: str, subject: str, detail: Mapping[str, Any]) -> AuditRow:
        """Write a deed down. Two at once wait for each other, for each needs the hash before it."""
        deed = AuditRow(0, at, actor, action, subject, detail, "", "")
        last = select(schema.audit).order_by(schema.audit.c.number.desc()).limit(1)
        async with self._database.write() as connection:
            if self._database.is_postgresql:
                await connection.execute(text("LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE"))
            found = (await connection.execute(last)).first()
            row = chained(None if found is None else to_audit(found), deed)
            await connection.execute(insert(schema.audit).values(**_columns(row)))
        return row

    async def audit(self, *, after: int = 0, limit: int = 1_000) -> list[AuditRow]:
        """Deeds with a higher number, in order."""
        number = schema.audit.c.number
        statement = select(schema.audit).where(number > after).order_by(number).limit(limit)
        async with self._database.read() as connection:
            return [to_audit(row) for row in await connection.execute(statement)]

    async def close(self) -> None:
        """Let go of the database."""
        if not self._closed:
            self._closed = True
            await self._database.release()

    @asynccontextmanager
    async def _led(self, term: int) -> AsyncIterator[AsyncConnection]:
        """A transaction of that term's leader. Nobody can take over before it has ended."""
        leader = schema.leader.c
        statement = select(leader.term).where(leader.name == _LEADER, leader.holder != "")
        async with self._database.write() as connection:
            if await connection.scalar(statement.with_for_update(read=True)) != term:
                raise term_is_over(term)
            yield connection


def _columns(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}
