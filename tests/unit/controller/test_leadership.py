"""Who leads, for how long without the database, and how long a successor waits before it holds anybody for silent."""

import os
import socket

import pytest

from apibench.assembly.service_process import holder, is_gone
from apibench.controller.fleet import HEARTBEAT_NS, LEASE_NS, Fleet
from apibench.controller.leadership import GRACE_S, LEASE_S, RENEW_S, Leader
from apibench.model.errors import StoreFailed
from apibench.model.installation import Leadership
from apibench.model.worker import WorkerFacts
from apibench.store.memory_control import MemoryControlStore
from apibench.worker.service import AGAIN_S

pytestmark = pytest.mark.asyncio
S = 1_000_000_000


class Store(MemoryControlStore):
    """Away where a test wants it."""

    away = False

    async def lead(self, holder: str, now_s: float, lease_s: float) -> Leadership:
        """Or not."""
        if self.away:
            raise StoreFailed("it is away", "Wait.")
        return await super().lead(holder, now_s, lease_s)


class Clock:
    """Both clocks of a controller."""

    def __init__(self) -> None:
        self.at_s = 1_000.0

    def __call__(self) -> float:
        return self.at_s


def leader(store: Store, name: str, clock: Clock, *, gone: bool = False) -> Leader:
    return Leader(store, name, is_gone=lambda _: gone, wall_s=clock, monotonic_s=clock)


async def test_one_leads_and_another_follows_when_its_lease_has_run_out() -> None:
    store, clock = Store(), Clock()
    first, second = leader(store, "a", clock), leader(store, "b", clock)
    assert await first.renew()
    assert not await second.renew()
    assert (first.leads, second.leads, second.other) == (True, False, "a")
    clock.at_s += LEASE_S
    assert await second.renew()
    assert (second.term, second.leads) == (2, True)
    assert not await first.renew()
    assert (first.leads, first.other) == (False, "b")


async def test_a_leader_without_its_database_goes_on_for_a_while() -> None:
    store, clock = Store(), Clock()
    first = leader(store, "a", clock)
    await first.renew()
    store.away = True
    clock.at_s += GRACE_S - 1
    assert not await first.renew()
    assert first.leads
    clock.at_s += 1
    assert not first.leads


@pytest.mark.parametrize("end", ["nobody knows", "it is known to have ended", "it resigned"])
async def test_a_successor_waits_for_as_long_as_the_one_before_may_give_leases(end: str) -> None:
    store, clock = Store(), Clock()
    first = leader(store, "a", clock)
    second = leader(store, "b", clock, gone=end == "it is known to have ended")
    await first.renew()
    if end == "it resigned":
        await first.resign()
    clock.at_s += LEASE_S + 2
    assert await second.renew()
    assert second.grace_s == (GRACE_S - LEASE_S - 2 if end == "nobody knows" else 0)
    # The one before stops by itself just when the successor begins to count.
    clock.at_s += second.grace_s
    assert first.leads == (end == "it is known to have ended")


async def test_a_worker_finds_the_next_leader_before_its_own_lease_runs_out() -> None:
    # The leader's lease may have been renewed just before it died, the other looks once every RENEW_S, and a worker
    # that was refused a moment too early waits. What is left is for the runs to be read and for machines that are busy.
    found_s = LEASE_S + RENEW_S + max(AGAIN_S)
    assert found_s < (LEASE_NS - HEARTBEAT_NS) / S - 1.5


async def test_an_expected_worker_is_silent_only_behind_the_grace_and_its_lease() -> None:
    fleet = Fleet(1, lease_ns=10 * S)
    fleet.expect(WorkerFacts("w", "i", "1"), 0, 60 * S)
    assert fleet.newly_silent(70 * S) == []
    assert fleet.newly_silent(71 * S) == ["w"]


async def test_only_a_process_of_this_host_is_known_to_have_ended() -> None:
    host = socket.gethostname()
    assert not is_gone(f"{host}.{os.getppid()}.abcd")
    assert is_gone(f"{host}.{2**22 + 1}.abcd")
    assert is_gone(holder())
    assert not is_gone(f"other-{host}.{2**22 + 1}.abcd")
    assert not is_gone("")
