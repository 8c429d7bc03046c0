"""A secret of a run on an installation is its workers' and the target's: nobody else ever has it."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.canary import Canary, witness
from tests.distributed.processes import Processes, processes
from tests.postgres import Postgres

pytestmark = pytest.mark.timeout(120)


def plan(address: str, **words: Any) -> dict[str, Any]:
    """Some requests that carry a secret, of which half are answered with a failure that repeats it."""
    return {
        "version": 1,
        "hosts": {"api": {"base_url": address}},
        "scenarios": [
            {
                "name": "main",
                "defaults": {"headers": {"Authorization": "Bearer ${secret:SHOP}"}},
                "load": {"rate": "20/s", "duration": "2s", "max_vus": 5},
                "steps": [
                    {"type": "request", "method": "POST", "path": "/a", "body": "${secret:SHOP|url}"},
                    {"type": "request", "method": "POST", "path": "/fail"},
                ],
            }
        ],
        **words,
    }


def answers(here: Processes, run_ids: list[str]) -> str:
    """What REST says of everything."""
    paths = ["/v1/runs", "/v1/workers", "/v1/audit", "/v1/tests", "/v1/tokens", "/v1/quota"]
    paths += [f"/v1/runs/{run_id}{part}" for run_id in run_ids for part in ("", "/events", "/result")]
    told = [json.dumps(here.client.ask("GET", path), ensure_ascii=False) for path in paths]
    return "\n".join([*told, repr(list(here.client.stream(run_ids[0], 0)))])


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_only_workers_and_the_target_have_a_secret(tmp_path: Path, request: pytest.FixtureRequest, kind: str) -> None:
    store = f"sqlite:///{tmp_path}/installation.sqlite"
    if kind == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        store = server.new_database()
    canary = Canary()
    value = canary.value.encode("ascii", "ignore").decode()
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "SHOP").write_text(value)
    services = tmp_path / "services"
    services.mkdir()
    with witness() as target, processes(services, store, 0) as here:
        here.environment_of["w0"] = {"APIBENCH_SECRETS": str(mounted)}
        here.start_worker("w0")
        here.until_idle(1)
        run_id = here.run(plan=plan(target.address))
        document = here.result(run_id)
        (mounted / "SHOP").write_text(value + "\nX-Smuggled: yes")
        bad = here.run(plan=plan(target.address, name="smuggled"))
        here.until("it fails", lambda: here.state(bad) == "failed")
        (mounted / "SHOP").unlink()
        unknown = here.run(plan=plan(target.address, name="unknown"))
        here.until("it fails", lambda: here.state(unknown) == "failed")
        reasons = [here.ask("GET", f"/v1/runs/{each}")["reason"] for each in (bad, unknown)]
        told = answers(here, [run_id, bad, unknown])
        tables = canary.tables(store) if kind == "postgresql" else []
    assert document["requests"]["ok"] == 40
    assert document["requests"]["by_error"] == {"http.5xx": 40}
    assert {head["Authorization"] for head in target.heads} == {f"Bearer {value}"}
    assert "scenarios[0].defaults.headers.Authorization: the secret 'SHOP' holds a control character" in reasons[0]
    assert "scenarios[0].steps[0].body: nobody here knows the secret 'SHOP'" in reasons[1]
    assert "set APIBENCH_SECRET_SHOP" in reasons[1]
    assert "${secret:SHOP}" in told
    assert not canary.is_in(told.encode())
    assert tables == []
    assert canary.places(services) == [], "logs, spools, folders"
    assert canary.places(tmp_path) == []


def test_a_secret_in_the_plan_itself_is_in_the_store_and_shown_to_nobody(tmp_path: Path) -> None:
    canary = Canary()
    value = canary.value.encode("ascii", "ignore").decode()
    services = tmp_path / "services"
    services.mkdir()
    with witness() as target, processes(services, f"sqlite:///{tmp_path}/installation.sqlite", 1) as here:
        literal = plan(target.address)
        headers = {"Authorization": f"Bearer {value}", "Cookie": f"session={value}"}
        path = f"/?page=1&api_key={quote(value)}"
        literal["scenarios"][0] |= {"defaults": {"headers": headers}, "steps": [{"type": "request", "path": path}]}
        run_id = here.run(plan=literal)
        here.result(run_id)
        told = answers(here, [run_id])
    assert target.heads[0]["Cookie"] == f"session={value}"
    assert not canary.is_in(told.encode())
    assert canary.places(services) == [], "logs, spools, folders"
