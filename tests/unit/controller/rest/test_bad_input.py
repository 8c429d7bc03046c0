"""Whatever comes in: a clear 4xx with all faults, nothing changed, nothing broken, and no secret told."""

import json
from typing import Any

import pytest
from tests.unit.controller.rest.conftest import World

from apibench.controller.rest.body import MAX_BODY_BYTES
from apibench.model.errors import StoreFailed
from apibench.model.installation import Role, RunState

JSON = {"Content-Type": "application/json"}
CANARY = "c4nary-s3cr3t"


async def faults_of(world: World, body: Any, path: str = "/v1/runs") -> dict[str, dict[str, str]]:
    answer = await world.ask("POST", path, content=json.dumps(body), headers=JSON)
    assert answer.status_code == 422, answer.text
    return {fault["place"]: fault for fault in answer.json()["error"]["faults"]}


@pytest.mark.asyncio
async def test_all_faults_of_body_and_plan_are_told_at_once(world: World, document: dict[str, Any]) -> None:
    document["scenarios"][0]["load"] = {"rate": "fast", "duration": "30"}
    document["hosts"]["api"]["base_ulr"] = "http://x"
    body = {"plan": document, "workers": 0, "least_workers": 3, "wrokers": 2, "tags": {"a": 5}, "patience_s": "10"}
    found = await faults_of(world, body)
    assert set(found) == {
        "plan.hosts.api.base_ulr",
        "plan.scenarios[0].load.rate",
        "plan.scenarios[0].load.duration",
        "workers",
        "wrokers",
        "tags.a",
        "patience_s",
        "least_workers",
    }
    assert found["wrokers"]["remedy"] == "Did you mean `workers`?"
    assert all(fault["message"] and fault["remedy"] for fault in found.values())
    assert world.operations.submissions == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "plan"),
        ({"plan": {}, "test": {"id": "x"}}, "test"),
        ({"test": {"id": "x"}, "workers": 2, "regions": {"eu": 1}}, "regions"),
        ({"test": {"id": "x"}, "regions": {"eu": 1, "us": 1}, "least_workers": 3}, "least_workers"),
        ({"test": {"id": "../x"}}, "test.id"),
        ({"test": {"id": "x"}, "name": "a\u0000b"}, "name"),
        ({"test": {"id": "x"}, "tags": {"a": "\u0000"}}, "tags.a"),
        ({"test": {"id": "x"}, "tags": {"": "x"}}, "tags"),
        ({"test": {"id": "x"}, "on_worker_loss": "shrug"}, "on_worker_loss"),
        ({"test": {"id": "x"}, "workers": True}, "workers"),
        ({"plan": []}, "plan"),
        ([], ""),
        (None, ""),
    ],
    ids=range(13),
)
async def test_a_run_that_can_t_be_is_refused_at_its_place(world: World, body: Any, place: str) -> None:
    found = await faults_of(world, body)
    assert any(each.startswith(place) if place else each == "" for each in found)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/tests", {"name": " shop"}),
        ("/v1/tests", {"name": "x" * 201}),
        ("/v1/tests", {"name": "shop", "plan": None, "paln": {}}),
        ("/v1/tests/none/versions", {}),
        ("/v1/tokens", {"name": "x", "role": "root"}),
        ("/v1/tokens", {"name": "x", "role": "viewer", "expires_in": "0s"}),
        ("/v1/tokens", {"name": "x", "role": "viewer", "expires_in": "4000d"}),
        ("/v1/kill", {"reason": "  "}),
        ("/v1/kill", {"reason": ""}),
        ("/v1/runs/none/notes", {"text": "x" * 2_001}),
    ],
    ids=range(10),
)
async def test_other_bodies_are_refused_before_anything_is_done(world: World, path: str, body: Any) -> None:
    assert await faults_of(world, body, path)
    assert (await world.ask("GET", "/v1/tests")).json() == {"tests": []}
    assert world.operations.killed == ""


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"plan": NaN}',
        b'{"name": "a", "name": "b"}',
        b'{"name": "\\ud800"}',
        b"[" * 100_000,
        b'{"workers": ' + b"9" * 5_000 + b"}",
    ],
    ids=["nothing", "half", "not UTF-8", "NaN", "a key twice", "half a character", "deep", "a huge number"],
)
async def test_what_is_no_json_is_no_request(world: World, content: bytes) -> None:
    answer = await world.ask("POST", "/v1/runs", content=content, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "body.unreadable"


@pytest.mark.asyncio
async def test_a_body_is_bounded_whether_or_not_it_says_its_length(world: World) -> None:
    async def chunks() -> Any:
        for _ in range(MAX_BODY_BYTES // 65_536 + 1):
            yield b" " * 65_536

    told = await world.ask("POST", "/v1/runs", content=b" " * (MAX_BODY_BYTES + 1), headers=JSON)
    untold = await world.ask("POST", "/v1/runs", content=chunks(), headers=JSON)
    assert (told.status_code, untold.status_code) == (413, 413)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["text/plain", "application/x-yaml", "application/json; charset=latin-1", ""])
async def test_a_body_that_is_not_announced_as_json_is_not_read(world: World, kind: str) -> None:
    answer = await world.ask("POST", "/v1/runs", content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 415


@pytest.mark.asyncio
async def test_what_takes_no_body_refuses_one(world: World, document: dict[str, Any]) -> None:
    run_id = await world.running(document)
    answer = await world.ask("POST", f"/v1/runs/{run_id}/stop", json={"drain": "10s"})
    assert answer.status_code == 400
    assert (await world.ask("GET", f"/v1/runs/{run_id}")).json()["desired"] == "run"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "places"),
    [
        (
            "/v1/runs?limit=0&before=a%00b&state=late&page=2",
            {"query.limit", "query.before", "query.state.0", "query.page"},
        ),
        ("/v1/runs?before=nobody", {"query.before"}),
        ("/v1/runs?limit=ten", {"query.limit"}),
        ("/v1/runs/a%00b", {"path.run_id"}),
        ("/v1/runs/x?verbose=1", {"query.verbose"}),
        ("/v1/runs/x/result?from=30&to=soon&step=%00", {"query.from", "query.to", "query.step.0"}),
        ("/v1/runs/x/result?from=30s&to=10s", {"query.to"}),
        ("/v1/tests/x/versions/0", {"path.version"}),
        ("/v1/audit?after=-1&limit=9999", {"query.after", "query.limit"}),
        ("/v1/workers?region=eu", {"query.region"}),
    ],
    ids=range(10),
)
async def test_all_faults_of_the_address_are_told_at_once(world: World, path: str, places: set[str]) -> None:
    answer = await world.ask("GET", path)
    assert answer.status_code == 422, answer.text
    faults = answer.json()["error"]["faults"]
    assert {fault["place"] for fault in faults} == places
    assert all(fault["message"] and fault["remedy"] for fault in faults)


@pytest.mark.asyncio
@pytest.mark.parametrize("headers", [{"Idempotency-Key": "a b"}, {"Idempotency-Key": "x" * 201}])
async def test_odd_headers_are_refused(world: World, document: dict[str, Any], headers: dict[str, str]) -> None:
    answer = await world.ask("POST", "/v1/runs", json={"plan": document}, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["error"]["faults"][0]["place"] == "header.idempotency-key"


@pytest.mark.asyncio
async def test_what_is_not_there_has_the_one_shape_too(world: World) -> None:
    for path in ("/", "/v1/nothing", "/v1/runs/none", "/v1/runs/none/result", "/v1/runs/none/stream", "/v1/tests/none"):
        answer = await world.ask("GET", path)
        assert answer.status_code == 404
        assert set(answer.json()["error"]) == {"code", "message", "hint", "faults"}
    wrong = await world.ask("PUT", "/v1/runs")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method")
    assert wrong.headers["allow"]


@pytest.mark.asyncio
async def test_a_name_can_be_taken_once(world: World, document: dict[str, Any]) -> None:
    first = await world.ask("POST", "/v1/tests", json={"name": "shop", "plan": document})
    again = await world.ask("POST", "/v1/tests", json={"name": "shop"})
    assert (first.status_code, again.status_code) == (201, 409)
    same = await world.ask("POST", f"/v1/tests/{first.json()['id']}/versions", json={"plan": document})
    assert same.json()["version"] == 1
    assert len((await world.ask("GET", f"/v1/tests/{first.json()['id']}/versions")).json()["versions"]) == 1


@pytest.mark.asyncio
async def test_every_answer_keeps_browsers_from_guessing_and_has_an_id(world: World) -> None:
    for path in ("/healthz", "/v1/runs", "/v1/nothing", "/v1/openapi.json"):
        answer = await world.ask("GET", path, headers={"X-Request-Id": "my-1"})
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-request-id"] == "my-1"
        assert "access-control-allow-origin" not in answer.headers
    odd = await world.ask("GET", "/healthz", headers={"X-Request-Id": 'x" "y'})
    assert odd.headers["x-request-id"].isalnum()


@pytest.mark.asyncio
async def test_a_secret_of_a_plan_is_in_no_answer_no_log_line_and_no_deed(
    world: World, document: dict[str, Any]
) -> None:
    step = document["scenarios"][0]["steps"][0]
    step["headers"] = {"Authorization": f"Bearer {CANARY}", "Cookie": CANARY, "X-Api-Key": CANARY}
    step["path"] = f"/items?api_key={CANARY}&page=2"
    test = await world.ask("POST", "/v1/tests", json={"name": "shop", "plan": document})
    test_id, run_id = test.json()["id"], await world.running(document)
    answers = [test]
    for path in (
        "/v1/tests",
        f"/v1/tests/{test_id}/versions",
        f"/v1/tests/{test_id}/versions/1",
        "/v1/runs",
        f"/v1/runs/{run_id}",
        f"/v1/runs/{run_id}/events",
        f"/v1/runs/{run_id}/result",
        "/v1/audit",
        "/metrics",
    ):
        answers += [await world.ask("GET", path)]
    for path in (f"/v1/runs/{run_id}/stop", f"/v1/runs/{run_id}/abort"):
        answers += [await world.ask("POST", path)]
    assert "[redacted]" in answers[4 + 1].text
    bad = json.loads(json.dumps(document))
    bad["scenarios"][0]["steps"][0]["headers"] = {"Authorization": [CANARY], "X\n": CANARY, "X-Token": f"{CANARY}\r\n"}
    bad["scenarios"][0]["steps"][0]["path"] = f"items page?api_key={CANARY}"
    answers.append(await world.ask("POST", "/v1/runs", json={"plan": bad}))
    assert answers[-1].status_code == 422
    world.operations.failure = StoreFailed(f"postgresql://u:{CANARY}@db/x is away", "Wait.")
    answers.append(await world.ask("POST", f"/v1/runs/{run_id}/stop"))
    answers.append(await world.ask("GET", f"/v1/runs/ab_0_{CANARY.replace('-', '')}?token={CANARY}"))
    for answer in answers:
        assert CANARY not in answer.text, answer.request.url
    assert CANARY not in world.lines.getvalue()
    for role in Role:
        assert world.tokens[role].split("_")[2] not in world.lines.getvalue()


@pytest.mark.asyncio
async def test_each_request_has_one_line_with_who_asked_for_what(world: World, document: dict[str, Any]) -> None:
    run_id = await world.start(document)
    await world.operations.move(run_id, RunState.RUNNING)
    await world.ask("GET", f"/v1/runs/{run_id}", role=Role.VIEWER)
    start, line = world.log()[-2:]
    assert (start["route"], start["run_id"]) == ("/v1/runs", run_id)
    assert (line["route"], line["run_id"]) == ("/v1/runs/{run_id}", run_id)
    assert (line["method"], line["status"]) == ("GET", 200)
    assert line["actor"].startswith("viewer (")
    assert line["took_us"] >= 0


@pytest.mark.asyncio
@pytest.mark.parametrize("typed", ["ab_1_geheim", "geheim", "GEHEIM0123", "geheim-012", "x" * 64])
async def test_what_is_typed_in_the_place_of_a_run_s_id_and_is_none_is_in_no_log(world: World, typed: str) -> None:
    assert (await world.ask("GET", f"/v1/runs/{typed}", role=Role.VIEWER)).status_code == 404
    assert world.log()[-1]["route"] == "/v1/runs/{run_id}"
    assert "run_id" not in world.log()[-1]
    assert typed not in world.lines.getvalue()
