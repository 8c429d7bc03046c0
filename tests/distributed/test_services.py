"""Controller and workers at work: real engines, a real target that counts for itself, one process."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.distributed.installation import Totals, installation, open_plan

from apibench.controller.service import Controller
from apibench.engine.echo_server import EchoServer
from apibench.model.errors import CertificatesUnusable, LinkLost, StaleTerm, UsageError
from apibench.model.installation import RunRow, RunState
from apibench.model.load import Rate
from apibench.model.submission import RunSubmission
from apibench.store.memory_control import MemoryControlStore
from apibench.wire.in_process import InProcessControllerLink

pytestmark = pytest.mark.asyncio
S = 1_000_000_000


def spooled_in(folder: Path) -> list[Path]:
    """Files of results that nobody has confirmed."""
    return list(folder.rglob("*.spool"))


async def test_three_workers_make_one_load_and_every_request_is_counted(tmp_path: Path) -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        async with installation(MemoryControlStore(), tmp_path, 3) as here:
            run = await here.start(open_plan(target.address, 300, 2))
            row = await here.ended(run.run_id)
            assert (row.state, row.ended, row.reason) == (RunState.FINISHED, "complete", "")
            counts = here.totals.counts(run.run_id)
            assert len({segment for _, segment in here.totals.batches}) == 3
        assert counts["offered"] == 600
        assert counts["ok"] == 600 == target.counts()["requests"]


async def test_a_worker_that_leaves_hands_its_share_over_and_nothing_is_missing(tmp_path: Path) -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        async with installation(MemoryControlStore(), tmp_path, 2) as here:
            run = await here.start(open_plan(target.address, 200, 5))
            await here.measuring(run.run_id)
            here.workers["w0"].leave()
            await asyncio.wait_for(here.tasks["w0"], 10)
            row = await here.ended(run.run_id)
            counts = here.totals.counts(run.run_id)
        assert row.ended == "complete"
        assert counts["offered"] == 1_000
        assert counts["ok"] == 1_000 == target.counts()["requests"]


async def test_a_rate_is_changed_while_it_runs_on_all_at_one_moment(tmp_path: Path) -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        async with installation(MemoryControlStore(), tmp_path, 3) as here:
            run = await here.start(open_plan(target.address, 100, 5))
            await here.measuring(run.run_id)
            answer = await here.controller.change_rates(run.run_id, [("main", Rate(count=400, per_ns=S))], "somebody")
            row = await here.ended(run.run_id)
            counts = here.totals.counts(run.run_id)
        at_ns = answer["effective_ns"]
        assert row.ended == "complete"
        # The cumulative rate is one curve over both, and offered is that curve at its end, rounded.
        assert counts["offered"] == (at_ns * 100 + (5 * S - at_ns) * 400 + S // 2) // S
        assert counts["ok"] == counts["offered"] == target.counts()["requests"]


async def test_a_stop_ends_it_politely_and_an_abort_at_once(tmp_path: Path) -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        async with installation(MemoryControlStore(), tmp_path, 2) as here:
            for verb, ended in ((here.controller.stop, "interrupted"), (here.controller.abort, "aborted")):
                run = await here.start(open_plan(target.address, 100, 60))
                await here.measuring(run.run_id)
                await verb(run.run_id, "somebody")
                row = await here.ended(run.run_id)
                assert (row.state, row.ended) == (RunState.FINISHED, ended)
                facts = here.totals.facts[run.run_id]
                assert facts.stopped_ns is not None
                assert abs(facts.stopped_ns - here.totals.reached_ns(run.run_id)) < S
                await here.until(lambda: here.idle() == 2)
        sent = sum(sum(here.totals.counts(run_id)[name] for name in ("ok", "failed")) for run_id in here.totals.facts)
        assert target.counts()["requests"] >= sent > 0


async def test_a_target_that_is_not_there_fails_the_run_before_it_begins(tmp_path: Path) -> None:
    async with installation(MemoryControlStore(), tmp_path, 2) as here:
        run = await here.start(open_plan("http://nobody.invalid:1", 100, 1))
        row = await here.ended(run.run_id)
    assert row.state is RunState.FAILED
    assert "cannot prepare" in row.reason
    assert "nobody.invalid" in row.reason


async def test_a_run_waits_for_workers_and_fails_in_the_end(tmp_path: Path) -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        async with installation(MemoryControlStore(), tmp_path, 1) as here:
            few = await here.start(open_plan(target.address, 10, 1), workers=2, patience_s=1)
            assert (await here.ended(few.run_id)).reason == "there were not enough idle workers within 1 s"
            enough = await here.start(open_plan(target.address, 10, 1), workers=2, patience_s=20)
            here.add_worker("w9")
            assert (await here.ended(enough.run_id)).ended == "complete"


async def test_results_that_nobody_takes_wait_in_the_spool(tmp_path: Path) -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        async with installation(MemoryControlStore(), tmp_path, 2) as here:
            run = await here.start(open_plan(target.address, 100, 3))
            await here.measuring(run.run_id)
            here.results.cut()
            await asyncio.sleep(2)
            here.results.mend()
            await here.ended(run.run_id)
            assert here.totals.counts(run.run_id)["ok"] == 300 == target.counts()["requests"]
        assert spooled_in(tmp_path) == []


async def test_a_worker_that_hears_nothing_stops_within_its_lease_and_another_goes_on(tmp_path: Path) -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        async with installation(MemoryControlStore(), tmp_path, 2) as here:
            run = await here.start(open_plan(target.address, 200, 8))
            await here.measuring(run.run_id)
            # Only one of them: its way to the controller is dead, and its engine is alive.
            session = here.workers["w0"]._session
            assert session is not None
            here.workers["w0"]._controllers = []
            await session.close()
            row = await here.ended(run.run_id)
            counts = here.totals.counts(run.run_id)
            facts = here.totals.facts[run.run_id]
        assert row.ended == "complete"
        assert sorted(each.fate.value for each in facts.segments) == ["finished", "lost"]
        # What fell due between the end of one lease and the next owner's start is lost, and never sent later.
        assert 200 * 8 - 200 * 4 < counts["offered"] <= 200 * 8
        assert counts["ok"] == target.counts()["requests"]


async def test_a_worker_whose_certificate_can_t_be_used_comes_once_it_can(tmp_path: Path) -> None:
    class Expired(InProcessControllerLink):
        refusals = 2

        async def attach(self) -> Any:
            if self.refusals:
                self.refusals -= 1
                raise CertificatesUnusable("worker.pem: the certificate expired on 2026-11-25", "Bring another.")
            return await super().attach()

    async with installation(MemoryControlStore(), tmp_path, 0) as here:
        here.add_worker("w0")._controllers = [Expired(here.controller)]
        await here.until(lambda: here.idle() == 1)


async def test_the_kill_switch_also_ends_a_run_that_is_just_being_written_down(tmp_path: Path) -> None:
    class Slow(MemoryControlStore):
        async def add_run(self, term: int, row: RunRow) -> RunRow:
            kept = await super().add_run(term, row)
            await here.controller.kill("enough", "ann")
            return kept

    async with installation(Slow(), tmp_path, 0) as here:
        run = await here.start(open_plan("http://127.0.0.1:9", 100, 5))
        row = await here.ended(run.run_id)
    assert (row.state, row.reason) == (RunState.FAILED, "enough")


async def test_a_standby_takes_no_orders_and_the_kill_switch_outlives_its_controller() -> None:
    store, totals = MemoryControlStore(), Totals()
    first, standby = (Controller(store, name, lambda _: totals) for name in ("c1", "c2"))
    leading = asyncio.create_task(first.run())
    await until(lambda: first.term == 1)
    standing_by = asyncio.create_task(standby.run())
    await asyncio.sleep(0.2)
    for order in (
        standby.kill("x", "ann"),
        standby.stop("r1", "ann"),
        standby.abort("r1", "ann"),
        standby.change_rates("r1", [], "ann"),
    ):
        with pytest.raises(LinkLost, match="does not lead"):
            await order
    await first.kill("enough", "ann")
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
    await until(lambda: standby.killed == "enough")
    await standby.announced("")
    with pytest.raises(UsageError, match="enough"):
        await standby.submit(RunSubmission("{}", ""), "ann")
    await standby.revive("ann")
    assert (standby.killed, await store.setting("killed")) == ("", "")
    standing_by.cancel()
    await asyncio.gather(standing_by, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that may raise before it does."""
    async with asyncio.timeout(15):
        while True:
            with contextlib.suppress(StaleTerm):
                if holds():
                    return
            await asyncio.sleep(0.02)
