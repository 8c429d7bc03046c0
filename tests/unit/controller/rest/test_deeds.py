"""Every deed is written down, in a chain that shows what was changed, also where the database was away."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controller.rest.conftest import World

from apibench.controller.audit import Deed
from apibench.controller.rest.log import json_log, unwritten_deeds


@pytest.mark.asyncio
async def test_what_was_done_is_in_the_log_by_whom_and_to_what(world: World, document: dict[str, Any]) -> None:
    run_id = await world.running(document)
    await world.ask("POST", f"/v1/runs/{run_id}/notes", json={"text": "x"})
    await world.ask("POST", f"/v1/runs/{run_id}/stop")
    await world.ask("POST", f"/v1/runs/{run_id}/abort")
    test = (await world.ask("POST", "/v1/tests", json={"name": "shop", "plan": document})).json()["id"]
    document["seed"] = 2
    await world.ask("POST", f"/v1/tests/{test}/versions", json={"plan": document})
    token = (await world.ask("POST", "/v1/tokens", json={"name": "ci", "role": "viewer"})).json()["id"]
    await world.ask("DELETE", f"/v1/tokens/{token}")
    await world.ask("POST", "/v1/kill", json={"reason": "enough"})
    await world.ask("DELETE", "/v1/kill")
    deeds = (await world.ask("GET", "/v1/audit")).json()["deeds"]
    assert [(deed["action"], deed["subject"]) for deed in deeds] == [
        ("run.start", run_id),
        ("run.note", run_id),
        ("run.stop", run_id),
        ("run.abort", run_id),
        ("test.create", test),
        ("test.version", test),
        ("token.create", token),
        ("token.revoke", token),
        ("kill", "installation"),
        ("revive", "installation"),
    ]
    assert all(deed["actor"].startswith("admin (") for deed in deeds)
    first = (await world.ask("GET", "/v1/audit", params={"limit": "4"})).json()
    rest = (await world.ask("GET", "/v1/audit", params={"after": str(first["next"])})).json()
    assert first["deeds"] + rest["deeds"] == deeds
    assert rest["next"] is None
    chain = (await world.ask("GET", "/v1/audit/chain")).json()
    assert chain == {"intact": True, "deeds": 10, "last_hash": deeds[-1]["hash"], "broken_at": None}


@pytest.mark.asyncio
async def test_what_was_refused_is_no_deed(world: World) -> None:
    await world.ask("POST", "/v1/runs/none/stop")
    await world.ask("POST", "/v1/tests", json={"name": ""})
    assert (await world.ask("GET", "/v1/audit")).json() == {"deeds": [], "next": None}


@pytest.mark.asyncio
async def test_a_changed_deed_is_found(world: World) -> None:
    for number in range(3):
        await world.ask("POST", "/v1/tests", json={"name": f"shop {number}"})
    rows = world.store._audit
    rows[1] = replace(rows[1], actor="somebody else")
    chain = (await world.ask("GET", "/v1/audit/chain")).json()
    assert (chain["intact"], chain["deeds"], chain["broken_at"]) == (False, 1, 2)


def test_a_deed_that_is_not_written_yet_is_told_with_its_run_if_it_is_about_one() -> None:
    lines = io.StringIO()
    tell = unwritten_deeds(json_log(lines))
    tell(Deed("2026-11-28T00:00:00.000+00:00", "ann", "run.stop", "06kq3v5abc", {}))
    tell(Deed("2026-11-28T00:00:00.000+00:00", "ann", "kill", "installation", {}))
    stopped, killed = map(json.loads, lines.getvalue().splitlines())
    assert (stopped["event"], stopped["run_id"]) == ("audit.unwritten", "06kq3v5abc")
    assert (killed["deed"]["action"], "run_id" in killed) == ("kill", False)
