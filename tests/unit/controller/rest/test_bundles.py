"""Code beside plans: let through only where the installation lets any, whole, signed, and for that plan."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.unit.controller.rest.conftest import World
from tests.unit.model.bundles import FILES, bundle_of, calling, plan_document

from apibench.authoring.plan_file import parse_plan_document
from apibench.controller.bundles import Bundles
from apibench.controller.rest.services import Services
from apibench.model.installation import Role
from apibench.wire.signing_keys import SigningKey

pytestmark = pytest.mark.asyncio
KEY = SigningKey.new()
DOCUMENT = plan_document("sign", "tax")
PLAN = calling("sign", "tax")


@pytest_asyncio.fixture
async def closed(world: World) -> AsyncIterator[World]:
    """An installation that was told nothing of Python."""
    parts: Services = world.app.state.services
    allowing, parts.bundles.allowed = parts.bundles.allowed, False
    yield world
    parts.bundles.allowed = allowing


def bundle(**words: Any) -> dict[str, Any]:
    return bundle_of(PLAN, KEY).model_dump(mode="json") | words


def told(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {fault["place"]: fault["message"] for fault in answer.json()["error"]["faults"]}


PLACES = ["plan.scenarios[0].steps[1]", "plan.scenarios[0].steps[2]"]
WAYS = [("/v1/runs", {}), ("/v1/tests", {"name": "shop"})]


@pytest.mark.parametrize(("path", "words"), WAYS)
@pytest.mark.parametrize("code", [None, bundle()])
async def test_an_installation_that_allows_no_python_refuses_each_function_by_name(
    closed: World, path: str, words: dict[str, Any], code: dict[str, Any] | None
) -> None:
    answer = await closed.ask("POST", path, json={**words, "plan": DOCUMENT, "bundle": code})
    says = "is Python, and this installation has none called"
    assert told(answer) == dict(zip(PLACES, [f"`sign` {says}", f"`tax` {says}"], strict=True))
    assert "--allow-python" in answer.json()["error"]["faults"][0]["remedy"]
    assert closed.operations.submissions == []
    assert (await closed.ask("GET", "/v1/tests")).json()["tests"] == []


@pytest.mark.parametrize(("path", "words"), WAYS)
async def test_functions_without_code_are_refused_each_by_name(world: World, path: str, words: dict[str, Any]) -> None:
    answer = await world.ask("POST", path, json={**words, "plan": DOCUMENT})
    assert told(answer) == {
        PLACES[0]: "`sign` is Python, and its code is not there",
        PLACES[1]: "`tax` is Python, and its code is not there",
    }


async def test_a_run_has_its_code_and_the_audit_log_says_whose_it_is(world: World) -> None:
    answer = await world.ask("POST", "/v1/runs", json={"plan": DOCUMENT, "bundle": bundle()}, role=Role.RUNNER)
    assert answer.status_code == 201, answer.text
    name, (asked,) = bundle_of(PLAN, KEY).sha256(), world.operations.submissions
    assert (asked.bundle, asked.bundle_sha256) == (bundle_of(PLAN, KEY).canonical(), name)
    kept = await world.store.bundle(name)
    assert kept is not None
    assert (kept.bundle, kept.created_by.startswith("runner (")) == (asked.bundle, True)
    deed = (await world.ask("GET", "/v1/audit")).json()["deeds"][-1]
    assert deed["action"] == "run.start"
    assert deed["detail"]["bundle_sha256"] == name == answer.json()["bundle_sha256"]
    assert deed["detail"]["signed_by"] == KEY.public.fingerprint
    assert FILES["shopper.py"] not in answer.text
    assert FILES["shopper.py"].splitlines()[0] not in str(world.log())


async def test_who_may_not_start_runs_sends_no_code_either(world: World) -> None:
    answer = await world.ask("POST", "/v1/runs", json={"plan": DOCUMENT, "bundle": bundle()}, role=Role.VIEWER)
    assert answer.status_code == 403
    assert await world.store.bundle(bundle_of(PLAN, KEY).sha256()) is None


async def test_all_that_is_wrong_with_plan_and_code_is_told_at_once(world: World) -> None:
    code = bundle(files=FILES | {"shopper.py": "import os"}, signature="A" * 86 + "==")
    code["manifest"] = code["manifest"] | {"functions": {"sign": {"name": "sign"}}}
    answer = await world.ask("POST", "/v1/runs", json={"plan": DOCUMENT, "bundle": code, "patience_s": 0})
    assert set(told(answer)) == {
        "patience_s",
        'bundle.files["shopper.py"]',
        "bundle.manifest.functions",
        "bundle.signature",
    }


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ({"bundle": "code"}, "bundle"),
        ({"bundle": {}}, "bundle.manifest"),
        ({"bundle": bundle(files={"../up.py": ""})}, 'bundle.files["../up.py"]'),
        ({"plan": plan_document("sign")}, "bundle.manifest.plan_sha256"),
        ({"plan": plan_document()}, "bundle"),
        ({"plan": None, "test": {"id": "t"}}, "bundle"),
    ],
)
async def test_code_that_is_no_plan_s_is_refused_with_its_place(
    world: World, words: dict[str, Any], place: str
) -> None:
    answer = await world.ask("POST", "/v1/runs", json={"plan": DOCUMENT, "bundle": bundle()} | words)
    assert place in told(answer)
    assert world.operations.submissions == []


async def test_a_version_of_a_test_keeps_its_code_and_its_runs_have_it(world: World) -> None:
    body = {"name": "shop", "plan": DOCUMENT, "bundle": bundle()}
    test = (await world.ask("POST", "/v1/tests", json=body)).json()
    assert test["version"]["bundle_sha256"] == bundle_of(PLAN, KEY).sha256()
    other = bundle_of(PLAN, SigningKey.new())
    again = [
        await world.ask("POST", f"/v1/tests/{test['id']}/versions", json={"plan": DOCUMENT, "bundle": code})
        for code in (bundle(), other.model_dump(mode="json"))
    ]
    assert [each.json()["version"] for each in again] == [1, 2]
    for version in (1, None):
        answer = await world.ask("POST", "/v1/runs", json={"test": {"id": test["id"], "version": version}})
        assert answer.status_code == 201, answer.text
    assert [each.bundle for each in world.operations.submissions] == [
        bundle_of(PLAN, KEY).canonical(),
        other.canonical(),
    ]


async def test_a_version_is_not_run_once_python_is_allowed_no_longer(world: World) -> None:
    test = (await world.ask("POST", "/v1/tests", json={"name": "s", "plan": DOCUMENT, "bundle": bundle()})).json()
    parts: Services = world.app.state.services
    parts.bundles.allowed = False
    answer = await world.ask("POST", "/v1/runs", json={"test": {"id": test["id"]}})
    assert set(told(answer)) == set(PLACES)


async def test_a_key_that_has_started_a_run_with_other_code_starts_none(world: World) -> None:
    key = {"Idempotency-Key": "deploy-42"}
    other = bundle_of(PLAN, SigningKey.new()).model_dump(mode="json")
    answers = [
        await world.ask("POST", "/v1/runs", json={"plan": DOCUMENT, "bundle": code}, headers=key)
        for code in (bundle(), bundle(), other)
    ]
    assert [each.status_code for each in answers] == [201, 201, 409]


async def test_plan_and_code_together_fit_a_message(world: World) -> None:
    large = plan_document("sign", "tax")
    large["feeders"] = {"rows": {"format": "csv", "text": "n\n" + "x" * ((2 << 20) - 10)}}
    plan = parse_plan_document(large)
    files = {"shopper.py": "#" * 2_060_000}
    bundles = Bundles(world.store, lambda: 1, allowed=True)
    code, faults = bundles.code_of(plan, bundle_of(plan, KEY, files).model_dump(mode="json"))
    assert code is None
    assert [fault.code for fault in faults] == ["bundle.large"]
