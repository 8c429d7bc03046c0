"""An installation in memory, with a token for each role."""

import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest_asyncio
from fastapi import FastAPI
from tests.unit.controller.rest.fakes import FakeOperations

from apibench.controller.access import Access
from apibench.controller.audit import Audit
from apibench.controller.bundles import Bundles
from apibench.controller.catalogue import Catalogue
from apibench.controller.ownership import Ownership
from apibench.controller.quotas import Quotas
from apibench.controller.rest.app import create_app
from apibench.controller.rest.log import json_log
from apibench.model.installation import Role, RunState
from apibench.store.memory_control import MemoryControlStore


@dataclass
class World:
    """All of it, and somebody to ask."""

    store: MemoryControlStore
    operations: FakeOperations
    access: Access
    app: FastAPI
    client: httpx.AsyncClient
    tokens: dict[Role, str]
    lines: io.StringIO = field(default_factory=io.StringIO)

    def bearer(self, role: Role | None) -> dict[str, str]:
        """The header that shows who asks."""
        return {} if role is None else {"Authorization": f"Bearer {self.tokens[role]}"}

    async def ask(self, method: str, path: str, *, role: Role | None = Role.ADMIN, **more: Any) -> httpx.Response:
        """Ask as somebody of that role."""
        headers = {**self.bearer(role), **more.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **more)

    async def start(self, plan: dict[str, Any], **more: Any) -> str:
        """A run that is queued: its id."""
        answer = await self.ask("POST", "/v1/runs", json={"plan": plan, **more})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def running(self, plan: dict[str, Any]) -> str:
        """A run that is running: its id."""
        run_id = await self.start(plan)
        await self.operations.move(run_id, RunState.RUNNING)
        return run_id

    def log(self) -> list[dict[str, Any]]:
        """What was logged so far."""
        return [json.loads(line) for line in self.lines.getvalue().splitlines()]


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """A new installation."""
    store = MemoryControlStore()
    term = (await store.lead("test", 0.0, 1e9)).term
    operations, access, lines = FakeOperations(store, term), Access(store), io.StringIO()
    tokens = {role: (await access.make(role, role.value))[1] for role in Role}
    catalogue, quotas = Catalogue(store, lambda: term), Quotas(store, lambda: term)
    app = create_app(
        operations,
        store,
        access,
        Audit(store),
        catalogue,
        Bundles(store, lambda: term, allowed=True),
        quotas,
        Ownership(store, lambda: term, ()),
        "1.2.3",
        log=json_log(lines),
        keep_alive_s=0.05,
        send_s=0.2,
    )
    # Bugs of ours are answered by the application itself; none may reach the transport.
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://controller") as client:
        yield World(store, operations, access, app, client, tokens, lines)
