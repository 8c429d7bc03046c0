"""The protocol's promises, over a simulated network: first each fault alone, then random histories of all of them."""

import os

import pytest
from tests.distributed.simulation import LEASE_NS, S, World

from apibench.model.installation import Desired, RunState
from apibench.model.load import Rate

HISTORIES = int(os.environ.get("APIBENCH_HISTORIES", "300"))


def at(world: World, seconds: float) -> None:
    """Go on to that moment of the run."""
    world.run_until(RunState.RUNNING)
    while world.machine.offset_ns(world.now_ns) < seconds * S:
        world.step()


def missing_after(world: World, seconds: float) -> list[int]:
    due = world.owed(world.machine.ledger)
    return [number for number in range(len(due)) if number not in world.seen and due[number] >= seconds * S]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_without_faults_every_arrival_is_sent_once_by_whoever_owns_it(workers: int) -> None:
    world = World(1, workers=workers)
    world.run_until(RunState.COLLECTING)
    assert len(world.seen) == 200 * 12
    world.check_the_ledger()


def test_a_killed_worker_s_share_is_back_within_a_lease_and_two_seconds() -> None:
    world = World(2)
    at(world, 3)
    world.kill(world.hosts["w1"])
    world.run_until(RunState.COLLECTING)
    back_s = 3 + LEASE_NS / S * 1.01 + 2
    assert missing_after(world, back_s) == []
    assert len(world.seen) < len(world.owed(world.machine.ledger))
    world.check_the_ledger()


def test_a_cut_off_worker_stops_by_itself_before_its_share_goes_elsewhere() -> None:
    world = World(3)
    at(world, 3)
    world.hosts["w0"].cut_until_ns = world.now_ns + 30 * S
    world.run_until(RunState.COLLECTING)
    world.check_the_ledger()
    assert missing_after(world, 3 + LEASE_NS / S * 1.01 + 2) == []


def test_who_finishes_alone_is_never_taken_for_silent() -> None:
    world = World(3, end_s=25, on_lost_control="finish")
    at(world, 3)
    world.hosts["w0"].cut_until_ns = world.now_ns + 60 * S
    world.run_until(RunState.COLLECTING)
    assert len(world.seen) == 200 * 25, "nobody else has sent its part"
    world.check_the_ledger()


def test_who_dies_and_was_to_finish_alone_is_missed_until_the_end() -> None:
    world = World(3, end_s=25, on_lost_control="finish")
    at(world, 3)
    world.kill(world.hosts["w0"])
    world.run_until(RunState.COLLECTING)
    assert len(world.machine.ledger.revisions) == 1
    world.check_the_ledger()


def test_a_cut_that_is_shorter_than_the_lease_is_not_felt() -> None:
    world = World(4)
    at(world, 3)
    world.hosts["w0"].cut_until_ns = world.now_ns + 2 * S
    world.run_until(RunState.COLLECTING)
    assert len(world.seen) == 200 * 12


def test_a_process_that_thaws_after_its_lease_sends_nothing() -> None:
    world = World(5)
    at(world, 3)
    world.hosts["w2"].frozen_until_ns = world.now_ns + LEASE_NS + 2 * S
    frozen_ns = world.machine.offset_ns(world.now_ns)
    world.run_until(RunState.COLLECTING)
    segment = next(m.segment for m in world.machine.members.values() if m.worker.worker_id == "w2")
    assert not [sent for sent in world.log if sent.segment == segment and sent.at_ns > frozen_ns + S // 10]
    world.check_the_ledger()


def test_a_controller_that_starts_again_within_the_lease_is_not_felt() -> None:
    world = World(6)
    at(world, 3)
    world.kill_controller()
    world.run(2)
    world.start_controller()
    world.run_until(RunState.COLLECTING)
    assert len(world.seen) == 200 * 12
    world.check_the_ledger()


def test_a_worker_that_leaves_politely_is_relieved_within_two_seconds() -> None:
    world = World(7)
    at(world, 3)
    host = world.hosts["w1"]
    for message in host.machine.goodbye("told to end"):
        world.deliver("up", host, message)
    world.run(2.2)
    segment = next(m.segment for m in world.machine.members.values() if m.worker.worker_id == "w1")
    after = world.machine.offset_ns(world.now_ns)
    world.run_until(RunState.COLLECTING)
    assert not [sent for sent in world.log if sent.segment == segment and sent.due_ns > after]
    assert len(world.seen) == 200 * 12
    world.check_the_ledger()


def test_rates_change_at_one_moment_for_all_and_nothing_is_lost() -> None:
    world = World(8)
    at(world, 3)
    world.machine.change_rates([(0, Rate(count=500, per_ns=S))], world.now_ns)
    world.flush()
    world.run_until(RunState.COLLECTING)
    ledger = world.machine.ledger
    assert [rate.rate.count * S // rate.rate.per_ns for rate in ledger.rates_by(ledger.last.number)] == [500]
    assert len(world.seen) == len(world.owed(ledger))
    world.check_the_ledger()


def test_a_worker_that_misses_the_word_of_new_rates_sends_nothing_rather_than_the_old() -> None:
    world = World(9)
    at(world, 3)
    world.machine.change_rates([(0, Rate(count=500, per_ns=S))], world.now_ns)
    world.flush()
    while not world.machine.ledger.rates_by(world.machine.ledger.last.number):
        world.step()
    world.hosts["w0"].cut_until_ns = world.now_ns + 2 * S
    world.run_until(RunState.COLLECTING)
    world.check_the_ledger()
    assert missing_after(world, 9) == []


def test_a_spare_takes_the_place_of_a_lost_worker() -> None:
    world = World(10, end_s=20)
    at(world, 2)
    world.kill(world.hosts["w1"])
    world.add_host("late")
    world.run_until(RunState.COLLECTING)
    segments = {m.worker.worker_id: m.segment for m in world.machine.members.values()}
    assert [sent for sent in world.log if sent.segment == segments["late"]]
    world.check_the_ledger()


@pytest.mark.parametrize("policy", ["degrade", "abort"])
def test_a_loss_is_dealt_with_as_the_run_says(policy: str) -> None:
    world = World(11, on_worker_loss=policy)
    at(world, 3)
    world.kill(world.hosts["w1"])
    world.run_until(RunState.COLLECTING)
    world.check_the_ledger()
    assert len(world.machine.ledger.revisions) == 1
    last_s = max(sent.due_ns for sent in world.log) / S
    assert (last_s < 3 + LEASE_NS / S + 1.5) == (policy == "abort")


def test_a_stop_reaches_nothing_more_within_a_second() -> None:
    world = World(12)
    at(world, 3)
    world.machine.ask(Desired.STOP, "enough", world.now_ns)
    asked_ns = world.machine.offset_ns(world.now_ns)
    world.flush()
    world.run_until(RunState.COLLECTING)
    assert max(sent.at_ns for sent in world.log) <= asked_ns + S


@pytest.mark.parametrize("first", range(0, HISTORIES, 50))
def test_random_histories_of_faults(first: int) -> None:
    for seed in range(first, min(first + 50, HISTORIES)):
        _history(seed)


def _history(seed: int) -> None:
    world = World(seed, workers=2 + seed % 4, per_s=100, end_s=14, errands=seed % 3 == 2)
    chance = world.random
    killed_ns: list[int] = []
    deadline_ns = world.now_ns + 90 * S
    try:
        while world.now_ns < deadline_ns:
            world.step()
            if world.controller is None:
                if chance.random() < 0.02:
                    world.start_controller()
                continue
            if world.machine.state in (RunState.COLLECTING, RunState.FAILED):
                break
            if chance.random() < 0.006:
                _fault(world, killed_ns)
        assert world.controller is not None
        assert world.machine.state in (RunState.COLLECTING, RunState.FAILED), world.machine.state
        world.check_the_ledger()
        _check_the_errands(world)
    except BaseException:
        print(f"seed {seed}\n" + "\n".join(world.histories))  # noqa: T201 - what is needed to see it again
        raise


def _check_the_errands(world: World) -> None:
    """Set up once at most; and torn down, if that came to an end, once more for each who was asked and was lost."""
    assert len(world.setups) <= 1
    errands = world.machine.errands
    deadline_ns = world.now_ns + 60 * S
    while errands.owes_teardown and world.machine.state is RunState.COLLECTING and world.now_ns < deadline_ns:
        world.step()
    if world.machine.state is RunState.COLLECTING:
        assert not errands.owes_teardown
    if errands.is_set_up:
        assert errands.teardown is not None
        assert world.teardowns or errands.teardown.state == "unknown"
    assert len(world.teardowns) <= 1 + sum("another does it" in event for event in world.histories)


def _fault(world: World, killed_ns: list[int]) -> None:
    chance = world.random
    host = chance.choice(list(world.hosts.values()))
    match chance.randrange(9):
        case 0 if sum(each.alive for each in world.hosts.values()) > 1:
            world.kill(host)
            killed_ns.append(world.now_ns)
        case 1 if not host.alive:
            world.restart(host)
        case 2:
            host.frozen_until_ns = world.now_ns + chance.randrange(1, 8) * S
        case 3:
            host.cut_until_ns = world.now_ns + chance.randrange(1, 8) * S
        case 4:
            world.drop_lines(host)
        case 5:
            world.kill_controller()
        case 6 if world.machine.state is RunState.RUNNING:
            try:
                world.machine.change_rates([(0, Rate(count=chance.choice((50, 150, 200)), per_ns=S))], world.now_ns)
            except ValueError:
                return
            world.flush()
        case 7 if host.alive and len(world.hosts) > 1:
            for message in host.machine.goodbye("told to end"):
                world.deliver("up", host, message)
        case 8 if len(world.hosts) < 8:
            world.add_host(f"late{len(world.hosts)}")


def test_who_takes_waits_for_the_word_of_who_lets_go() -> None:
    world = World(13)
    at(world, 3)
    host = world.hosts["w1"]
    for message in host.machine.goodbye("told to end"):
        world.deliver("up", host, message)
    while len(world.machine.ledger.revisions) < 2:
        world.step()
    # All have agreed, and the one that was to let go never hears that it holds.
    host.cut_until_ns = world.now_ns + 3 * S
    world.drop_lines(host)
    world.run_until(RunState.COLLECTING)
    world.check_the_ledger()


def test_who_has_not_said_that_it_starts_is_noted_once() -> None:
    world = World(14)
    world.run_until(RunState.ARMED)
    world.hosts["w1"].cut_until_ns = world.now_ns + 2 * S
    world.run_until(RunState.RUNNING)
    assert sum("w1 has not said that it starts" in event for event in world.histories) == 1
