"""For machines that watch: alive, ready, metrics; and the fleet."""

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.controller.rest.conftest import World
from tests.unit.controller.rest.test_outlet import Collected
from tests.unit.controller.rest.windows import MS, STARTED_AT, STARTED_NS, counts, row, run, step

from apibench.controller.rest.figures import KEPT_WINDOWS, RunFigures
from apibench.controller.rest.follower import KEPT_S, RunFollower
from apibench.controller.rest.step_labels import MAX_STEPS, OTHERS, StepLabels
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
    told = row(start_s, [MS] * started, state=state)
    return RunUpdate(number, "window", told | {"warmup": counts([MS] * warmup)})


async def updates() -> None:
    """Let watchers hear all that there is."""
    for _ in range(10):
        await asyncio.sleep(0)


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
    assert found["process_resident_memory_bytes",] > 0


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
    await updates()
    found = await metrics(world)
    assert found["apibench_run_windows_total", run_id] == 2
    assert found["apibench_run_requests_total", "started", run_id] == 14 + 3 + 5
    await world.operations.move(run_id, RunState.FINISHED)
    await follower.look()
    assert ("apibench_run_windows_total", run_id) not in await metrics(world)


@pytest.mark.asyncio
async def test_times_and_steps_are_counted_once_when_their_window_is_sealed(
    world: World, document: dict[str, Any]
) -> None:
    run_id = await world.running(document)
    world.operations.updates = [
        RunUpdate(1, "window", row(0, [2 * MS], state="provisional")),
        RunUpdate(2, "window", row(0, [2 * MS, 40 * MS])),
        RunUpdate(3, "window", row(1, [2 * MS, 90_000 * MS])),
        RunUpdate(4, "window", row(0, [2 * MS] * 9, state="revised")),
        RunUpdate(5, "window", row(1, [2 * MS])),  # told anew, by an aggregator that has read it from the store
    ]
    await world.app.state.follower.look()
    await updates()
    found = await metrics(world)
    up_to = {key[1]: value for key, value in found.items() if key[0] == "apibench_run_response_seconds_bucket"}
    assert [up_to[bound] for bound in ("0.001", "0.0025", "0.025", "0.05", "60.0", "+Inf")] == [0, 2, 2, 3, 3, 4]
    assert found["apibench_run_response_seconds_count", run_id] == 4
    assert found["apibench_run_response_seconds_sum", run_id] == 90.044
    assert found["apibench_run_service_seconds_count", run_id] == 4
    assert found["apibench_run_step_requests_total", "ok", run_id, "main", "GET /items"] == 4
    assert found["apibench_run_steps_left_out", run_id] == 0


@pytest.mark.asyncio
async def test_iterations_errors_and_what_the_generator_did_are_of_sealed_windows(
    world: World, document: dict[str, Any]
) -> None:
    run_id = await world.running(document)
    failing = row(1, [MS] * 3, **counts([MS] * 3, failed=2, errors={"status_503": 2}))
    failing["generator"] = {"cpu_ns": 250 * MS, "longest_gap_ns": 70 * MS}
    world.operations.updates = [
        RunUpdate(1, "window", row(0, [MS] * 9, state="provisional")),
        window(2, 0, 4, warmup=1),
        RunUpdate(3, "window", failing),
        RunUpdate(4, "window", row(2, in_flight=1, waiting=0)),
    ]
    await world.app.state.follower.look()
    await updates()
    found = await metrics(world)
    # Two more are offered than are started in each block of the made-up windows.
    assert [found["apibench_run_iterations_total", name, run_id] for name in ("offered", "started")] == [18, 10]
    assert [found["apibench_run_iterations_total", name, run_id] for name in ("dropped", "lost")] == [8, 0]
    assert found["apibench_run_errors_total", "status_503", run_id] == 2
    assert found["apibench_run_requests_in_flight", run_id] == 1
    assert found["apibench_run_iterations_waiting", run_id] == 0
    assert found["apibench_run_generator_cpu_seconds_total", run_id] == 0.75
    assert found["apibench_run_generator_longest_gap_seconds", run_id] == 0.07


def test_steps_beyond_the_bound_are_counted_together_and_no_secret_names_one(document: dict[str, Any]) -> None:
    names = ["GET /?token=abc", *(f"step {number}" for number in range(MAX_STEPS + 1))]
    scenario = document["scenarios"][0]
    scenario["steps"] = [{**scenario["steps"][0], "name": name} for name in names]
    figures = RunFigures(StepLabels(run(document).plan))
    told = row(0) | {"steps": [step(name, response_ns=[MS]) for name in names]}
    figures.take(RunUpdate(1, "window", told))
    assert figures.labels.left_out == 2
    assert len(figures.steps) == MAX_STEPS + 1
    assert figures.steps[OTHERS]["ok"] == 2
    assert "abc" not in str(list(figures.steps))


def test_a_window_that_is_revised_long_afterwards_is_not_counted_again(document: dict[str, Any]) -> None:
    figures = RunFigures(StepLabels(run(document).plan))
    for number in range(KEPT_WINDOWS + 1):
        figures.take(window(number, number, 1))
    figures.take(window(9_999, 0, 2, state="revised"))
    assert figures.requests["started"] == KEPT_WINDOWS + 1
    assert figures.windows == KEPT_WINDOWS + 1


@pytest.mark.asyncio
async def test_each_sealed_window_goes_out_once_also_of_a_run_that_nobody_saw_running(
    world: World, document: dict[str, Any]
) -> None:
    collected, now_s = Collected(), STARTED_NS / 1e9
    follower = RunFollower(world.operations, world.store, collected, wall_s=lambda: now_s)
    run_id = await world.running(document)
    await world.operations.move(run_id, RunState.FINISHED, started_at=STARTED_AT, ended_at=STARTED_AT)
    sealed = [RunUpdate(number, "window", row(number - 1)) for number in (1, 2, 3)]
    revised = RunUpdate(4, "window", row(1, [MS], state="revised"))
    world.operations.updates = [*sealed, revised, RunUpdate(5, "ended", {})]
    for _ in range(3):
        await follower.look()
        await updates()
    assert [each.row["start_s"] for each in collected.taken] == [0, 1, 2]
    assert {each.run.run_id for each in collected.taken} == {run_id}
    now_s += KEPT_S
    await follower.look()
    assert follower.figures == {}


@pytest.mark.asyncio
async def test_a_run_that_ends_while_runs_are_looked_for_is_not_lost_sight_of(
    world: World, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = RunFollower(world.operations, world.store, wall_s=lambda: STARTED_NS / 1e9)
    run_id = await world.running(document)
    world.operations.updates = [window(1, 0, 7)]
    await follower.look()
    await updates()
    figures, asked = follower.figures[run_id], world.store.runs

    async def ends_behind_the_answer(**words: Any) -> Any:
        answer = await asked(**words)
        await world.operations.move(run_id, RunState.FINISHED, started_at=STARTED_AT, ended_at=STARTED_AT)
        return answer

    monkeypatch.setattr(world.store, "runs", ends_behind_the_answer)
    await follower.look()
    assert follower.figures == {run_id: figures}
    assert figures.requests["started"] == 7


@pytest.mark.asyncio
async def test_windows_that_were_sealed_without_a_word_are_asked_for(world: World, document: dict[str, Any]) -> None:
    collected = Collected()
    follower = RunFollower(world.operations, world.store, collected, wall_s=lambda: STARTED_NS / 1e9)
    run_id = await world.running(document)
    await world.operations.move(run_id, RunState.DRAINING, started_at=STARTED_AT)
    world.operations.rows = [row(1, [MS]), row(2, [MS], state="revised")]
    world.operations.updates = [RunUpdate(number, "window", row(start_s)) for number, start_s in ((7, 0), (99, 3))]
    await follower.look()
    await updates()
    assert [each.row["start_s"] for each in collected.taken] == [0, 1, 2, 3]
    assert [(each.from_ns, each.to_ns) for each in world.operations.queries] == [(1_000 * MS, 3_000 * MS)]
    figures = follower.figures[run_id]
    assert (figures.windows, figures.requests["ok"], figures.seen) == (4, 2, 99)


@pytest.mark.asyncio
async def test_what_the_collector_does_not_take_is_told(world: World) -> None:
    assert not any(key[0].startswith("apibench_otlp") for key in await metrics(world))
    world.app.state.follower.outlet = outlet = Collected()
    outlet.dropped = 7
    assert (await metrics(world))["apibench_otlp_windows_dropped_total",] == 7
    assert (await metrics(world))["apibench_otlp_windows_sent_total",] == 0


@pytest.mark.asyncio
async def test_the_fleet_is_shown(world: World) -> None:
    world.operations.fleet = [worker("a", state="busy", run_id="r1", last_heard_s=0.5, clock_error_ns=9)]
    (shown,) = (await world.ask("GET", "/v1/workers")).json()["workers"]
    assert (shown["id"], shown["state"], shown["run"], shown["region"]) == ("a", "busy", "r1", "eu")
    assert (shown["last_heard_s"], shown["clock_error_ns"], shown["round_trip_ns"]) == (0.5, 9, None)
