"""Runs: started once for a key, listed in pages, changed only where they can be."""

from typing import Any

import pytest
from tests.unit.controller.rest.conftest import World

from apibench.model.aggregation import ResultQuery
from apibench.model.errors import LinkLost, StaleTerm
from apibench.model.installation import Role, RunState
from apibench.model.load import Rate


@pytest.fixture
def open_plan(document: dict[str, Any]) -> dict[str, Any]:
    """A plan with an open scenario and a closed one, in the words of a file."""
    steps = [{"type": "request", "path": "/"}]
    document["scenarios"] = [
        {"name": "buyers", "steps": steps, "load": {"rate": "500/s", "duration": "30s"}},
        {"name": "clerks", "steps": steps, "load": {"users": 5, "duration": "30s"}},
    ]
    return document


@pytest.mark.asyncio
async def test_a_plan_in_words_is_started_in_its_one_form(world: World, open_plan: dict[str, Any]) -> None:
    body = {
        "plan": open_plan,
        "name": "friday",
        "regions": {"eu": 2, "us": 1},
        "on_worker_loss": "degrade",
        "on_lost_control": "finish",
        "least_workers": 2,
        "patience_s": 5,
        "tags": {"branch": "main"},
    }
    answer = await world.ask("POST", "/v1/runs", json=body, role=Role.RUNNER)
    assert answer.status_code == 201, answer.text
    shown, (asked,) = answer.json(), world.operations.submissions
    assert shown["state"] == "queued"
    assert shown["name"] == "friday"
    assert shown["tags"] == {"branch": "main"}
    assert shown["plan"]["scenarios"][0]["load"]["rate"] == {"count": 1, "per_ns": 2_000_000}
    assert (asked.regions, asked.workers, asked.on_worker_loss) == ({"eu": 2, "us": 1}, None, "degrade")
    assert (asked.on_lost_control, asked.least_workers, asked.patience_s) == ("finish", 2, 5)
    assert asked.plan_sha256 == shown["plan_sha256"]
    assert shown["created_by"].startswith("runner (")
    assert "machine" not in shown


@pytest.mark.asyncio
async def test_a_test_s_newest_version_is_run_unless_another_is_named(world: World, document: dict[str, Any]) -> None:
    test = (await world.ask("POST", "/v1/tests", json={"name": "shop", "plan": document})).json()
    document["seed"] = 7
    second = await world.ask("POST", f"/v1/tests/{test['id']}/versions", json={"plan": document})
    assert second.json()["version"] == 2
    newest = await world.ask("POST", "/v1/runs", json={"test": {"id": test["id"]}})
    first = await world.ask("POST", "/v1/runs", json={"test": {"id": test["id"], "version": 1}})
    assert [newest.json()["test"]["version"], first.json()["test"]["version"]] == [2, 1]
    assert [newest.json()["plan"]["seed"], first.json()["plan"]["seed"]] == [7, 0]
    none = await world.ask("POST", "/v1/runs", json={"test": {"id": test["id"], "version": 3}})
    assert none.status_code == 404


@pytest.mark.asyncio
async def test_the_same_key_starts_one_run_and_never_another_plan(world: World, document: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": "deploy-42"}
    answers = [await world.ask("POST", "/v1/runs", json={"plan": document}, headers=headers) for _ in range(3)]
    assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}
    document["seed"] = 1
    other = await world.ask("POST", "/v1/runs", json={"plan": document}, headers=headers)
    assert other.status_code == 409
    assert other.json()["error"]["code"] == "idempotency.other"
    somebody_else = await world.ask("POST", "/v1/runs", json={"plan": document}, headers=headers, role=Role.RUNNER)
    assert somebody_else.status_code == 201
    assert somebody_else.json()["id"] != answers[0].json()["id"]


@pytest.mark.asyncio
async def test_pages_hold_every_run_once_and_the_newest_first(world: World, document: dict[str, Any]) -> None:
    made = [await world.start(document) for _ in range(7)]
    seen: list[str] = []
    following: str | None = None
    while True:
        before = {} if following is None else {"before": following}
        page = (await world.ask("GET", "/v1/runs", params={"limit": "3", **before})).json()
        assert all("plan" not in run for run in page["runs"])
        seen += [run["id"] for run in page["runs"]]
        following = page["next"]
        if following is None:
            break
    assert seen == made[::-1]


@pytest.mark.asyncio
async def test_runs_are_listed_by_state(world: World, document: dict[str, Any]) -> None:
    queued, running = await world.start(document), await world.running(document)
    both = await world.ask("GET", "/v1/runs", params={"state": ["queued", "running"]})
    one = await world.ask("GET", "/v1/runs", params={"state": "running"})
    assert {run["id"] for run in both.json()["runs"]} == {queued, running}
    assert [run["id"] for run in one.json()["runs"]] == [running]


@pytest.mark.asyncio
async def test_a_run_is_stopped_and_then_aborted(world: World, document: dict[str, Any]) -> None:
    run_id = await world.running(document)
    stopped = await world.ask("POST", f"/v1/runs/{run_id}/stop")
    aborted = await world.ask("POST", f"/v1/runs/{run_id}/abort", json={})
    assert (stopped.status_code, stopped.json()["desired"]) == (202, "stop")
    assert (aborted.status_code, aborted.json()["desired"]) == (202, "abort")
    events = (await world.ask("GET", f"/v1/runs/{run_id}/events")).json()["events"]
    assert [event.get("desired") for event in events] == [None, "stop", "abort"]


@pytest.mark.asyncio
async def test_what_is_over_can_t_be_stopped(world: World, document: dict[str, Any]) -> None:
    run_id = await world.start(document)
    await world.operations.move(run_id, RunState.FINISHED, verdict="passed", exit_code=0)
    answer = await world.ask("POST", f"/v1/runs/{run_id}/stop")
    assert answer.status_code == 409
    assert answer.json()["error"]["message"] == "the run is over"


@pytest.mark.asyncio
async def test_rates_change_while_the_run_is_running(world: World, open_plan: dict[str, Any]) -> None:
    run_id = await world.running(open_plan)
    body = {"rates": [{"scenario": "buyers", "rate": "1k/s"}]}
    answer = await world.ask("PATCH", f"/v1/runs/{run_id}/rates", json=body)
    assert answer.json() == {"revision": 1, "effective_ns": 7_000_000_000}
    assert world.operations.rates == [("buyers", Rate(count=1, per_ns=1_000_000))]
    await world.operations.move(run_id, RunState.DRAINING)
    late = await world.ask("PATCH", f"/v1/runs/{run_id}/rates", json=body)
    assert late.status_code == 409
    assert "draining" in late.json()["error"]["message"]


@pytest.mark.asyncio
async def test_all_faults_of_new_rates_are_told_at_once(world: World, open_plan: dict[str, Any]) -> None:
    run_id = await world.running(open_plan)
    unknown = [{"scenario": "buyer", "rate": "1/s"}, {"scenario": "clerks", "rate": "1/s"}]
    answer = await world.ask("PATCH", f"/v1/runs/{run_id}/rates", json={"rates": unknown})
    faults = {fault["place"]: fault for fault in answer.json()["error"]["faults"]}
    assert answer.status_code == 422
    assert faults["rates[0].scenario"]["remedy"] == "Did you mean `buyers`?"
    assert faults["rates[1].scenario"]["message"] == "its load is closed and has no rate"
    odd = [{"scenario": "buyers", "rate": "fast"}, {"scenario": "buyers", "rate": "99999k/s", "at": 3}]
    answer = await world.ask("PATCH", f"/v1/runs/{run_id}/rates", json={"rates": odd})
    places = [fault["place"] for fault in answer.json()["error"]["faults"]]
    assert places == ["rates[0].rate", "rates[1].rate", "rates[1].at", "rates[1].scenario"]
    assert world.operations.rates == []


@pytest.mark.asyncio
async def test_notes_stand_beside_a_run(world: World, document: dict[str, Any]) -> None:
    run_id = await world.start(document)
    answer = await world.ask("POST", f"/v1/runs/{run_id}/notes", json={"text": "cache was cold"}, role=Role.RUNNER)
    (note,) = answer.json()["notes"]
    assert (answer.status_code, note["text"]) == (201, "cache was cold")
    assert note["by"].startswith("runner (")


@pytest.mark.asyncio
async def test_a_part_of_a_result_is_asked_for_in_words(world: World, document: dict[str, Any]) -> None:
    run_id = await world.start(document)
    words = {"from": "10s", "to": "1m", "region": ["eu", "us"], "worker": "w1", "step": ["GET /", "POST /"]}
    part = await world.ask("GET", f"/v1/runs/{run_id}/result", params=words)
    whole = await world.ask("GET", f"/v1/runs/{run_id}/result")
    assert part.json()["schema"] == "apibench.result/1"
    assert whole.headers["content-type"] == "application/json"
    assert world.operations.queries == [
        ResultQuery(10_000_000_000, 60_000_000_000, ("eu", "us"), ("w1",), ("GET /", "POST /")),
        ResultQuery(),
    ]


@pytest.mark.asyncio
async def test_nothing_starts_where_nobody_leads_or_the_switch_is_on(world: World, document: dict[str, Any]) -> None:
    running = await world.running(document)
    world.operations.can_lead = False
    answer = await world.ask("POST", "/v1/runs", json={"plan": document})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    world.operations.can_lead = True
    killed = await world.ask("POST", "/v1/kill", json={"reason": "prod is down"}, role=Role.RUNNER)
    assert killed.json() == {"killed": True, "reason": "prod is down", "aborted": [running]}
    refused = await world.ask("POST", "/v1/runs", json={"plan": document})
    assert refused.status_code == 409
    assert "prod is down" in refused.json()["error"]["message"]
    assert (await world.ask("DELETE", "/v1/kill")).status_code == 204
    assert (await world.ask("GET", "/v1/kill")).json() == {"killed": False, "reason": ""}
    assert (await world.ask("POST", "/v1/runs", json={"plan": document})).status_code == 201


@pytest.mark.asyncio
@pytest.mark.parametrize("failure", [LinkLost("no aggregator", "Wait."), StaleTerm("another leads", "Ask it.")])
async def test_what_others_can_t_do_now_is_said_and_may_be_tried_again(
    world: World, document: dict[str, Any], failure: Exception
) -> None:
    run_id = await world.running(document)
    world.operations.failure = failure
    answer = await world.ask("POST", f"/v1/runs/{run_id}/stop")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"


@pytest.mark.asyncio
async def test_a_bug_of_ours_is_told_in_the_one_shape_and_in_the_log(world: World, document: dict[str, Any]) -> None:
    run_id = await world.running(document)
    world.operations.failure = ZeroDivisionError("by http://u:geheim@db/x?token=geheim")
    answer = await world.ask("POST", f"/v1/runs/{run_id}/stop", headers={"X-Request-Id": "abc-1"})
    assert answer.status_code == 500
    assert "abc-1" in answer.json()["error"]["hint"]
    told = [line for line in world.log() if line["event"] == "request.failed"]
    told_of = [(line["request"], line["run_id"], line["error"]) for line in told]
    assert told_of == [("abc-1", run_id, "ZeroDivisionError")]
    assert "geheim" not in world.lines.getvalue()
