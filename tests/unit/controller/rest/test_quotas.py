"""Quotas over REST: put whole, shown as they were put, and refusals with all that is beyond."""

from typing import Any

import pytest
from tests.unit.controller.rest.conftest import World

from apibench.controller.quotas import Quotas
from apibench.model.errors import BeyondQuota
from apibench.model.fault import Fault
from apibench.model.installation import Role

pytestmark = pytest.mark.asyncio
UNBOUNDED = {"rate": None, "vus": None, "duration": None, "runs": None}
SOME = {"rate": "1000/s", "vus": 500, "duration": "1h", "runs": 3}


async def test_a_quota_is_put_whole_and_shown_to_everybody(world: World) -> None:
    assert (await world.ask("GET", "/v1/quota", role=Role.VIEWER)).json() == UNBOUNDED
    assert (await world.ask("PUT", "/v1/quota", json=SOME)).json() == SOME
    assert (await world.ask("GET", "/v1/quota", role=Role.VIEWER)).json() == SOME
    assert (await world.ask("PUT", "/v1/quota", json={"rate": "30/m"})).json() == {**UNBOUNDED, "rate": "30/m"}
    deeds = (await world.ask("GET", "/v1/audit")).json()["deeds"]
    assert [(deed["action"], deed["subject"], deed["detail"]["rate"]) for deed in deeds] == [
        ("quota.put", "installation", "1000/s"),
        ("quota.put", "installation", "30/m"),
    ]


async def test_a_token_s_quota_is_its_runs_and_nobody_else_s(world: World) -> None:
    made = (await world.ask("POST", "/v1/tokens", json={"name": "ci", "role": "runner"})).json()
    path = f"/v1/tokens/{made['id']}/quota"
    assert (await world.ask("PUT", path, json=SOME)).json() == SOME
    assert (await world.ask("GET", path)).json() == SOME
    assert (await world.ask("GET", "/v1/quota")).json() == UNBOUNDED
    assert (await world.ask("PUT", "/v1/tokens/none/quota", json=SOME)).status_code == 404
    run = (await world.client.get("/v1/runs", headers={"Authorization": f"Bearer {made['token']}"})).status_code
    assert run == 200
    # Whose runs it bounds is known by what stands at them.
    assert (await Quotas(world.store, lambda: 0).of(f"ci ({made['id']})")).runs == 3


async def test_all_faults_of_a_quota_are_told_at_once(world: World) -> None:
    body = {"rate": "1000", "vus": -1, "duration": "0s", "runs": 1.5, "bytes": 1}
    answer = await world.ask("PUT", "/v1/quota", json=body)
    assert answer.status_code == 422
    assert {fault["place"] for fault in answer.json()["error"]["faults"]} == set(body)
    assert (await world.ask("GET", "/v1/quota")).json() == UNBOUNDED


async def test_what_is_beyond_is_refused_with_all_of_it(world: World, document: dict[str, Any]) -> None:
    faults = [Fault(code, code, "is too much", "Ask for less.") for code in ("quota.rate", "quota.runs")]
    world.operations.failure = BeyondQuota(faults)
    answer = await world.ask("POST", "/v1/runs", json={"plan": document})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "quota.exceeded"
    assert [fault["place"] for fault in error["faults"]] == ["quota.rate", "quota.runs"]
    assert (await world.ask("GET", "/v1/audit")).json()["deeds"] == []
