"""The audit log: in a chain, without secrets, and with no deed forgotten while the database is away."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.controller import audit as audit_module
from apibench.controller.audit import Audit, Deed, verify
from apibench.model.errors import StoreFailed
from apibench.model.installation import AuditRow
from apibench.model.plain_detail import clean_detail
from apibench.store.memory_control import MemoryControlStore


class Store(MemoryControlStore):
    """Away where a test wants it."""

    away = False

    async def add_audit(self, at: str, actor: str, action: str, subject: str, detail: Mapping[str, Any]) -> AuditRow:
        if self.away:
            raise StoreFailed("away", "Wait.")
        return await super().add_audit(at, actor, action, subject, detail)


@pytest.mark.asyncio
async def test_deeds_of_an_outage_are_told_at_once_and_written_later_in_order() -> None:
    store, told = Store(), list[Deed]()
    audit = Audit(store, unwritten=told.append)
    await audit.record("a", "one", "x")
    store.away = True
    await audit.record("a", "two", "x")
    await audit.record("a", "three", "x")
    assert [deed.action for deed in told] == ["two", "three"]
    store.away = False
    await audit.record("a", "four", "x")
    rows = await audit.deeds(after=0, limit=10)
    assert [row.action for row in rows] == ["one", "two", "three", "four"]
    assert verify(rows) is None


@pytest.mark.asyncio
@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("change", ["detail", "actor", "at", "hash", "gone"])
async def test_a_chain_shows_where_it_was_changed(number: int, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_module, "PAGE", 2)
    store = MemoryControlStore()
    audit = Audit(store)
    for each in range(6):
        await audit.record("a", "deed", str(each), {"n": each})
    rows = store._audit
    if change == "gone":
        del rows[number]
    else:
        forged: dict[str, Any] = {change: {"n": 9} if change == "detail" else "0"}
        rows[number] = replace(rows[number], **forged)
    assert verify(rows) is not None
    found = await audit.check()
    assert found.deeds == number
    assert found.broken_at in (number + 1, number + 2)


@pytest.mark.asyncio
async def test_a_whole_chain_is_walked_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_module, "PAGE", 2)
    audit = Audit(MemoryControlStore())
    assert (await audit.check()).deeds == 0
    for each in range(5):
        await audit.record("a", "deed", str(each))
    found = await audit.check()
    assert (found.deeds, found.broken_at) == (5, None)
    assert found.last_hash == (await audit.deeds(after=4, limit=1))[0].hash


def test_a_detail_is_kept_without_secrets() -> None:
    detail = clean_detail(
        {
            "password": "geheim",
            "inner": {"api_key": "geheim", "ok": 1},
            "list": [{"Authorization": "geheim"}, "https://u:geheim@host/?token=geheim&page=2"],
            "note": f"used ab_0123456789ab_{'f' * 64} by mistake",
            "share": 0.5,
        }
    )
    assert "geheim" not in repr(detail)
    assert "f" * 64 not in repr(detail)
    assert detail["inner"]["ok"] == 1
    assert "page=2" in detail["list"][1]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(detail=st.dictionaries(st.text(), _VALUES, max_size=4))
def test_whatever_is_told_of_a_deed_can_be_kept_and_verified(detail: dict[str, Any]) -> None:
    import asyncio

    async def write() -> list[AuditRow]:
        audit = Audit(MemoryControlStore())
        await audit.record("a", "deed", "x", detail)
        return await audit.deeds(after=0, limit=1)

    rows = asyncio.run(write())
    assert len(rows) == 1
    assert verify(rows) is None
