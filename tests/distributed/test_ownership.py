"""A target that is not allowed is loaded where it shows to be the tester's, and by that run's workers only there."""

import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.distributed.installation import Installation, installation, open_plan

from apibench.assembly.worker_service import choose
from apibench.controller.ownership import Ownership
from apibench.engine.echo_server import EchoServer
from apibench.model.errors import TargetUnproven
from apibench.model.installation import RunState
from apibench.model.proof import PATH
from apibench.store.memory_control import MemoryControlStore

pytestmark = pytest.mark.asyncio
ALLOWED = ("10.0.0.0/8",)
"""Nothing of this machine."""


@dataclass
class Target:
    """What is at an address, and who came."""

    address: str
    file: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def target() -> Iterator[Target]:
    """A server that answers everything, and the file where it has one."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            served.asked.append(self.path)
            found = self.path != PATH or bool(served.file)
            content = "\n".join(served.file).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        served = Target(f"http://127.0.0.1:{server.server_address[1]}")
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield served
        finally:
            server.shutdown()
            serving.join()


def proving(store: MemoryControlStore) -> dict[str, Any]:
    """A controller to which loopback is an address like any other."""
    return {"allowed": ALLOWED, "ownership": Ownership(store, lambda: 1, ALLOWED, provable=lambda _: True)}


async def unproven(here: Installation, plan: dict[str, Any]) -> list[str]:
    with pytest.raises(TargetUnproven) as refused:
        await here.start(plan)
    return [fault.message for fault in refused.value.faults]


async def test_what_is_proven_is_loaded_and_is_asked_again_for_each_run(tmp_path: Path, target: Target) -> None:
    store = MemoryControlStore()
    words = proving(store)
    async with installation(store, tmp_path, 1, choose, **words) as here:
        plan = open_plan(target.address, 50, 2)
        assert await unproven(here, plan) == ["127.0.0.1 is not allowed here, and not proven: status 404"]
        assert await store.runs(limit=10) == []
        target.file = ["# of the shop", await words["ownership"].line("127.0.0.1")]
        run = await here.start(plan)
        row = await here.ended(run.run_id)
        assert (row.state, row.reason, row.options["proven"]) == (RunState.FINISHED, "", ["127.0.0.1"])
        assert here.totals.counts(run.run_id)["ok"] == 100 == target.asked.count("/")
        target.file = []
        assert len(await unproven(here, plan)) == 1
        assert target.asked.count(PATH) == 3
        assert target.asked.count("/") == 100


async def test_the_proof_of_one_target_opens_no_other(tmp_path: Path, target: Target) -> None:
    store = MemoryControlStore()
    words = proving(store)
    with EchoServer(http="127.0.0.2:0") as other:
        async with installation(store, tmp_path, 1, choose, **words) as here:
            target.file = [await words["ownership"].line("127.0.0.1")]
            plan = open_plan(target.address, 50, 1)
            plan["hosts"]["other"] = {"base_url": other.address}
            plan["scenarios"][0]["steps"].append({"type": "request", "host": "other"})
            (message,) = await unproven(here, plan)
        assert message.startswith("127.0.0.2 ")
        assert (other.counts()["requests"], target.asked) == (1, [PATH]), "each was asked for its file"


async def test_without_proofs_a_worker_denies_what_is_not_allowed(tmp_path: Path, target: Target) -> None:
    store = MemoryControlStore()
    async with installation(store, tmp_path, 1, choose, allowed=ALLOWED) as here:
        run = await here.start(open_plan(target.address, 50, 1))
        row = await here.ended(run.run_id)
    assert row.state is RunState.FAILED
    assert "may not be connected to" in row.reason
    assert target.asked == []


async def test_metadata_is_denied_by_workers_whatever_is_proven(tmp_path: Path) -> None:
    store = MemoryControlStore()

    async def everything(*_: object) -> list[str]:
        return [await ownership.line("169.254.169.254")]

    ownership = Ownership(store, lambda: 1, ALLOWED, provable=lambda _: True, lines=everything)
    async with installation(store, tmp_path, 1, choose, allowed=ALLOWED, ownership=ownership) as here:
        run = await here.start(open_plan("http://169.254.169.254", 50, 1))
        row = await here.ended(run.run_id)
    assert row.options["proven"] == ["169.254.169.254"]
    assert (row.state, "metadata" in row.reason) == (RunState.FAILED, True)
