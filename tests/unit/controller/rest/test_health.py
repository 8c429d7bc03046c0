"""For machines that watch: alive, ready, metrics; and the fleet."""

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.controller.rest.conftest import World

from apibench.controller.rest.follower import KEPT_WINDOWS, RunFigures, RunFollower
from apibench.model.aggregation import RunUpdate
from apibench.model.errors import StoreFailed
from apibench.model.installation import RunState
from apibench.model.submission import WorkerView


def worker(name: str, **changes: Any) -> WorkerView:
    return WorkerView(
        **{
            "worker_id": name,
            "region": "eu",
            "labels": {"rack": "7"},
            "engine_version": "1",
            "cpus": 4,
            "state": "idle",
            **changes,
        }
    )


def window(number: int, start_s: int, started: int, *, state: str = "sealed", warmup: int = 0) -> RunUpdate:
    row = {
        "start_s": start_s,
        "state": state,
        "started": started,
        "ok": started,
        "warmup": {"started": warmup, "ok": warmup},
    }
    return RunUpdate(number, "window", row)


async def metrics(world: World) -> dict[tuple[str, ...], float]:
    answer = await world.ask("GET", "/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.mark.asyncio
async def test_ready_is_who_leads_and_has_a_store_that_answers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await world.ask("GET", "/readyz", role=None)).json() == {"ready": True, "version": "1.2.3"}

    async def broken(**_: Any) -> Any:
        raise StoreFailed("away", "Wait.")

    monkeypatch.setattr(world.store, "runs", broken)
    world.operations.can_lead = False
    answer = await world.ask("GET", "/readyz", role=None)
    assert answer.status_code == 503
    assert [fault["place"] for fault in answer.json()["error"]["faults"]] == ["leads", "store"]
    assert (await world.ask("GET", "/healthz", role=None)).json() == {"alive": True}
    assert (await metrics(world))["apibench_store_up",] == 0


@pytest.mark.asyncio
async def test_metrics_count_runs_and_workers_by_state(world: World, document: dict[str, Any]) -> None:
    await world.start(document)
    await world.running(document)
    world.operations.fleet = [worker("a"), worker("b", state="busy", run_id="x"), worker("c")]
    found = await metrics(world)
    assert found["apibench_runs", "queued"] == 1
    assert found["apibench_runs", "running"] == 1
    assert found["apibench_runs", "draining"] == 0
    assert found["apibench_workers", "idle"] == 2
    assert found["apibench_workers", "silent"] == 0
    assert found["apibench_build_info", "1.2.3"] == 1
    assert found["apibench_leads",] == 1


@pytest.mark.asyncio
async def test_metrics_follow_what_runs_do_until_they_are_over(world: World, document: dict[str, Any]) -> None:
    run_id = await world.running(document)
    world.operations.updates = [
        window(1, 0, 10, state="provisional"),
        window(2, 0, 12, warmup=3),
        window(3, 1, 5),
        window(4, 0, 14, state="revised", warmup=3),
        RunUpdate(5, "ended", {}),
    ]
    follower: RunFollower = world.app.state.follower
    await follower.look()
    for _ in range(10):
        await asyncio.sleep(0)
    found = await metrics(world)
    assert found["apibench_run_windows_total", run_id] == 2
    assert found["apibench_run_requests_total", "started", run_id] == 14 + 3 + 5
    await world.operations.move(run_id, RunState.FINISHED)
    await follower.look()
    assert ("apibench_run_windows_total", run_id) not in await metrics(world)


def test_a_window_that_is_revised_long_afterwards_is_not_counted_again() -> None:
    figures = RunFigures()
    for number in range(KEPT_WINDOWS + 1):
        figures.take(window(number, number, 1))
    figures.take(window(9_999, 0, 2, state="revised"))
    assert figures.requests["started"] == KEPT_WINDOWS + 1
    assert figures.windows == KEPT_WINDOWS + 1


@pytest.mark.asyncio
async def test_the_fleet_is_shown(world: World) -> None:
    world.operations.fleet = [worker("a", state="busy", run_id="r1", last_heard_s=0.5, clock_error_ns=9)]
    (shown,) = (await world.ask("GET", "/v1/workers")).json()["workers"]
    assert (shown["id"], shown["state"], shown["run"], shown["region"]) == ("a", "busy", "r1", "eu")
    assert (shown["last_heard_s"], shown["clock_error_ns"], shown["round_trip_ns"]) == (0.5, 9, None)
