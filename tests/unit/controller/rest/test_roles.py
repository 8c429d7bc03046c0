"""Who may do what: every resource with every role, with no token and with a bad one."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from tests.unit.controller.rest.conftest import World

from apibench.controller.rest.app import bare_app
from apibench.model.installation import Role

EVERYBODY, VIEWERS, RUNNERS, ADMINS = (
    {None, *Role},
    {Role.VIEWER, Role.RUNNER, Role.ADMIN},
    {Role.RUNNER, Role.ADMIN},
    {Role.ADMIN},
)
MAY: dict[str, set[Any]] = {
    "POST /v1/tests": RUNNERS,
    "GET /v1/tests": VIEWERS,
    "GET /v1/tests/{test_id}": VIEWERS,
    "POST /v1/tests/{test_id}/versions": RUNNERS,
    "GET /v1/tests/{test_id}/versions": VIEWERS,
    "GET /v1/tests/{test_id}/versions/{version}": VIEWERS,
    "POST /v1/runs": RUNNERS,
    "GET /v1/runs": VIEWERS,
    "GET /v1/runs/{run_id}": VIEWERS,
    "POST /v1/runs/{run_id}/stop": RUNNERS,
    "POST /v1/runs/{run_id}/abort": RUNNERS,
    "PATCH /v1/runs/{run_id}/rates": RUNNERS,
    "POST /v1/runs/{run_id}/notes": RUNNERS,
    "GET /v1/runs/{run_id}/result": VIEWERS,
    "GET /v1/runs/{run_id}/events": VIEWERS,
    "GET /v1/runs/{run_id}/stream": VIEWERS,
    "GET /v1/workers": VIEWERS,
    "GET /v1/agents": VIEWERS,
    "GET /v1/kill": VIEWERS,
    "POST /v1/kill": RUNNERS,
    "DELETE /v1/kill": ADMINS,
    "POST /v1/tokens": ADMINS,
    "GET /v1/tokens": ADMINS,
    "DELETE /v1/tokens/{token_id}": ADMINS,
    "GET /v1/proofs/{host}": VIEWERS,
    "GET /v1/quota": VIEWERS,
    "PUT /v1/quota": ADMINS,
    "GET /v1/tokens/{token_id}/quota": ADMINS,
    "PUT /v1/tokens/{token_id}/quota": ADMINS,
    "GET /v1/audit": ADMINS,
    "GET /v1/audit/chain": ADMINS,
    "GET /metrics": VIEWERS,
    "GET /healthz": EVERYBODY,
    "GET /readyz": EVERYBODY,
}


def test_the_table_below_has_every_resource() -> None:
    app = bare_app("1")
    found = {f"{method.upper()} {path}" for path, operations in app.openapi()["paths"].items() for method in operations}
    assert found == set(MAY)
    assert all(not isinstance(route, APIRoute) or route.include_in_schema for route in app.routes)


@pytest.mark.asyncio
@pytest.mark.parametrize("resource", sorted(MAY))
@pytest.mark.parametrize("role", [None, *Role], ids=str)
async def test_each_role_may_do_what_it_may_and_nothing_else(world: World, resource: str, role: Role | None) -> None:
    method, template = resource.split()
    path = template.format(test_id="none", run_id="none", version=1, token_id="none", host="shop.example")
    answer = await world.ask(method, path, role=role)
    if role in MAY[resource]:
        assert answer.status_code not in (401, 403, 500), answer.text
    else:
        assert answer.status_code == (401 if role is None else 403)
        assert answer.json()["error"]["code"] == ("token.refused" if role is None else "token.not_allowed")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "header",
    [
        "Bearer ab_0_0",
        "Bearer",
        "Bearer ",
        "Basic dTpw",
        "ab_1_2",
        "Bearer " + "x" * 5_000,
        "Bearer ab_aaaaaaaaaaaa_" + "0" * 64,
    ],
    ids=range(7),
)
async def test_a_bad_token_is_refused_and_told_how_to_get_a_good_one(world: World, header: str) -> None:
    answer = await world.client.get("/v1/runs", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "Authorization: Bearer" in answer.json()["error"]["hint"]


@pytest.mark.asyncio
async def test_who_is_not_known_is_not_read(world: World) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(True)
        yield b"{}"

    answer = await world.client.post("/v1/runs", content=body(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 401
    assert read == []


@pytest.mark.asyncio
async def test_a_token_is_told_once_and_works_until_it_is_revoked(world: World) -> None:
    made = await world.ask("POST", "/v1/tokens", json={"name": "ci", "role": "viewer", "expires_in": "90d"})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    token, token_id = made.json()["token"], made.json()["id"]
    headers = {"Authorization": f"Bearer {token}"}
    assert (await world.client.get("/v1/runs", headers=headers)).status_code == 200
    listed = await world.ask("GET", "/v1/tokens")
    assert token not in listed.text
    assert "hash" not in listed.text
    assert (await world.ask("DELETE", f"/v1/tokens/{token_id}")).status_code == 204
    assert (await world.client.get("/v1/runs", headers=headers)).status_code == 401
    revoked = {each["id"]: each["revoked_at"] for each in (await world.ask("GET", "/v1/tokens")).json()["tokens"]}
    assert revoked[token_id] is not None


@pytest.mark.asyncio
async def test_the_last_admin_can_t_lock_everybody_out(world: World) -> None:
    admin = world.tokens[Role.ADMIN].split("_")[1]
    answer = await world.ask("DELETE", f"/v1/tokens/{admin}")
    assert answer.status_code == 409
    assert answer.json()["error"]["hint"] == "Make another one first."
