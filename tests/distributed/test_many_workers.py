"""The protocol with a thousand workers, in virtual time: they begin at one instant, and none costs the others more."""

import random
import sys
from collections.abc import Callable

import pytest
from tests.distributed.simulation import LEASE_NS, MS, S, World

from apibench.model.aggregation import Fate
from apibench.model.control import ChangeAnswer, WorkerMessage
from apibench.model.installation import RunState
from apibench.model.load import Rate

WORKERS = 1_000
APART_NS = 50 * MS
"""How far apart workers may begin."""
DEATHS = 20


def begun(world: World) -> list[int]:
    """When each engine was told to begin, by the clock that none of them has."""
    engines = [(host, engine) for host in world.hosts.values() for engine in host.engines.values()]
    return [engine.barrier_ns - host.clock_offset_ns for host, engine in engines if engine.barrier_ns is not None]


def test_a_thousand_workers_begin_at_one_instant_and_send_each_arrival_once() -> None:
    world = World(20, workers=WORKERS, per_s=500, end_s=6)
    world.run_until(RunState.COLLECTING)
    moments, members = begun(world), world.machine.members.values()
    assert len(moments) == WORKERS
    assert max(moments) - min(moments) <= APART_NS
    assert max(moments) - min(moments) <= 2 * max(member.clock_error_ns for member in members), "it is told truly"
    assert {member.fate for member in members} == {Fate.FINISHED}
    assert len(world.seen) == 500 * 6
    world.check_the_ledger()


@pytest.mark.parametrize("seed", [21])
def test_some_of_a_thousand_die_and_the_others_have_their_shares_within_a_lease_and_two_seconds(seed: int) -> None:
    world = World(seed, workers=WORKERS, per_s=500, end_s=12)
    chance = random.Random(seed)  # noqa: S311 - chance for a test
    try:
        world.run_until(RunState.RUNNING)
        condemned = chance.sample(list(world.hosts.values()), DEATHS)
        dies_ns = [world.now_ns + chance.randrange(3 * S) for _ in condemned]
        while condemned:
            world.step()
            while condemned and dies_ns[-1] <= world.now_ns:
                world.kill(condemned.pop())
                dies_ns.pop()
        last_ns = world.machine.offset_ns(world.now_ns)
        world.run_until(RunState.COLLECTING)
        world.check_the_ledger()
    except BaseException:
        print(f"seed {seed}\n" + "\n".join(world.histories))  # noqa: T201 - what is needed to see it again
        raise
    due = world.owed(world.machine.ledger)
    missing = [due[number] for number in range(len(due)) if number not in world.seen]
    assert missing, "nobody has died that had anything to send"
    assert max(missing) <= last_ns + LEASE_NS * 1.01 + 2 * S
    fates = [member.fate for member in world.machine.members.values()]
    assert (fates.count(Fate.LOST), fates.count(Fate.FINISHED)) == (DEATHS, WORKERS - DEATHS)


def test_a_heartbeat_among_many_costs_what_it_costs_among_few() -> None:
    assert heartbeat_costs(10) == heartbeat_costs(400)


def heartbeat_costs(workers: int) -> int:
    """How many functions are called for one that says nothing new, in the middle of a run."""
    world = World(22, workers=workers, per_s=50, end_s=60)
    world.run_until(RunState.RUNNING)
    world.run(2)
    host = world.hosts["w1"]
    # What the first one says of the segment is news.
    hear(world, host.machine.heartbeat(host.now_ns()))
    heartbeat = host.machine.heartbeat(host.now_ns())
    return calls_of(lambda: hear(world, heartbeat))


def test_an_answer_to_a_change_among_many_costs_what_it_costs_among_few() -> None:
    assert answer_costs(10) == answer_costs(400)


def answer_costs(workers: int) -> int:
    """How many functions are called for one that others are still waited for."""
    world = World(23, workers=workers, per_s=50, end_s=60)
    world.run_until(RunState.RUNNING)
    world.machine.change_rates([(0, Rate(count=70, per_ns=S))], world.now_ns)
    segment = next(each.segment for each in world.machine.members_of("w1"))
    answer = ChangeAnswer("run", segment, world.machine.ledger.last.number + 1)
    return calls_of(lambda: hear(world, answer))


def hear(world: World, message: WorkerMessage) -> None:
    world.orchestration.hear("w1", message, world.now_ns)


def calls_of(work: Callable[[], None]) -> int:
    """Of functions of Python and of C."""
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls
