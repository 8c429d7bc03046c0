"""What a target is to serve, over REST, and refusals of targets that do not."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controller.rest.conftest import World

from apibench.model.errors import TargetUnproven
from apibench.model.fault import Fault
from apibench.model.installation import Role

pytestmark = pytest.mark.asyncio


async def test_everybody_may_know_the_line_of_a_name(world: World) -> None:
    answer = (await world.ask("GET", "/v1/proofs/Shop.example", role=Role.VIEWER)).json()
    assert answer["host"] == "shop.example"
    assert answer["path"] == "/.well-known/apibench.txt"
    assert answer["line"] == (await world.ask("GET", "/v1/proofs/shop.example")).json()["line"]
    assert (await world.ask("GET", "/v1/proofs/a b")).status_code == 422


async def test_where_nothing_can_be_proven_that_is_said(world: World) -> None:
    world.app.state.services = replace(world.app.state.services, ownership=None)
    answer = await world.ask("GET", "/v1/proofs/shop.example")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "proof.off")


async def test_all_targets_that_are_not_proven_are_told(world: World, document: dict[str, Any]) -> None:
    faults = [Fault("target.unproven", f"hosts.{name}.base_url", "is not proven", "Prove it.") for name in "ab"]
    world.operations.failure = TargetUnproven(faults)
    answer = await world.ask("POST", "/v1/runs", json={"plan": document})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "target.unproven")
    assert [fault["place"] for fault in answer.json()["error"]["faults"]] == ["hosts.a.base_url", "hosts.b.base_url"]
    assert (await world.ask("GET", "/v1/audit")).json()["deeds"] == []
