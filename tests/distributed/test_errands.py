"""Set-up and tear-down of a run on several workers: each by one of them, whatever dies; and by real engines."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.canary import Canary
from tests.distributed.installation import installation, open_plan
from tests.distributed.simulation import LEASE_NS, SHARED, S, World
from tests.integration.recording import target

from apibench.model.errand import ErrandReport, ErrandState
from apibench.model.installation import Desired, RunState
from apibench.store.memory_control import MemoryControlStore
from apibench.wire.limits import MAX_PAYLOAD_BYTES


def started(seed: int, **words: Any) -> World:
    """A world whose run has been set up, and runs."""
    world = World(seed, errands=True, **words)
    world.run_until(RunState.RUNNING)
    return world


def test_one_worker_sets_up_before_anybody_prepares_and_one_tears_down_behind_the_last() -> None:
    world = World(1, errands=True)
    world.run_until(RunState.PREPARING)
    world.run(0.5)
    assert (len(world.setups), [host.shared for host in world.hosts.values()]) == (1, [set(), set(), set()])
    world.run_until(RunState.COLLECTING)
    assert [host.shared for host in world.hosts.values()] == [{SHARED}] * 3
    assert len(world.seen) == 200 * 12
    world.run(3)
    assert (len(world.setups), len(world.teardowns)) == (1, 1)
    assert world.torn_down_ns >= (world.machine.barrier_ns or 0) + world.end_ns
    assert world.machine.errands.teardown == ErrandReport(ErrandState.OK, 1, worker=world.teardowns[0])
    assert not world.machine.errands.owes_teardown


def test_what_is_handed_over_is_in_nothing_that_is_written_down() -> None:
    world = started(2)
    world.run_until(RunState.COLLECTING)
    world.run(3)
    kept = json.dumps([world.disk, world.histories, repr(world.machine.facts())])
    assert SHARED not in kept
    assert "token" not in kept


def test_a_set_up_that_fails_ends_the_run_before_anybody_prepares() -> None:
    world = World(3, errands=True)
    world.setup_comes_to = ErrandReport(ErrandState.FAILED, 1, 5, "POST /login was answered with 401 (http.4xx)")
    world.run_until(RunState.FAILED)
    assert world.machine.reason.endswith("POST /login was answered with 401 (http.4xx)")
    assert world.machine.errands.exit_code == 107
    world.run(5)
    assert not world.seen
    assert not world.teardowns, "what was not set up is not torn down"
    assert [host.shared for host in world.hosts.values()] == [set()] * 3


def test_a_worker_that_dies_while_it_sets_up_fails_the_run_by_name_and_nobody_does_it_again() -> None:
    world = World(4, errands=True)
    while not world.setups:
        world.step()
    world.kill(world.hosts[world.setups[0]])
    world.run_until(RunState.FAILED)
    assert f"{world.setups[0]} was lost while it set up" in world.machine.reason
    world.run(5)
    assert len(world.setups) == 1
    assert not world.seen


def test_a_line_that_breaks_while_it_sets_up_is_not_felt() -> None:
    world = World(5, errands=True)
    while not world.setups:
        world.step()
    world.drop_lines(world.hosts[world.setups[0]])
    world.hosts[world.setups[0]].cut_until_ns = world.now_ns + 2 * S
    world.run_until(RunState.COLLECTING)
    assert len(world.setups) == 1
    assert len(world.seen) == 200 * 12


def test_a_worker_that_dies_before_the_end_does_not_tear_down_and_another_does() -> None:
    world = started(6)
    first = world.machine.members[0].worker.worker_id
    world.kill(world.hosts[first])
    world.run_until(RunState.COLLECTING)
    world.run(3)
    assert len(world.teardowns) == 1
    assert world.teardowns[0] != first


def test_one_that_dies_while_it_tears_down_is_relieved_and_that_is_said() -> None:
    world = started(7)
    while not world.teardowns:
        world.step()
    world.kill(world.hosts[world.teardowns[0]])
    world.run(LEASE_NS / S * 1.1 + 3)
    assert len(world.teardowns) == 2
    assert world.machine.errands.teardown == ErrandReport(ErrandState.OK, 1, worker=world.teardowns[1])
    assert any("another does it" in event for event in world.histories)


def test_one_whose_process_begins_anew_is_relieved_at_once() -> None:
    world = started(8)
    while not world.teardowns:
        world.step()
    world.restart(world.hosts[world.teardowns[0]])
    world.run(3)
    assert len(world.teardowns) == 2


def test_where_nobody_is_left_the_run_ends_all_the_same() -> None:
    world = started(9, workers=1)
    while not world.teardowns:
        world.step()
    world.kill(world.hosts["w0"])
    world.run(LEASE_NS / S * 1.1 + 3)
    assert world.machine.errands.teardown is not None
    assert world.machine.errands.teardown.state == "unknown"


@pytest.mark.parametrize("desired", [Desired.STOP, Desired.ABORT])
def test_a_run_that_is_ended_early_is_torn_down(desired: Desired) -> None:
    world = started(10)
    world.run(2)
    world.machine.ask(desired, "somebody", world.now_ns)
    world.flush()
    world.run_until(RunState.COLLECTING)
    world.run(3)
    assert len(world.teardowns) == 1


def test_a_run_that_is_ended_before_its_start_but_behind_set_up_is_torn_down_and_sends_nothing() -> None:
    world = World(11, errands=True)
    world.run_until(RunState.ARMED)
    world.machine.ask(Desired.STOP, "somebody", world.now_ns)
    world.flush()
    world.run_until(RunState.FAILED)
    assert len(world.teardowns) == 1
    assert world.machine.reason == "somebody"
    world.run(5)
    assert not world.seen


def test_one_that_is_ended_while_it_is_set_up_is_not_torn_down() -> None:
    world = World(12, errands=True)
    while not world.setups:
        world.step()
    world.machine.ask(Desired.STOP, "somebody", world.now_ns)
    world.flush()
    assert world.machine.state is RunState.FAILED
    world.run(5)
    assert not world.teardowns
    assert not world.seen


def test_a_controller_that_starts_again_while_it_runs_has_it_torn_down() -> None:
    world = started(13)
    world.run(2)
    world.kill_controller()
    world.run(1)
    world.start_controller()
    world.run_until(RunState.COLLECTING)
    world.run(3)
    assert len(world.seen) == 200 * 12
    assert (len(world.setups), len(world.teardowns)) == (1, 1)


def test_one_that_starts_again_before_all_have_prepared_knows_nothing_of_what_was_handed_over() -> None:
    world = World(14, errands=True)
    while world.machine.errands.setup is None:
        world.step()
    world.save()
    world.kill_controller()
    world.run(1)
    world.start_controller()
    world.run_until(RunState.FAILED)
    assert "the controller is gone that knew" in world.machine.reason
    assert len(world.teardowns) == 1, "it was set up, and is torn down"


def test_no_spare_joins_that_nobody_could_tell_what_was_handed_over() -> None:
    world = started(15, on_worker_loss="rebalance")
    world.run(1)
    world.kill_controller()
    world.run(1)
    world.start_controller()
    world.kill(world.hosts["w1"])
    world.run(LEASE_NS / S * 1.1 + 2)
    world.add_host("w9")
    world.run_until(RunState.COLLECTING)
    assert world.hosts["w9"].shared == set()


# Real engines.


def errands(address: str) -> dict[str, Any]:
    ask = {"type": "request", "host": "api", "method": "POST"}
    setup = [{**ask, "path": "/login"}, {"type": "extract", "of": {"type": "json", "path": ["token"]}, "to": "token"}]
    used = {
        "type": "call",
        "function": "concat",
        "arguments": [{"type": "constant", "value": "Bearer "}, {"type": "shared", "name": "token"}],
    }
    plan = open_plan(
        address,
        50,
        1,
        setup={"steps": setup, "values": {"token": {"type": "variable", "name": "token"}}},
        teardown={"steps": [{**ask, "path": "/clean", "headers": [["Authorization", used]]}]},
    )
    plan["scenarios"][0]["defaults"] = {"headers": [["Authorization", used]]}
    return plan


@pytest.mark.asyncio
async def test_real_workers_send_what_one_of_them_was_given_and_one_cleans_up(tmp_path: Path) -> None:
    canary = Canary()
    token = canary.value.replace("é", "")
    with target() as told:
        told.answers["/login"] = ({}, json.dumps({"token": token}).encode())
        async with installation(MemoryControlStore(), tmp_path, 3) as here:
            run = await here.start(errands(told.address))
            row = await here.ended(run.run_id)
            counts, facts = here.totals.counts(run.run_id), here.totals.facts[run.run_id]
            kept = repr((row, facts, here.totals.batches))
    assert (row.state, row.reason) == (RunState.FINISHED, "")
    paths = [each.path for each in told.received]
    assert (paths[0], paths[-1]) == ("/login", "/clean")
    assert (paths.count("/login"), paths.count("/clean"), paths.count("/")) == (1, 1, 50)
    assert {each.headers.get("Authorization") for each in told.received[1:]} == {f"Bearer {token}"}
    assert counts["ok"] == 50, "what is done once is in no figure"
    assert facts.setup is not None
    assert facts.teardown is not None
    assert (facts.setup.state, facts.setup.requests, facts.teardown.state) == ("ok", 1, "ok")
    assert facts.setup.worker == "w0"
    assert not canary.is_in(kept.encode())
    assert canary.places(tmp_path) == []


@pytest.mark.asyncio
async def test_real_set_up_that_fails_sends_no_load(tmp_path: Path) -> None:
    with target() as told:
        told.statuses["/login"] = 403
        async with installation(MemoryControlStore(), tmp_path, 3) as here:
            run = await here.start(errands(told.address))
            row = await here.ended(run.run_id)
            await here.until(lambda: here.idle() == 3)
    assert row.state is RunState.FAILED
    assert "POST /login was answered with 403 (http.4xx)" in row.reason
    assert row.exit_code == 107
    assert len(told.received) == 1


def test_more_than_a_message_has_room_for_fails_the_run_and_is_torn_down() -> None:
    world = World(16, errands=True)
    world.submission = replace(world.submission, plan="é" * (MAX_PAYLOAD_BYTES // 2))
    world.machine.submission = world.submission
    world.run_until(RunState.FAILED)
    assert "larger than a message" in world.machine.reason
    assert len(world.teardowns) == 1
