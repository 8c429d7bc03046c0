"""Runs and changes of rates beyond a quota are refused by a real controller, and change nothing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.distributed.installation import Installation, installation, open_plan

from apibench.controller.quotas import Quotas
from apibench.engine.echo_server import EchoServer
from apibench.model.errors import BeyondQuota
from apibench.model.installation import RunRow, RunState
from apibench.model.load import Rate
from apibench.model.quota import Quota
from apibench.store.memory_control import MemoryControlStore

pytestmark = pytest.mark.asyncio
S = 1_000_000_000
NOBODY = "http://127.0.0.1:9"


def per_s(count: int) -> Rate:
    return Rate(count=count, per_ns=S)


async def limited(here: Installation, quota: Quota, actor: str = "") -> None:
    await Quotas(here.store, lambda: here.controller.term).put(quota, actor)


async def beyond(asked: Any) -> list[str]:
    with pytest.raises(BeyondQuota) as refused:
        await asked
    return [f"{fault.place}: {fault.code}" for fault in refused.value.faults]


async def test_a_run_beyond_is_refused_with_all_that_is_and_leaves_nothing(tmp_path: Path) -> None:
    store = MemoryControlStore()
    async with installation(store, tmp_path, 0) as here:
        await limited(here, Quota(per_s(100), 150, 4 * S, 0))
        await limited(here, Quota(per_s(50)), "somebody")
        assert await beyond(here.start(open_plan(NOBODY, 101, 5))) == [
            "quota.rate: quota.rate",
            "quota.vus: quota.vus",
            "quota.duration: quota.duration",
            "quota.runs: quota.runs",
            "token.quota.rate: quota.rate",
        ]
        assert await store.runs(limit=10) == []


async def test_of_many_that_start_at_once_as_many_begin_as_fit(tmp_path: Path) -> None:
    async with installation(MemoryControlStore(), tmp_path, 0) as here:
        await limited(here, Quota(rate=per_s(250), runs=4))
        asked = await asyncio.gather(*(here.start(open_plan(NOBODY, 100, 5)) for _ in range(6)), return_exceptions=True)
        assert sum(isinstance(each, RunRow) for each in asked) == 2
        assert sum(isinstance(each, BeyondQuota) for each in asked) == 4


async def test_a_run_that_is_over_makes_room_and_one_token_s_runs_are_its_own(tmp_path: Path) -> None:
    async with installation(MemoryControlStore(), tmp_path, 0) as here:
        await limited(here, Quota(runs=1), "somebody")
        await limited(here, Quota(runs=0), "somebody else")
        run = await here.start(open_plan(NOBODY, 100, 5))
        assert await beyond(here.start(open_plan(NOBODY, 100, 5))) == ["token.quota.runs: quota.runs"]
        await here.controller.stop(run.run_id, "somebody")
        assert (await here.ended(run.run_id)).state is RunState.FAILED
        assert (await here.start(open_plan(NOBODY, 100, 5))).state is RunState.QUEUED


async def test_the_same_key_again_is_no_second_run_and_no_fault(tmp_path: Path) -> None:
    async with installation(MemoryControlStore(), tmp_path, 0) as here:
        await limited(here, Quota(runs=1))
        first = await here.start(open_plan(NOBODY, 100, 5), idempotency_key="deploy")
        again = await here.start(open_plan(NOBODY, 100, 5), idempotency_key="deploy")
        assert again.run_id == first.run_id


async def test_a_rate_beyond_is_refused_while_the_run_goes_on_as_it_was(tmp_path: Path) -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        async with installation(MemoryControlStore(), tmp_path, 1) as here:
            run = await here.start(open_plan(target.address, 100, 4))
            await here.measuring(run.run_id)
            # Lower than what goes on: a run is not ended by a quota, and may ask for less.
            await limited(here, Quota(per_s(80), 1, S, 0))
            change = here.controller.change_rates
            assert await beyond(change(run.run_id, [("main", per_s(81))], "ann")) == ["quota.rate: quota.rate"]
            answer = await change(run.run_id, [("main", per_s(80))], "ann")
            row = await here.ended(run.run_id)
            counts = here.totals.counts(run.run_id)
        at_ns = answer["effective_ns"]
        expected = (at_ns * 100 + (4 * S - at_ns) * 80) / S
        assert row.ended == "complete"
        assert abs(counts["offered"] - expected) <= 1


async def test_a_changed_rate_is_what_others_find_taken(tmp_path: Path) -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        async with installation(MemoryControlStore(), tmp_path, 1) as here:
            await limited(here, Quota(rate=per_s(100)))
            run = await here.start(open_plan(target.address, 100, 20))
            await here.measuring(run.run_id)
            assert await beyond(here.start(open_plan(NOBODY, 40, 5))) == ["quota.rate: quota.rate"]
            answer = await here.controller.change_rates(run.run_id, [("main", per_s(60))], "ann")
            assert await beyond(here.start(open_plan(NOBODY, 40, 5))) == ["quota.rate: quota.rate"], "not yet in force"
            await here.until(lambda: here.totals.reached_ns(run.run_id) > answer["effective_ns"])
            assert (await here.start(open_plan(NOBODY, 40, 5))).state is RunState.QUEUED
            assert await beyond(here.start(open_plan(NOBODY, 1, 5))) == ["quota.rate: quota.rate"]
